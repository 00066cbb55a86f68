//! A hermetic place for the program: cleared environment, a home of its own, a real server on free ports.

use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_sortie");

/// What a command printed, and how it ended.
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// The one envelope on standard output.
    #[track_caller]
    pub fn json(&self) -> Value {
        let value: Value =
            serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {:?} {:?}", self.stdout, self.stderr));
        assert_eq!(value["schema"], 1, "{value}");
        assert!(value["ok"].is_boolean() && value["meta"]["next"].is_array(), "{value}");
        assert_eq!(value["ok"] == true, self.code == 0, "{value}");
        if self.code != 0 {
            assert!(value["error"]["code"].is_string() && value["error"]["retryable"].is_boolean(), "{value}");
        }
        value
    }

    /// The data of a success.
    #[track_caller]
    pub fn data(&self) -> Value {
        let envelope = self.json();
        assert_eq!(self.code, 0, "{envelope} {}", self.stderr);
        envelope["data"].clone()
    }

    /// Asserts exit code and error code.
    #[track_caller]
    pub fn fails(&self, exit: i32, code: &str) -> Value {
        let envelope = self.json();
        assert_eq!((self.code, envelope["error"]["code"].as_str()), (exit, Some(code)), "{envelope}");
        envelope
    }
}

/// A folder with a home in it.
pub struct Place {
    pub folder: tempfile::TempDir,
    pub url: Option<String>,
}

impl Place {
    /// A home that `sortie init` made; no callback reaches its server.
    pub fn new() -> Self {
        Self::with("127.0.0.1:0", "http://127.0.0.1:9").0
    }

    /// As [`Place::new`], with these addresses; and what `init` said.
    pub fn with(listen: &str, public_url: &str) -> (Self, Value) {
        let place = Self { folder: tempfile::tempdir().unwrap(), url: None };
        let made =
            place.run(&["init", "--listen", listen, "--operator-listen", "127.0.0.1:0", "--public-url", public_url, "--plain-http"]).data();
        (place, made)
    }

    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A flow in a folder of its own.
    pub fn flow(&self, folder: &str, source: &str) -> String {
        let path = self.path(folder);
        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(path.join("flow.star"), source).unwrap();
        path.display().to_string()
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.env_clear().env("HOME", self.folder.path()).env("PATH", "/usr/bin:/bin").env("SORTIE_HOME", self.home());
        command.envs(self.url.as_ref().map(|url| ("SORTIE_URL", url)));
        command.current_dir(self.folder.path()).args(args);
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        self.run_with(args, b"")
    }

    /// Run a command to its end; whatever it does, it prints no operator token.
    pub fn run_with(&self, args: &[&str], stdin: &[u8]) -> Ran {
        let mut child = self.command(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // A command that reads nothing may be gone already.
        let _ = child.stdin.take().map(|mut input: ChildStdin| input.write_all(stdin));
        let output = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let ran = Ran { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) };
        if let Ok(token) = std::fs::read_to_string(self.home().join("operator.token")) {
            for printed in [&ran.stdout, &ran.stderr] {
                assert!(!printed.contains(token.trim()), "{args:?} printed the operator token");
            }
        }
        ran
    }
}

/// A server that ends with the test.
pub struct Server {
    child: Child,
    pub log: PathBuf,
}

impl Server {
    /// Start one, and say to the place where it is.
    pub fn start(place: &mut Place) -> Self {
        let log = place.path("serve.log");
        let mut command = place.command(&["serve", "--json"]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(std::fs::File::create(&log).unwrap()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let server = Self { child, log };
        let ready: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line:?} {}", server.logged()));
        place.url = Some(format!("http://{}", ready["data"]["operator"].as_str().unwrap()));
        server
    }

    /// Ask it to stop; how long that took, and its exit code.
    pub fn terminate(mut self) -> (Duration, Option<i32>) {
        let asked = Instant::now();
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        let code = self.child.wait().unwrap().code();
        (asked.elapsed(), code)
    }

    pub fn logged(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
