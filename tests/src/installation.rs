//! An installation made by `sortie init`, and its server as a real process.

use crate::{cli, http, limits, ports, sweep, wait};
use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};

/// An installation. Its server is killed when it is dropped, and nothing of it may be left anywhere ([`crate::sweep`]).
pub struct Installation {
    /// `SORTIE_HOME`.
    pub home: PathBuf,
    /// Where its server takes callbacks.
    pub callbacks: u16,
    /// Where its server listens to operators.
    pub operator: u16,
    /// What `init` answered.
    pub made: Value,
    folder: tempfile::TempDir,
    server: Option<Child>,
}

impl Installation {
    /// A fresh one whose VMs post to `public_port`, or to the server itself. The server is not started.
    #[must_use]
    pub fn new(public_port: impl FnOnce(u16) -> u16) -> Self {
        Self::made(Ipv4Addr::LOCALHOST, Ipv4Addr::LOCALHOST, public_port)
    }

    /// A fresh one whose VMs post to this address of the machine. The server is not started.
    #[must_use]
    pub fn reached_at(address: Ipv4Addr) -> Self {
        Self::made(Ipv4Addr::UNSPECIFIED, address, |port| port)
    }

    fn made(listen: Ipv4Addr, public: Ipv4Addr, public_port: impl FnOnce(u16) -> u16) -> Self {
        let folder = tempfile::Builder::new().prefix("sortie-e2e-").tempdir().unwrap();
        let home = folder.path().join("home");
        let (callbacks, operator) = (ports::free(), ports::free());
        let url = format!("http://{public}:{}", public_port(callbacks));
        let listen = [format!("{listen}:{callbacks}"), format!("127.0.0.1:{operator}")];
        let args = ["init", "--listen", &listen[0], "--operator-listen", &listen[1], "--public-url", &url, "--plain-http"];
        let made = cli::run(&home, &args).data().clone();
        Self { home, callbacks, operator, made, folder, server: None }
    }

    /// The folder that holds the home and the log; removed at the end.
    #[must_use]
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Have another shim put on hosts.
    pub fn use_shim(&self, shim: &std::path::Path) {
        let path = self.home.join("config.toml");
        let text = fs::read_to_string(&path).unwrap();
        // Tables come last in TOML; this key belongs before them.
        fs::write(&path, format!("shim = \"{}\"\n{text}", shim.display())).unwrap();
    }

    /// Start the server and wait until it is ready.
    pub fn start(&mut self) {
        self.spawn(None);
        self.ready();
    }

    /// Start the server without asking whether it is ready.
    pub fn start_unasked(&mut self) {
        self.spawn(None);
    }

    /// Start the server so that it dies at a failpoint; it may be dead before it is ready.
    pub fn start_to_die_at(&mut self, failpoint: &str) {
        self.spawn(Some(failpoint));
    }

    /// Wait until the server is ready.
    pub fn ready(&mut self) {
        let port = self.callbacks;
        wait::holds("the server is ready", limits::SOON, || {
            if let Some(status) = self.server.as_mut().unwrap().try_wait().unwrap() {
                panic!("the server ended with {status}:\n{}", self.log());
            }
            http::send(port, "GET", "/readyz", &[], b"").is_ok_and(|answer| answer.status == 200)
        });
    }

    /// Start the server with more in its environment, and wait until it is ready.
    pub fn start_with(&mut self, environment: &[(&str, &str)]) {
        self.spawn_with(environment);
        self.ready();
    }

    /// Process id of the server.
    ///
    /// # Panics
    /// When it does not run.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.server.as_ref().expect("the server runs").id()
    }

    /// Send a signal to the server.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.pid()).unwrap()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    fn spawn(&mut self, failpoint: Option<&str>) {
        match failpoint {
            Some(name) => self.spawn_with(&[("SORTIE_FAILPOINT", name)]),
            None => self.spawn_with(&[]),
        }
    }

    fn spawn_with(&mut self, environment: &[(&str, &str)]) {
        assert!(self.server.is_none(), "the server runs already");
        let log = fs::OpenOptions::new().create(true).append(true).open(self.log_path()).unwrap();
        let mut command = cli::command(&self.home);
        command.arg("serve").stdout(Stdio::null()).stderr(log);
        command.envs(environment.iter().copied());
        self.server = Some(command.spawn().unwrap());
    }

    /// `kill -9` of the server.
    pub fn kill(&mut self) {
        let mut server = self.server.take().expect("the server runs");
        let _ = server.kill();
        let _ = server.wait();
    }

    /// Ask the server to stop (SIGTERM); gives its exit status.
    pub fn stop(&mut self) -> ExitStatus {
        self.terminate();
        self.ended()
    }

    /// Send SIGTERM and do not wait.
    pub fn terminate(&self) {
        self.signal(rustix::process::Signal::TERM);
    }

    /// Wait until the server has ended by itself.
    pub fn ended(&mut self) -> ExitStatus {
        let mut server = self.server.take().expect("the server runs");
        wait::until("the server ends", limits::SOON, || server.try_wait().unwrap())
    }

    /// Whether the server process lives.
    pub fn runs(&mut self) -> bool {
        self.server.as_mut().is_some_and(|server| server.try_wait().unwrap().is_none())
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }

    /// Everything that the server has written to standard error, over all its starts.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// Run a command of the program.
    #[must_use]
    pub fn cli<S: AsRef<OsStr>>(&self, args: &[S]) -> cli::Answer {
        cli::run(&self.home, args)
    }

    /// Ask the operator API; gives the data, or `None` where the server does not answer or has no such thing.
    #[must_use]
    pub fn look(&self, path: &str) -> Option<Value> {
        let token = fs::read_to_string(self.home.join("operator.token")).unwrap();
        let header = format!("Bearer {}", token.trim());
        let answer = http::send(self.operator, "GET", path, &[("Authorization", &header)], b"").ok()?;
        (answer.status == 200).then(|| answer.json()["data"].clone())
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        let panicking = std::thread::panicking();
        // Failing tests leave what they leave; passing ones must not.
        let found = if panicking {
            sweep::end_all(self.folder());
            Vec::new()
        } else {
            sweep::findings(self.folder())
        };
        if self.server.is_some() {
            self.kill();
        }
        assert!(found.is_empty(), "after the test: {found:#?}");
        if panicking {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(40).collect();
            eprintln!("the end of the server's log:\n{}", tail.into_iter().rev().collect::<Vec<_>>().join("\n"));
        }
    }
}
