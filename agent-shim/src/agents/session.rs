//! Which session an agent starts, or goes on with: decided once, before the start, and recorded.

use super::limits::RECORD_BYTES;
use super::plant::Found;
use super::seen::Count;
use super::stream::{Read, Reader};
use super::transcript;
use crate::attempt::Attempt;
use crate::files;
use crate::root::AttemptId;
use crate::sign::sha256_hex;
use serde::{Deserialize, Serialize};
use sortie_protocol::agent::{AgentKind, AgentTask};
use sortie_protocol::spec::Spec;
use std::path::{Path, PathBuf};

/// How the agent of an attempt was started (`agent/start.json`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// Which agent.
    pub kind: AgentKind,
    /// Its session, where that is known before it says so.
    pub session: Option<String>,
    /// Whether it goes on with it.
    pub resumed: bool,
    /// Where it works.
    pub cwd: PathBuf,
    /// Where its transcripts are.
    pub home: PathBuf,
    /// What the session had used before, as the agent counts.
    #[serde(default)]
    pub before: Option<Count>,
    /// Commit that its working directory stood at, where that is a git repository.
    #[serde(default)]
    pub base: Option<String>,
}

/// Where an attempt keeps what it knows of its agent.
pub fn dir(attempt: &Attempt) -> PathBuf {
    // The agent reads its configuration there.
    attempt.user().map_or_else(|| attempt.file("agent"), |user| user.yard.join("agent"))
}

/// How it was started, if it was.
pub fn started(attempt: &Attempt) -> Option<Start> {
    record(&dir(attempt).join("start.json"))
}

/// What was read of its stream when that was written down last.
pub fn read(attempt: &Attempt) -> Read {
    record(&dir(attempt).join("read.json")).unwrap_or_default()
}

fn record<T: serde::de::DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&files::read(path, RECORD_BYTES).ok()?).ok()
}

/// Where an agent stands, as far as the records say.
#[derive(Clone, Debug)]
pub struct Standing {
    /// How it was started.
    pub start: Start,
    /// Its session.
    pub session: Option<String>,
    /// What the session has used, as the agent counts.
    pub counted: Option<Count>,
    /// Its transcript.
    pub transcript: Option<PathBuf>,
}

/// Where the agent of an attempt stands; `None` where it was not started.
pub fn standing(attempt: &Attempt) -> Option<Standing> {
    let start = started(attempt)?;
    let seen = read(attempt).seen;
    let session = seen.session.or_else(|| start.session.clone());
    let found = session.as_deref().and_then(|session| transcript::find(start.kind, &start.home, &start.cwd, session).ok());
    let transcript = if let Some(transcript::Found::File(path)) = found { Some(path) } else { None };
    Some(Standing { counted: seen.session_total.or(start.before), session, transcript, start })
}

/// A session to go on with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// Its id.
    pub session: String,
    /// Where it works.
    pub cwd: PathBuf,
    /// What it had used, as the agent counts.
    pub before: Option<Count>,
    /// Commit that its repository was taken at.
    pub base: Option<String>,
    /// Its transcript; `None` where the agent keeps it where it is not looked for.
    pub found: Option<Found>,
}

/// The newest session of an earlier attempt on this machine that can be gone on with: its working directory is there, and its
/// transcript.
pub fn earlier(attempt: &Attempt, task: &AgentTask) -> Option<Earlier> {
    let ids = task.earlier.iter().filter_map(|id| AttemptId::parse(id));
    ids.map(|id| Attempt::new(attempt.root(), id)).find_map(|earlier| {
        let start = started(&earlier).filter(|start| start.kind == task.kind && start.cwd.is_dir())?;
        let mut reader = Reader::new(task.kind, read(&earlier));
        let _ = reader.look_to_the_end(&earlier);
        let session = reader.seen().session.clone().or(start.session)?;
        let found = match transcript::find(task.kind, &start.home, &start.cwd, &session).ok()? {
            transcript::Found::Absent => return None,
            transcript::Found::Elsewhere => None,
            transcript::Found::File(path) => {
                let below = path.strip_prefix(&start.home).ok().map(Path::to_owned);
                Some(Found { session: session.clone(), path, below, home: Some(start.home) })
            }
        };
        let before = reader.seen().session_total.or(start.before);
        Some(Earlier { session, cwd: start.cwd, before, base: start.base, found })
    })
}

/// The id of a session that is started: the step's own for its first attempt, and one for each later attempt that starts over. An
/// attempt that is started twice comes to the same id twice, and the agent refuses it.
pub fn fresh(spec: &Spec, task: &AgentTask) -> String {
    if spec.number <= 1 && task.earlier.is_empty() {
        return task.session.clone();
    }
    let digest = sha256_hex(format!("{}\n{}", task.session, spec.attempt).as_bytes());
    // RFC 9562, version 8: made by our own rule.
    format!("{}-{}-8{}-a{}-{}", &digest[..8], &digest[8..12], &digest[13..16], &digest[17..20], &digest[20..32])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_has_one_session_however_often_it_is_started() {
        let task: AgentTask = serde_json::from_value(serde_json::json!({
            "kind": "claude", "prompt": "x", "session": "0b0b0b0b-0000-4000-8000-000000000000", "checkpoint_ms": 0, "linger_ms": 0
        }))
        .unwrap();
        let spec = |number: u32, attempt: &str| Spec { number, attempt: attempt.to_owned(), ..Spec::default() };
        assert_eq!(fresh(&spec(1, "att_a"), &task), task.session);
        let second = fresh(&spec(2, "att_b"), &task);
        assert_eq!(second, fresh(&spec(2, "att_b"), &task));
        assert_ne!(second, fresh(&spec(2, "att_c"), &task));
        let parts: Vec<usize> = second.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12], "{second}");
        assert_eq!((&second[14..15], &second[19..20]), ("8", "a"));
    }
}
