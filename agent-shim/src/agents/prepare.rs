//! Before the start, in the gate: which session, where, and with what.

use super::launch::{self, Door, Launch, Setting};
use super::session::{self, Start};
use super::{claude, codex, gemini, opencode, transcript};
use crate::attempt::Attempt;
use crate::files;
use sortie_protocol::agent::{AgentKind, AgentTask};
use sortie_protocol::spec::Spec;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

/// What an agent is executed with.
#[derive(Debug)]
pub struct Prepared {
    /// Program and arguments.
    pub command: Vec<OsString>,
    /// Environment, below that of the spec.
    pub env: Vec<(String, OsString)>,
    /// Its standard input.
    pub prompt: Vec<u8>,
}

/// Decide on the session, write the files, and say what to execute. `env` is the job's environment without ours.
pub fn prepare(
    attempt: &Attempt,
    spec: &Spec,
    task: &AgentTask,
    env: &BTreeMap<OsString, OsString>,
    own_dir: PathBuf,
) -> io::Result<Prepared> {
    let home = transcript::home(task.kind, |name| env.get(OsStr::new(name)).cloned());
    let dir = session::dir(attempt);
    std::fs::create_dir_all(&dir)?;
    // A session is gone on with where it was begun.
    let earlier = session::earlier(attempt, task, &home).filter(|earlier| earlier.cwd == own_dir);
    let start = match &earlier {
        Some(earlier) => Start {
            kind: task.kind,
            session: Some(earlier.session.clone()),
            resumed: true,
            cwd: earlier.cwd.clone(),
            home,
            before: earlier.before,
            base: None,
        },
        None => {
            let named = matches!(task.kind, AgentKind::Claude | AgentKind::Gemini);
            let session = named.then(|| session::fresh(spec, task));
            Start { kind: task.kind, session, resumed: false, cwd: own_dir, home, before: None, base: None }
        }
    };
    let door = door(attempt, env);
    let setting = Setting { task, session: start.session.clone().unwrap_or_default(), resumes: start.resumed, dir, door };
    let launch = match task.kind {
        AgentKind::Claude => claude::launch(&setting),
        AgentKind::Codex => codex::launch(&setting),
        AgentKind::Gemini => gemini::launch(&setting),
        AgentKind::Opencode => opencode::launch(&setting),
        AgentKind::Command => Launch::of(spec.command.iter().map(|word| OsStr::from_bytes(&word.0))),
    };
    for (path, bytes) in &launch.files {
        files::replace(path, bytes)?;
        if let Some(user) = attempt.user() {
            user.let_read(path)?;
        }
    }
    files::replace_json(&setting.dir.join("start.json"), &start)?;
    let takes_schema = matches!(task.kind, AgentKind::Claude | AgentKind::Codex);
    Ok(Prepared { command: launch.command, env: launch.env, prompt: launch::prompt(task, start.resumed, takes_schema) })
}

/// The door, where the job has one.
fn door(_attempt: &Attempt, env: &BTreeMap<OsString, OsString>) -> Option<Door> {
    let text = |name: &str| env.get(OsStr::new(name)).and_then(|value| value.to_str()).map(str::to_owned);
    Some(Door { program: text("SORTIE_SHIM")?, socket: text("SORTIE_SOCKET")? })
}
