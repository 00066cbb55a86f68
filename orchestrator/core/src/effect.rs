//! Effects: what the engine asks of the world. All but none of them are due work, kept until done.

use crate::ids::{AttemptId, Ms};
use crate::plan::NoticeKind;
use serde::{Deserialize, Serialize};

/// One piece of due work. Its key makes it unique within its run: asking twice is asking once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Evaluate the flow.
    Advance,
    /// Launch an attempt on its host.
    Launch(AttemptId),
    /// End an attempt on its host and verify it.
    Stop(AttemptId),
    /// Ask the host about an attempt.
    Probe(AttemptId),
    /// Tell the host that the result is committed.
    Ack(AttemptId),
    /// Tell the host of an attempt how its question was answered.
    Answer {
        /// The attempt.
        attempt: AttemptId,
        /// Number of the question in the attempt's event log.
        seq: u64,
    },
    /// Something is due.
    Timer(Timer),
    /// Let a queued run in, if there is room.
    Start,
    /// Cancel the runs that a queued run displaces.
    MakeRoom,
    /// Perform the next try of a step that the server itself performs.
    Try(u32),
    /// Make the run of a `child` step.
    Child(u32),
    /// Cancel the run of a `child` step.
    CancelChild(u32),
    /// Tell the parent how this run ended.
    Report,
    /// See whether the outside event of a step is there.
    Event(u32),
    /// Tell somebody of the event with this number.
    Notify {
        /// What of.
        what: NoticeKind,
        /// Number of the event.
        seq: u64,
    },
}

/// What can be due.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timer {
    /// The run's deadline.
    RunDeadline,
    /// A step's deadline; for `sleep` its end.
    Step(u32),
    /// The next attempt of a step.
    Retry(u32),
    /// The first sign of life of an attempt.
    Started(AttemptId),
    /// The next heartbeat of an attempt.
    Heartbeat(AttemptId),
    /// A stop that could not be verified in time.
    StopAnswer(AttemptId),
    /// The next reminder of an approval.
    Remind(u32),
    /// More people are to decide about an approval.
    Escalate(u32),
    /// The limit of `on_exit`.
    Exit,
    /// The run takes longer than it should.
    Overdue,
}

impl Work {
    /// The class of work: each class has its own claim, so that slow launches do not hold up timers.
    #[must_use]
    pub const fn class(&self) -> WorkClass {
        match self {
            Self::Advance => WorkClass::Advance,
            Self::Launch(_) => WorkClass::Launch,
            Self::Stop(_) | Self::Probe(_) | Self::Ack(_) | Self::Answer { .. } => WorkClass::Host,
            Self::Timer(_) => WorkClass::Timer,
            Self::Try(_) | Self::Notify { .. } => WorkClass::Outbound,
            Self::Start | Self::MakeRoom | Self::Child(_) | Self::CancelChild(_) | Self::Report | Self::Event(_) => WorkClass::Link,
        }
    }

    /// Whether it is still owed when the run is over.
    #[must_use]
    pub const fn outlives_run(&self) -> bool {
        matches!(self, Self::Stop(_) | Self::Ack(_) | Self::Report | Self::Notify { .. } | Self::CancelChild(_))
    }

    /// The key within the run, as stored.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Advance => "advance".to_owned(),
            Self::Launch(id) => format!("launch:{id}"),
            Self::Stop(id) => format!("stop:{id}"),
            Self::Probe(id) => format!("probe:{id}"),
            Self::Ack(id) => format!("ack:{id}"),
            Self::Answer { attempt, seq } => format!("tell:{seq}:{attempt}"),
            Self::Timer(Timer::RunDeadline) => "deadline".to_owned(),
            Self::Timer(Timer::Step(call)) => format!("step:{call}"),
            Self::Timer(Timer::Retry(call)) => format!("retry:{call}"),
            Self::Timer(Timer::Started(id)) => format!("started:{id}"),
            Self::Timer(Timer::Heartbeat(id)) => format!("beat:{id}"),
            Self::Timer(Timer::StopAnswer(id)) => format!("answer:{id}"),
            Self::Timer(Timer::Remind(call)) => format!("remind:{call}"),
            Self::Timer(Timer::Escalate(call)) => format!("escalate:{call}"),
            Self::Timer(Timer::Exit) => "exit".to_owned(),
            Self::Timer(Timer::Overdue) => "overdue".to_owned(),
            Self::Start => "start".to_owned(),
            Self::MakeRoom => "make_room".to_owned(),
            Self::Try(call) => format!("try:{call}"),
            Self::Child(call) => format!("child:{call}"),
            Self::CancelChild(call) => format!("cancel_child:{call}"),
            Self::Report => "report".to_owned(),
            Self::Event(call) => format!("event:{call}"),
            Self::Notify { what, seq } => format!("notify:{}:{seq}", what.as_str()),
        }
    }

    /// The work that a stored key names.
    #[must_use]
    pub fn parse(key: &str) -> Option<Self> {
        let (word, rest) = key.split_once(':').unwrap_or((key, ""));
        let attempt = || AttemptId::parse(rest).ok();
        let call = || rest.parse().ok();
        Some(match word {
            "advance" => Self::Advance,
            "launch" => Self::Launch(attempt()?),
            "stop" => Self::Stop(attempt()?),
            "probe" => Self::Probe(attempt()?),
            "ack" => Self::Ack(attempt()?),
            "tell" => {
                let (seq, attempt) = rest.split_once(':')?;
                Self::Answer { attempt: AttemptId::parse(attempt).ok()?, seq: seq.parse().ok()? }
            }
            "deadline" => Self::Timer(Timer::RunDeadline),
            "step" => Self::Timer(Timer::Step(call()?)),
            "retry" => Self::Timer(Timer::Retry(call()?)),
            "started" => Self::Timer(Timer::Started(attempt()?)),
            "beat" => Self::Timer(Timer::Heartbeat(attempt()?)),
            "answer" => Self::Timer(Timer::StopAnswer(attempt()?)),
            "remind" => Self::Timer(Timer::Remind(call()?)),
            "escalate" => Self::Timer(Timer::Escalate(call()?)),
            "exit" => Self::Timer(Timer::Exit),
            "overdue" => Self::Timer(Timer::Overdue),
            "start" => Self::Start,
            "make_room" => Self::MakeRoom,
            "try" => Self::Try(call()?),
            "child" => Self::Child(call()?),
            "cancel_child" => Self::CancelChild(call()?),
            "report" => Self::Report,
            "event" => Self::Event(call()?),
            "notify" => {
                let (what, seq) = rest.split_once(':')?;
                Self::Notify { what: NoticeKind::parse(what)?, seq: seq.parse().ok()? }
            }
            _ => return None,
        })
    }
}

/// A class of due work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum WorkClass {
    /// Evaluations.
    Advance = 0,
    /// Launches.
    Launch = 1,
    /// Other questions to hosts.
    Host = 2,
    /// Timers.
    Timer = 3,
    /// Requests that the server sends.
    Outbound = 4,
    /// Between runs: starts, children, events. The store alone is asked.
    Link = 5,
}

impl WorkClass {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Advance, Self::Launch, Self::Host, Self::Timer, Self::Outbound, Self::Link];
}

/// A change to the due work of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Do this at this time; a key that is already there gets the new time.
    Put {
        /// What.
        work: Work,
        /// When, Unix milliseconds.
        at: Ms,
    },
    /// Not needed any more.
    Drop {
        /// What.
        work: Work,
    },
    /// Drop all due work of the run but what [`Work::outlives_run`]: the run is over.
    DropAll,
    /// Put [`Work::Start`] of the queued run that is next for this limit key: a place has become free.
    StartNext {
        /// The key of [`crate::plan::RunLimit`].
        key: String,
    },
    /// Put [`Work::Start`] of queued runs of this flow that wait for older releases: one of those is over.
    StartDrained {
        /// Name of the flow.
        flow: String,
    },
}
