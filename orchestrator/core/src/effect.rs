//! Effects: what the engine asks of the world. All but none of them are due work, kept until done.

use crate::ids::{AttemptId, Ms};
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
    /// Something is due.
    Timer(Timer),
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
}

impl Work {
    /// The class of work: each class has its own claim, so that slow launches do not hold up timers.
    #[must_use]
    pub const fn class(&self) -> WorkClass {
        match self {
            Self::Advance => WorkClass::Advance,
            Self::Launch(_) => WorkClass::Launch,
            Self::Stop(_) | Self::Probe(_) | Self::Ack(_) => WorkClass::Host,
            Self::Timer(_) => WorkClass::Timer,
        }
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
            Self::Timer(Timer::RunDeadline) => "deadline".to_owned(),
            Self::Timer(Timer::Step(call)) => format!("step:{call}"),
            Self::Timer(Timer::Retry(call)) => format!("retry:{call}"),
            Self::Timer(Timer::Started(id)) => format!("started:{id}"),
            Self::Timer(Timer::Heartbeat(id)) => format!("beat:{id}"),
            Self::Timer(Timer::StopAnswer(id)) => format!("answer:{id}"),
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
            "deadline" => Self::Timer(Timer::RunDeadline),
            "step" => Self::Timer(Timer::Step(call()?)),
            "retry" => Self::Timer(Timer::Retry(call()?)),
            "started" => Self::Timer(Timer::Started(attempt()?)),
            "beat" => Self::Timer(Timer::Heartbeat(attempt()?)),
            "answer" => Self::Timer(Timer::StopAnswer(attempt()?)),
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
}

impl WorkClass {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Advance, Self::Launch, Self::Host, Self::Timer];
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
    /// Drop all due work of the run that is not about stopping or acknowledging a job: the run is over.
    DropAll,
}
