//! The gate: waits for one byte, then becomes the job. Its pid and start time are the job's.
//!
//! End of file instead of the byte means that the supervisor died before the job's identity was durable: leave, run nothing.

use crate::attempt::Attempt;
use crate::contain::user::User;
use crate::tree::COOKIE;
use crate::{agents, below, door, harden, reports, spawn, workspace};
use rustix::fs::{MemfdFlags, Mode, OFlags, memfd_create};
use sortie_protocol::bytes::Bytes;
use sortie_protocol::spec::{Credentials, Spec};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Name of the variable with the path for the job's result document.
const RESULT: &str = "SORTIE_RESULT";

/// Run as the gate. What it writes to stdout is why the command could not be executed.
pub fn run(attempt: &Attempt) -> io::Result<()> {
    rustix::process::setsid()?;
    harden::hide_memory();
    // Closed by a successful exec: that is how the keeper learns of it.
    let status = rustix::io::fcntl_dupfd_cloexec(io::stdout().as_fd(), 3)?;
    let mut go = [0];
    if io::stdin().read_exact(&mut go).is_err() {
        return Ok(());
    }
    let Err(error) = pass(attempt);
    File::from(status).write_all(error.to_string().as_bytes())
}

/// Become the job: everything is made ready, then the user is taken on where it is another, then the files of the job are written and
/// its command is executed. Comes back with an error only.
fn pass(attempt: &Attempt) -> io::Result<Infallible> {
    let spec = attempt.spec()?;
    let credentials = attempt.credentials()?;
    let user = attempt.user();
    let (out, err) = (output(&attempt.file("stdout"))?, output(&attempt.file("stderr"))?);
    harden::offer_to_oom_killer();
    harden::restore_umask();
    let dir = workspace::prepare(attempt, &spec, user.as_ref())?;
    let env = environment(attempt, &spec, &credentials, user.as_ref());
    let agent = spec.agent.as_ref().map(|task| agents::prepare(attempt, &spec, &credentials, task, &env, dir.clone())).transpose()?;
    let words = agent.as_ref().map_or_else(|| spec.command.iter().map(|word| os(word).to_owned()).collect(), |agent| agent.command.clone());
    let (program, arguments) = words.split_first().ok_or_else(|| io::Error::other("the command is empty"))?;
    let mut command = Command::new(program);
    command.args(arguments).current_dir(&dir).stdout(out).stderr(err);
    command.env_clear().envs(agent.iter().flat_map(|agent| agent.env.iter().map(|(name, value)| (name, value)))).envs(&env);
    let prompt = agent.map(|agent| Bytes(agent.prompt));
    command.stdin(stdin(prompt.as_ref().or(credentials.secret_stdin.as_ref()).or(spec.stdin.as_ref()))?);
    if let Some(user) = &user {
        if let Some(processes) = spec.limits.processes {
            harden::limit_processes(processes);
        }
        user.become_it()?;
    }
    hand_files(&dir, &spec, &credentials)?;
    harden::reset_signals();
    let error = command.exec();
    Err(describe(&dir, &spec, &error))
}

fn describe(dir: &Path, spec: &Spec, error: &io::Error) -> io::Error {
    if !dir.is_dir() {
        return io::Error::other(format!("the working directory {} cannot be entered: {error}", dir.display()));
    }
    let program = spec.command.first().map(|word| String::from_utf8_lossy(&word.0).into_owned());
    let agent = spec.agent.as_ref().map(|task| format!("of the agent {}", task.kind.as_str()));
    io::Error::other(format!("the command {} cannot be executed: {error}", program.or(agent).unwrap_or_default()))
}

/// The login's, then the spec's, then secrets; what names the attempt stands above all.
fn environment(attempt: &Attempt, spec: &Spec, credentials: &Credentials, user: Option<&User>) -> BTreeMap<OsString, OsString> {
    let own = |name: &str, value: &OsStr| (OsString::from(name), value.to_owned());
    let mut env: BTreeMap<OsString, OsString> = spawn::login_env().into_iter().map(|(name, value)| (name.into(), value)).collect();
    if let Some(user) = user {
        let name = OsString::from(user.name.clone().unwrap_or_else(|| user.uid.to_string()));
        env.extend([own("HOME", user.home().as_os_str()), own("USER", &name), own("LOGNAME", &name), own("SHELL", "/bin/sh".as_ref())]);
    }
    env.extend(spec.env.iter().map(|(name, value)| own(name, os(value))));
    env.extend(credentials.secret_env.iter().map(|(name, value)| own(name, os(value))));
    let id = OsStr::new(attempt.id().as_str());
    env.extend([own(COOKIE, id), own("SORTIE_ATTEMPT", id)]);
    env.extend([own("SORTIE_RUN", spec.run.as_ref()), own("SORTIE_STEP", spec.step.as_ref())]);
    env.extend([own(RESULT, attempt.reported("document.json").as_os_str())]);
    env.extend(reports::REPORTS.map(|(_, name, file)| own(name, attempt.reported(file).as_os_str())));
    let path = env.get(OsStr::new("PATH")).cloned();
    env.extend(door::environment(attempt, path).into_iter().map(|(name, value)| (name.into(), value)));
    env
}

/// The files of spec and credentials, each whole before the job begins.
fn hand_files(dir: &Path, spec: &Spec, credentials: &Credentials) -> io::Result<()> {
    let plain = spec.files.iter().map(|file| (&file.path, &file.data));
    let mut files = plain.chain(&credentials.secret_files).peekable();
    if files.peek().is_none() {
        return Ok(());
    }
    let root = below::root(dir)?;
    for (path, data) in files {
        below::write(&root, path, &data.0).map_err(|error| io::Error::other(format!("the file {path:?} cannot be written: {error}")))?;
    }
    Ok(())
}

/// The bytes and then the end of the file, from memory: nothing the job could keep waiting for.
fn stdin(bytes: Option<&Bytes>) -> io::Result<Stdio> {
    let Some(bytes) = bytes else { return Ok(Stdio::null()) };
    let mut file = File::from(memfd_create("stdin", MemfdFlags::CLOEXEC)?);
    file.write_all(&bytes.0)?;
    file.rewind()?;
    Ok(file.into())
}

/// The job writes to the file itself: a dead shim costs no output and stalls nobody.
fn output(path: &Path) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::APPEND | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    Ok(File::from(rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR)?))
}

fn os(bytes: &Bytes) -> &OsStr {
    OsStr::from_bytes(&bytes.0)
}
