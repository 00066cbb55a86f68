//! Which session an agent starts, or goes on with: decided once, before the start, and recorded.

use super::limits::RECORD_BYTES;
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

/// A session to go on with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// Its id.
    pub session: String,
    /// Where it works.
    pub cwd: PathBuf,
    /// What it had used, as the agent counts.
    pub before: Option<Count>,
}

/// The newest session of an earlier attempt on this machine that can be gone on with: its working directory is there, and its
/// transcript below `home`.
pub fn earlier(attempt: &Attempt, task: &AgentTask, home: &Path) -> Option<Earlier> {
    let ids = task.earlier.iter().filter_map(|id| AttemptId::parse(id));
    ids.map(|id| Attempt::new(attempt.root(), id)).find_map(|earlier| {
        let start = started(&earlier).filter(|start| start.kind == task.kind)?;
        let mut reader = Reader::new(task.kind, read(&earlier));
        let _ = reader.to_the_end(&earlier);
        let session = reader.seen().session.clone().or(start.session)?;
        let there = start.cwd.is_dir() && transcript::find(task.kind, home, &start.cwd, &session).is_ok_and(|found| found.is_there());
        let before = reader.seen().session_total.or(start.before);
        there.then_some(Earlier { session, cwd: start.cwd, before })
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
