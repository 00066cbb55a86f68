//! The verbs: one file each. All are idempotent; every one that names an attempt first finds a successor for a dead supervisor.

mod answer;
mod cancel;
mod claim;
mod collect;
mod doctor;
mod fetch;
mod gc;
mod launch;
mod list;
mod logs;
mod programs;
mod reach;
mod rekey;
pub mod resume;
mod status;

pub use doctor::user_name;

use crate::attempt::Attempt;
use crate::root::{AttemptId, Root};
use crate::spawn::{Called, Ready};
use crate::{clock, view};
use sortie_protocol::verb::{Answer, Refusal, Reply, Request, Verb};
use sortie_protocol::version::Mismatch;
use sortie_protocol::{VERSION, speaks};

/// A refusal with its explanation. Nothing was done.
#[derive(Debug)]
pub struct Fault(pub Refusal, pub String);

impl Fault {
    fn usage(message: impl Into<String>) -> Self {
        Self(Refusal::Usage, message.into())
    }
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        Self(Refusal::Resources, error.to_string())
    }
}

/// Answer one request.
pub fn answer(root: &Root, request: Request) -> Answer {
    let id = request.id;
    let reply = run(root, request).unwrap_or_else(|Fault(refusal, message)| Reply::Refused { refusal, message });
    Answer { v: VERSION, id, reply }
}

fn run(root: &Root, request: Request) -> Result<Reply, Fault> {
    if !speaks(request.v) {
        return Err(Fault(Refusal::Version, Mismatch::Version(request.v.into()).to_string()));
    }
    let creates = matches!(request.verb, Verb::Doctor { create_marker: true });
    let marker = root.marker();
    let right = match &request.marker {
        None => creates,
        asked => *asked == marker,
    };
    if !right {
        return Err(Fault(Refusal::WrongMachine, "the marker of the state root is another one, or absent".to_owned()));
    }
    match request.verb {
        Verb::Launch { spec, spec_digest, credentials } => launch::run(root, &spec, &spec_digest, &credentials),
        Verb::Status { attempts, seal } => status::run(root, &attempts, seal),
        Verb::Collect { attempt, after_seq } => collect::run(&named(root, &attempt)?, after_seq),
        Verb::Ack { attempt, seq } => collect::ack(&named(root, &attempt)?, seq),
        Verb::Cancel { attempt, reason, wait_ms } => cancel::run(&named(root, &attempt)?, &reason, wait_ms),
        Verb::Logs { attempt, stream, offset, limit } => logs::run(&named(root, &attempt)?, &stream, offset, limit),
        Verb::List { after } => list::run(root, after.as_deref()),
        Verb::Answer { attempt, seq, answer } => answer::run(&named(root, &attempt)?, seq, answer),
        Verb::Fetch { attempt, slot, offset, limit } => fetch::run(&named(root, &attempt)?, &slot, offset, limit),
        Verb::Rekey { attempt, credentials } => rekey::run(&named(root, &attempt)?, credentials),
        Verb::Reach { url, trust } => Ok(reach::run(&url, &trust)),
        Verb::Gc { older_than_ms } => gc::run(root, older_than_ms),
        Verb::Doctor { .. } => doctor::run(root, creates),
    }
}

fn named(root: &Root, id: &str) -> Result<Attempt, Fault> {
    let id = AttemptId::parse(id).ok_or_else(|| Fault::usage("the attempt's id is malformed"))?;
    Ok(Attempt::new(root, id))
}

/// Call a successor where the supervisor died with work left, and wait until it stands.
fn succeed(attempt: &Attempt) {
    if let Some(owner) = attempt.owner().filter(|owner| owner.boot_id == clock::boot_id())
        && owner.process.go_on()
    {
        attempt.log("the supervisor was stopped, and was let go on");
    }
    if !view::is_forsaken(attempt) {
        return;
    }
    match Called::new(attempt).map(Called::ready) {
        Ok(Ready::Yes | Ready::Busy) => {}
        Ok(Ready::Failed(why)) => attempt.log(&format!("no successor: {why}")),
        Ok(Ready::Died) => attempt.log("the successor died before it had begun"),
        Err(error) => attempt.log(&format!("no successor: {error}")),
    }
}

/// Look again and again, with little pauses, until it holds or the time is over.
fn wait_until(ms: u64, mut holds: impl FnMut() -> bool) -> bool {
    let until = clock::mono_ms().saturating_add(ms);
    while !holds() {
        if clock::mono_ms() >= until {
            return false;
        }
        clock::pause(crate::limits::WAIT_POLL_MS);
    }
    true
}
