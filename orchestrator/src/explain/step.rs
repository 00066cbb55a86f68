//! What each open step waits for.

use super::attempt::{self, AttemptFacts};
use super::waker::due_at;
use super::words::{ago, ahead, count, span};
use super::{Facts, Scheduled};
use crate::clock::rfc3339;
use serde::Serialize;
use sortie_core::call::{CallSpec, JobSpec, WaitAuth};
use sortie_core::effect::{Timer, Work};
use sortie_core::ids::AttemptId;
use sortie_core::limits::REMINDERS;
use sortie_core::state::AttemptState;
use sortie_core::value::usd;
use sortie_core::view::{ApprovalStep, Decision, JobStep, Step, StepKind, Tries};

/// An open step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepFacts {
    /// Its call number.
    pub call: u32,
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// Id of what is waited for: attempt, wait, approval, run.
    pub id: Option<String>,
    /// In words: what it waits for.
    pub doing: String,
    /// Since when.
    pub since: Option<String>,
    /// When its own time is over.
    pub deadline_at: String,
    /// Its newest attempt, where it is a job.
    pub attempt: Option<AttemptFacts>,
    /// Attempts of earlier lives of the step that have to be over before that one is launched.
    pub behind: Vec<AttemptFacts>,
}

/// The open steps, in call order.
pub(super) fn open(facts: &Facts<'_>) -> Vec<StepFacts> {
    facts.steps.iter().filter(|step| step.is_open()).map(|step| one(facts, step)).collect()
}

fn one(facts: &Facts<'_>, step: &Step) -> StepFacts {
    let scheduled = facts.specs.get(&step.call);
    let (id, doing, attempt) = match &step.kind {
        StepKind::Job(job) => job_words(facts, step, job, scheduled),
        StepKind::Wait { wait } => (Some(wait.to_string()), wait_words(facts, step, scheduled), None),
        StepKind::Sleep {} => (None, format!("it sleeps; it ends {}.", ahead(step.deadline_at, facts.now)), None),
        StepKind::Http(tries) => (None, tries_words(facts, "a request of the server", tries), None),
        StepKind::Artifact(tries) => (None, tries_words(facts, "a text to be kept", tries), None),
        StepKind::Event { name, key } => {
            (None, format!("the outside event `{name}` with the key `{key}`; nothing of the kind has come so far."), None)
        }
        StepKind::Approval(approval) => (Some(approval.id.to_string()), approval_words(facts, step, approval, scheduled), None),
        StepKind::Child { run, stopping, .. } => {
            let word = if stopping.is_some() { "is being cancelled" } else { "is not over" };
            (Some(run.to_string()), format!("the run {run}, which {word}."), None)
        }
    };
    StepFacts {
        call: step.call,
        name: step.name.clone(),
        kind: step.kind.as_str().to_owned(),
        id,
        doing,
        since: scheduled.map(|scheduled| rfc3339(scheduled.at)),
        deadline_at: rfc3339(step.deadline_at),
        attempt,
        behind: behind(facts, step),
    }
}

/// What the newest attempt of a job waits behind.
fn behind(facts: &Facts<'_>, step: &Step) -> Vec<AttemptFacts> {
    let StepKind::Job(job) = &step.kind else { return Vec::new() };
    job.behind.iter().filter_map(|id| facts.attempt(id)).map(|row| attempt::of(facts, step, row)).collect()
}

fn job_words(
    facts: &Facts<'_>,
    step: &Step,
    job: &JobStep,
    scheduled: Option<&Scheduled>,
) -> (Option<String>, String, Option<AttemptFacts>) {
    let row = job.attempt.as_ref().and_then(|id| facts.attempt(id));
    let id = job.attempt.as_ref().map(ToString::to_string);
    let command = match scheduled.map(|scheduled| &scheduled.spec) {
        Some(CallSpec::Job(JobSpec { agent: Some(agent), .. })) => format!(" (agent {})", agent.kind),
        Some(CallSpec::Job(spec)) => spec.command.first().map(|word| format!(" (`{word}`)")).unwrap_or_default(),
        _ => String::new(),
    };
    if job.parked {
        let text = format!(
            "attempt {} of the job{command} has ended to wait for {}; the next one goes on with its session when they are answered.{}",
            job.number,
            count(job.asking.len(), "question"),
            agent_words(job)
        );
        return (id, text, row.map(|row| attempt::of(facts, step, row)));
    }
    if let Some(at) = job.retry_at.filter(|_| row.is_none_or(|row| row.state.is_over())) {
        let left = job.retry.attempts.saturating_sub(job.used);
        let text = format!(
            "attempt {} of the job{command} failed; the next one is due {}, {} left.",
            job.number,
            ahead(at, facts.now),
            count(left as usize, "attempt")
        );
        return (id, text, row.map(|row| attempt::of(facts, step, row)));
    }
    match row {
        Some(row) => {
            let known = attempt::of(facts, step, row);
            let doing = if job.behind.is_empty() || row.state != AttemptState::Scheduled { known.doing.clone() } else { after(facts, job) };
            (id, format!("attempt {} of the job{command}: {doing}{}", row.number, agent_words(job)), Some(known))
        }
        None => (id, format!("the job{command} is about to be launched."), None),
    }
}

/// What is to be known of an agent, and of a machine that may have been copied.
fn agent_words(job: &JobStep) -> String {
    let asks = match job.asking.len() {
        0 => String::new(),
        open => format!(" It asks people ({}): its time stands still until they have answered.", count(open, "question")),
    };
    let spent = job.spent;
    let used = if spent.is_nothing() {
        String::new()
    } else {
        format!(
            " Attempts before it have used {} USD and {}.",
            usd(spent.usd_micros),
            count(usize::try_from(spent.tokens()).unwrap_or(usize::MAX), "token")
        )
    };
    let cloned = if job.cloned {
        " Two machines say that they run it: one is a clone of the other. The first is believed; find the other, and end what runs there."
    } else {
        ""
    };
    let asks = if job.parked { "" } else { &asks };
    format!("{asks}{used}{cloned}")
}

/// It is launched when attempts of earlier lives of its step are over: two must not run at once.
fn after(facts: &Facts<'_>, job: &JobStep) -> String {
    let one = |id: &AttemptId| {
        let host = facts.attempt(id).and_then(|row| facts.host_of(row)).map(|(host, _)| format!(" on {host}"));
        format!("{id}{}", host.unwrap_or_default())
    };
    let names: Vec<String> = job.behind.iter().map(one).collect();
    let are = if names.len() == 1 { "is" } else { "are" };
    format!("it is launched when {}, of an earlier life of the step, {are} over.", names.join(" and "))
}

fn wait_words(facts: &Facts<'_>, step: &Step, scheduled: Option<&Scheduled>) -> String {
    let who = match scheduled.map(|scheduled| &scheduled.spec) {
        Some(CallSpec::Wait(spec)) => match spec.auth {
            WaitAuth::Token if spec.roles.is_empty() => "whoever holds its URL and token".to_owned(),
            WaitAuth::Token => format!("whoever holds its URL and token, or {}", spec.roles.join(", ")),
            WaitAuth::Url => "whoever holds its URL".to_owned(),
            WaitAuth::Operator if spec.roles.is_empty() => "an operator".to_owned(),
            WaitAuth::Operator => format!("an operator with the role {}", spec.roles.join(" or ")),
        },
        _ => "somebody outside".to_owned(),
    };
    let kept =
        if step.kept == 0 { String::new() } else { format!(" {} came that did not answer it.", count(step.kept as usize, "callback")) };
    format!("an answer by {who}, until {}.{kept}", until(facts, step))
}

fn approval_words(facts: &Facts<'_>, step: &Step, approval: &ApprovalStep, scheduled: Option<&Scheduled>) -> String {
    let title = match scheduled.map(|scheduled| &scheduled.spec) {
        Some(CallSpec::Approval(spec)) => format!("`{}`", spec.title),
        _ => "a question".to_owned(),
    };
    let approved = approval.votes.iter().filter(|vote| vote.decision == Decision::Approve).count();
    let who = if approval.approvers.is_empty() { "any operator".to_owned() } else { approval.approvers.join(", ") };
    let reminded = reminders(facts, step, approval);
    format!("people decide about {title}: {approved} of {} approved, by {who}, until {}.{reminded}", approval.quorum, until(facts, step))
}

/// Reminders so far, and the next one, where there will be one.
fn reminders(facts: &Facts<'_>, step: &Step, approval: &ApprovalStep) -> String {
    let next = approval.remind_at.filter(|at| approval.reminded < REMINDERS && *at < step.deadline_at).map(|at| ahead(at, facts.now));
    let sent = count(approval.reminded as usize, "reminder");
    match (approval.reminded, next) {
        (0, None) => String::new(),
        (0, Some(next)) => format!(" A reminder is due {next}."),
        (_, None) => format!(" {sent} sent."),
        (_, Some(next)) => format!(" {sent} sent, the next one is due {next}."),
    }
}

fn tries_words(facts: &Facts<'_>, what: &str, tries: &Tries) -> String {
    match tries.retry_at {
        Some(at) => format!("{what}; try {} failed, the next one is due {}.", tries.number, ahead(at, facts.now)),
        None if tries.under_way => format!(
            "{what}; try {} is under way. Should the server end before it does, it is made again with the same idempotency key.",
            tries.number
        ),
        None if tries.number == 0 => format!("{what}; the first try is about to be made."),
        None => format!("{what}; try {} is about to be made.", tries.number + 1),
    }
}

/// When the step's own time is over, in words.
fn until(facts: &Facts<'_>, step: &Step) -> String {
    let timer = due_at(facts, |work| *work == Work::Timer(Timer::Step(step.call))).unwrap_or(step.deadline_at);
    match u64::try_from(timer - facts.now) {
        Ok(left) if left > 0 => format!("{} ({} left)", rfc3339(timer), span(left)),
        _ => format!("{} (over since {})", rfc3339(timer), ago(timer, facts.now)),
    }
}
