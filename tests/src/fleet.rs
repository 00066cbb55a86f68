//! An installation whose hosts are machines of their own, with a real network between them.

use crate::installation::Installation;
use crate::recorder::Recorder;
use crate::run::Run;
use crate::vm::Vm;
use crate::vm::net::Net;
use crate::{flows, limits, programs, wait};
use serde_json::{Value, json};
use std::path::PathBuf;

/// An installation, its machines, added as hosts under their names (`vm0` ...), and the flow [`flows::ONE_JOB`].
pub struct Fleet {
    /// The installation; its server runs here, and is reached at [`Net::server`]. First, so that it is swept while the machines are on.
    pub it: Installation,
    /// The machines. Before the net, so that they go first.
    pub vms: Vec<Vm>,
    /// The net between them.
    pub net: Net,
    /// Counts starts of jobs.
    pub recorder: Recorder,
}

impl Fleet {
    /// This many machines, each added as a host.
    #[must_use]
    pub fn new(machines: usize) -> Self {
        Self::with_options(machines, &[])
    }

    /// As [`Fleet::new`], with more options of `host add`.
    #[must_use]
    pub fn with_options(machines: usize, more: &[&str]) -> Self {
        let mut fleet = Self::unadded(machines, false);
        fleet.it.start();
        for vm in 0..machines {
            let _ = fleet.add(vm, more).data();
        }
        flows::publish(&fleet.it, "one-job", flows::ONE_JOB);
        fleet
    }

    /// Machines that let the server in; it is neither started nor told of them.
    #[must_use]
    pub fn unadded(machines: usize, dying_shim: bool) -> Self {
        let net = Net::new();
        let it = Installation::reached_at(net.server());
        if dying_shim {
            it.use_shim(programs::dying_shim());
        }
        let disks = it.folder().join("disks");
        let vms: Vec<Vm> = (0..machines).map(|_| Vm::new(&net, &disks)).collect();
        for vm in &vms {
            vm.authorize(it.made["ssh_public_key"].as_str().unwrap());
        }
        let recorder = Recorder::new(it.folder());
        Self { it, vms, net, recorder }
    }

    /// Add a machine as a host under its name.
    #[must_use]
    pub fn add(&self, vm: usize, more: &[&str]) -> crate::cli::Answer {
        let vm = &self.vms[vm];
        let (key, root) = (vm.host_key_file(), vm.root.display().to_string());
        let args = ["host", "add", &vm.name, &vm.target(), "--host-key-file", key.to_str().unwrap(), "--root", &root];
        self.it.cli(&[&args, more].concat())
    }

    /// Start a run of one job on a host that counts itself under `word` and then runs the script.
    #[must_use]
    pub fn job(&self, host: &str, word: &str, script: &str) -> Run {
        self.job_with(host, word, script, json!({}))
    }

    /// As [`Fleet::job`], with other values of the input.
    #[must_use]
    pub fn job_with(&self, host: &str, word: &str, script: &str, more: Value) -> Run {
        let mut input =
            json!({ "host": host, "script": self.recorder.script(word) + script, "timeout": "5m", "started": "2m", "attempts": 1 });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Run::start(&self.it, "one-job", &input)
    }

    /// A file that the server's machine and all others see.
    #[must_use]
    pub fn scratch(&self, name: &str) -> PathBuf {
        self.it.folder().join(name)
    }

    /// A script that goes on when [`Fleet::open_gate`] is called.
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

    /// Reboot a machine.
    pub fn reboot(&mut self, vm: usize) {
        self.vms[vm].reboot(&self.net);
    }

    /// What an attempt left in its folder on a machine: whether there is such a file.
    #[must_use]
    pub fn on_vm(&self, vm: usize, attempt: &str, file: &str) -> bool {
        self.vms[vm].root.join("jobs").join(attempt).join(file).exists()
    }
}
