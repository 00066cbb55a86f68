//! Before the start, in the gate: which session, where, and with what.

use super::launch::{self, Door, Launch, Setting};
use super::session::{self, Start};
use super::{claude, codex, gemini, opencode, plant, transcript};
use crate::attempt::Attempt;
use crate::{checkpoint, files};
use sortie_protocol::agent::{AgentKind, AgentTask};
use sortie_protocol::bytes::Bytes;
use sortie_protocol::spec::{Credentials, Spec};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

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

/// Decide on the session, write the files, and say what to execute. `env` is the job's environment without ours, `own_dir` where it
/// works.
pub fn prepare(
    attempt: &Attempt,
    spec: &Spec,
    credentials: &Credentials,
    task: &AgentTask,
    env: &BTreeMap<OsString, OsString>,
    own_dir: PathBuf,
) -> io::Result<Prepared> {
    let home = transcript::home(task.kind, |name| env.get(OsStr::new(name)).cloned());
    let dir = session::dir(attempt);
    std::fs::create_dir_all(&dir)?;
    let Chosen { start, file } = choose(attempt, spec, credentials, task, home, own_dir);
    let session = start.session.clone().unwrap_or_default();
    // A user of the job's own has a home that nobody else writes to.
    let user_dir = attempt.user().is_none().then(|| start.home.clone());
    let setting = Setting { task, session, resumes: start.resumed, session_file: file, dir, user_dir, door: door(env) };
    let launch = match task.kind {
        AgentKind::Claude => claude::launch(&setting),
        AgentKind::Codex => codex::launch(&setting),
        AgentKind::Gemini => gemini::launch(&setting),
        AgentKind::Opencode => opencode::launch(&setting),
        AgentKind::Command => Launch::of(spec.command.iter().map(|word| OsStr::from_bytes(&word.0))),
    };
    if let Some(stand_in) = &launch.stands_for {
        stand_in.make()?;
    }
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

/// How an agent is started, and the transcript that it is handed where it takes one so.
struct Chosen {
    start: Start,
    file: Option<PathBuf>,
}

/// With a session of this machine, else one of a checkpoint, else a new one.
fn choose(attempt: &Attempt, spec: &Spec, credentials: &Credentials, task: &AgentTask, home: PathBuf, own_dir: PathBuf) -> Chosen {
    let named = matches!(task.kind, AgentKind::Claude | AgentKind::Gemini);
    let fresh = |base| Start {
        kind: task.kind,
        session: named.then(|| session::fresh(spec, task)),
        resumed: false,
        cwd: own_dir.clone(),
        home: home.clone(),
        before: None,
        base,
    };
    // A session is gone on with where it was begun.
    if let Some(earlier) = session::earlier(attempt, task).filter(|earlier| earlier.cwd == own_dir) {
        match plant::plant(task.kind, &earlier.found, &home, &earlier.cwd, checkpoint::user(attempt)) {
            Ok(file) => {
                let start = Start {
                    session: Some(earlier.session),
                    resumed: true,
                    cwd: earlier.cwd,
                    before: earlier.before,
                    ..fresh(earlier.base)
                };
                return Chosen { start, file };
            }
            Err(why) => attempt.log(&format!("the session of an earlier attempt cannot be gone on with: {why}")),
        }
    }
    // What the repository has, before anything is laid over it.
    let base = spec.workspace.as_ref().and_then(|_| checkpoint::head(&own_dir, checkpoint::user(attempt)));
    // A directory that the spec names is somebody's own: nothing is laid over that.
    if credentials.restore.is_some() && spec.cwd.is_none() {
        match restore(attempt, credentials, task.kind, &home, &own_dir) {
            Ok(Restored { session: Some(session), before, file }) => {
                let start = Start { session: Some(session), resumed: true, before, ..fresh(base) };
                return Chosen { start, file };
            }
            Ok(_) => attempt.log("the working tree of the checkpoint is there, but its session cannot be taken up here: a new one begins"),
            Err(why) => attempt.log(&format!("the checkpoint cannot be started from: {why}")),
        }
    }
    Chosen { start: fresh(base), file: None }
}

#[derive(Default)]
struct Restored {
    session: Option<String>,
    before: Option<super::Count>,
    file: Option<PathBuf>,
}

fn restore(attempt: &Attempt, credentials: &Credentials, kind: AgentKind, home: &Path, tree: &Path) -> Result<Restored, String> {
    let user = checkpoint::user(attempt);
    let area = checkpoint::area(attempt).map_err(|error| error.to_string())?;
    let bundle = area.join("restore.bundle");
    checkpoint::fetch(attempt, credentials, &bundle)?;
    std::fs::create_dir_all(tree).map_err(|error| error.to_string())?;
    let taken = checkpoint::take(&bundle, &area, tree, user)?;
    taken.lay_out()?;
    let _ = std::fs::remove_file(&bundle);
    let (Some(session), Some(transcript)) = (taken.session.session.clone().filter(|_| taken.session.kind == Some(kind)), taken.transcript)
    else {
        return Ok(Restored::default());
    };
    let found = plant::Found { session: session.clone(), path: transcript, below: taken.session.transcript, home: None };
    match plant::plant(kind, &Some(found), home, tree, user) {
        Ok(file) => Ok(Restored { session: Some(session), before: taken.session.before, file }),
        Err(why) => {
            attempt.log(&format!("the transcript of the checkpoint cannot be used: {why}"));
            Ok(Restored::default())
        }
    }
}

/// The door, where the job has one.
fn door(env: &BTreeMap<OsString, OsString>) -> Option<Door> {
    let text = |name: &str| env.get(OsStr::new(name)).and_then(|value| value.to_str()).map(str::to_owned);
    Some(Door { program: text("SORTIE_SHIM")?, socket: text("SORTIE_SOCKET")? })
}

/// What is wrong with a task, if anything: what goes on a command line has no NUL, and what names a session is a plain word.
///
/// # Errors
/// In words.
pub fn check(task: &AgentTask, command: &[Bytes]) -> Result<(), &'static str> {
    if task.kind == AgentKind::Command && command.first().is_none_or(|program| program.0.is_empty()) {
        return Err("an agent of kind `command` has no command");
    }
    let texts = task.tools.iter().chain(&task.model).map(|text| text.as_bytes());
    let words = task.arguments.iter().chain(&task.program).map(|word| &word.0[..]);
    if words.chain(texts).any(|word| word.contains(&0)) {
        return Err("a NUL byte in a word of the agent");
    }
    let session = task.session.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if task.session.is_empty() || !session {
        return Err("the agent's session is no id");
    }
    Ok(())
}
