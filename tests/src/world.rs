//! An installation with one host, and what stands between them.

use crate::installation::Installation;
use crate::proxy::Proxy;
use crate::recorder::Recorder;
use crate::run::Run;
use crate::sshd::Sshd;
use crate::{flows, limits, processes, programs, wait};
use serde_json::{Value, json};
use std::path::PathBuf;

/// What a test needs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Setup {
    /// A proxy between the server and the host's sshd.
    pub ssh_proxy: bool,
    /// A proxy between the shim and the callback server.
    pub http_proxy: bool,
    /// A shim that can be told where to die.
    pub dying_shim: bool,
}

/// A world: sshd, installation, one host named `vm`, the flow [`flows::ONE_JOB`].
pub struct World {
    /// The installation; its server runs.
    pub it: Installation,
    /// The host's SSH server.
    pub sshd: Sshd,
    /// Between server and host, where asked for.
    pub ssh: Option<Proxy>,
    /// Between shim and server, where asked for.
    pub http: Option<Proxy>,
    /// Counts starts of jobs.
    pub recorder: Recorder,
    /// The host's state root.
    pub root: PathBuf,
}

impl World {
    /// The plain one.
    #[must_use]
    pub fn new() -> Self {
        Self::with(Setup::default())
    }

    /// One with more in between.
    #[must_use]
    pub fn with(setup: Setup) -> Self {
        let sshd = Sshd::start();
        let mut http = None;
        let mut it = Installation::new(|port| {
            let proxy = setup.http_proxy.then(|| Proxy::to(port));
            http = proxy;
            http.as_ref().map_or(port, |proxy| proxy.port)
        });
        if setup.dying_shim {
            it.use_shim(programs::dying_shim());
        }
        sshd.authorize(it.made["ssh_public_key"].as_str().unwrap());
        it.start();
        let ssh = setup.ssh_proxy.then(|| Proxy::to(sshd.port));
        let recorder = Recorder::new(it.folder());
        let root = it.folder().join("vm");
        let world = Self { it, sshd, ssh, http, recorder, root };
        let _ = world.add_host("vm", world.ssh.as_ref().map_or(world.sshd.port, |proxy| proxy.port)).data();
        flows::publish(&world.it, "one-job", flows::ONE_JOB);
        world
    }

    /// Add the host under this name, reached at this port.
    #[must_use]
    pub fn add_host(&self, name: &str, port: u16) -> crate::cli::Answer {
        self.add_host_with(name, port, &[])
    }

    /// As [`World::add_host`], with more options.
    #[must_use]
    pub fn add_host_with(&self, name: &str, port: u16, more: &[&str]) -> crate::cli::Answer {
        let target = format!("root@127.0.0.1:{port}");
        let (key, root) = (self.sshd.host_key_file(), self.root.display().to_string());
        let args = ["host", "add", name, &target, "--host-key-file", key.to_str().unwrap(), "--root", &root];
        self.it.cli(&[&args, more].concat())
    }

    /// The proxy to the host.
    #[must_use]
    pub fn ssh(&self) -> &Proxy {
        self.ssh.as_ref().expect("a world with a proxy to its host")
    }

    /// The proxy to the callback server.
    #[must_use]
    pub fn http(&self) -> &Proxy {
        self.http.as_ref().expect("a world with a proxy to its server")
    }

    /// Start a run of one job that counts itself under `word` and then runs the script.
    #[must_use]
    pub fn job(&self, word: &str, script: &str) -> Run {
        self.job_with(word, script, json!({}))
    }

    /// As [`World::job`], with other values of the input.
    #[must_use]
    pub fn job_with(&self, word: &str, script: &str, more: Value) -> Run {
        let mut input =
            json!({ "host": "vm", "script": self.recorder.script(word) + script, "timeout": "5m", "started": "2m", "attempts": 1 });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Run::start(&self.it, "one-job", &input)
    }

    /// A file outside the home and the state root.
    #[must_use]
    pub fn scratch(&self, name: &str) -> PathBuf {
        self.it.folder().join(name)
    }

    /// A script that goes on when [`World::open_gate`] is called.
    #[must_use]
    pub fn gate(&self, name: &str) -> String {
        format!("while [ ! -e {} ]; do sleep 0.05; done\n", self.scratch(name).display())
    }

    /// Let jobs go on.
    pub fn open_gate(&self, name: &str) {
        std::fs::write(self.scratch(name), "").unwrap();
    }

    /// Wait until a job has counted itself.
    pub fn started(&self, word: &str) {
        wait::holds(&format!("the job {word} starts"), limits::SOON, || self.recorder.count(word) > 0);
    }

    /// Wait until no process of a job is left on the host (I6).
    pub fn assert_no_process_left(&self) {
        wait::holds("no process of a job is left", limits::SOON, || processes::of_jobs(&self.root).is_empty());
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // Swept with everything else of the installation, which is dropped next.
        let _ = std::fs::write(self.it.folder().join("sshd.log"), self.sshd.log());
    }
}
