//! The real command line, run as a program would run it.

use crate::{limits, programs};
use serde_json::Value;
use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Instant;

/// What a command answered.
#[derive(Debug)]
pub struct Answer {
    /// Exit code.
    pub code: i32,
    /// The envelope on standard output.
    pub json: Value,
    /// Standard error.
    pub stderr: String,
}

impl Answer {
    /// `data` of a success; fails with the whole answer otherwise.
    #[must_use]
    pub fn data(&self) -> &Value {
        assert!(self.code == 0 && self.json["ok"] == true, "exit code {}: {}\n{}", self.code, self.json, self.stderr);
        &self.json["data"]
    }

    /// `error.code` of a failure; fails with the whole answer otherwise.
    #[must_use]
    pub fn error(&self) -> &str {
        assert!(self.code != 0 && self.json["ok"] == false, "exit code {}: {}\n{}", self.code, self.json, self.stderr);
        self.json["error"]["code"].as_str().unwrap()
    }
}

/// A command of the program, with this home and nothing else of the environment that could say where or who.
#[must_use]
pub fn command(home: &Path) -> Command {
    let mut command = Command::new(programs::sortie());
    for name in ["SORTIE_URL", "SORTIE_TOKEN", "SORTIE_FAILPOINT", "SSH_AUTH_SOCK"] {
        command.env_remove(name);
    }
    command.env("SORTIE_HOME", home).env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

/// Run it to its end, in bounded time.
#[must_use]
pub fn output(mut command: Command) -> Output {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (out, err) = (drain(child.stdout.take().unwrap()), drain(child.stderr.take().unwrap()));
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if started.elapsed() > limits::COMMAND {
            let _ = child.kill();
            panic!("{command:?} took longer than {:?}", limits::COMMAND);
        }
        std::thread::sleep(limits::LOOK / 4);
    };
    Output { status, stdout: out.join().unwrap(), stderr: err.join().unwrap() }
}

/// Kept beside the home, to be searched when the test is over.
fn remember(home: &Path, output: &Output) {
    let Some(folder) = home.parent().filter(|_| home.is_dir()) else { return };
    let Ok(mut file) = std::fs::File::options().append(true).create(true).open(folder.join("said.log")) else { return };
    if file.metadata().is_ok_and(|meta| meta.len() < limits::SAID_BYTES) {
        let _ = file.write_all(&[output.stdout.as_slice(), b"\n", output.stderr.as_slice(), b"\n"].concat());
    }
}

fn drain(mut from: impl std::io::Read + Send + 'static) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.read_to_end(&mut bytes);
        bytes
    })
}

/// Run a command with these arguments.
#[must_use]
pub fn run<S: AsRef<OsStr>>(home: &Path, args: &[S]) -> Answer {
    let mut command = command(home);
    command.args(args);
    answer(home, command)
}

/// As [`run`], as whoever has the token in this file.
#[must_use]
pub fn run_as<S: AsRef<OsStr>>(home: &Path, token: &Path, args: &[S]) -> Answer {
    let mut command = command(home);
    command.env("SORTIE_TOKEN", std::fs::read_to_string(token).unwrap().trim()).args(args);
    answer(home, command)
}

/// As [`run`], with this file as standard input.
#[must_use]
pub fn run_reading<S: AsRef<OsStr>>(home: &Path, file: &Path, args: &[S]) -> Answer {
    let mut command = command(home);
    command.stdin(std::fs::File::open(file).unwrap()).args(args);
    answer(home, command)
}

fn answer(home: &Path, command: Command) -> Answer {
    let output = output(command);
    remember(home, &output);
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let json =
        serde_json::from_str(stdout.trim()).unwrap_or_else(|error| panic!("no JSON ({error}) on standard output: {stdout}\n{stderr}"));
    Answer { code: output.status.code().unwrap_or(-1), json, stderr }
}
