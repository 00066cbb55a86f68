//! `sortie worker` as a real process, on a state root of its own.

use crate::installation::Installation;
use crate::{cli, limits, processes, wait};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};

/// A worker process. Killed with its jobs when it is dropped.
pub struct Worker {
    /// Its state root.
    pub root: PathBuf,
    log: PathBuf,
    process: Child,
}

/// Let a worker in; gives the file with its token.
#[must_use]
pub fn admitted(it: &Installation, name: &str, more: &[&str]) -> PathBuf {
    let token = it.folder().join(format!("{name}.token"));
    let answer = it.cli(&[&["host", "add-worker", name, "--to", token.to_str().unwrap()], more].concat());
    assert!(answer.data().get("token").is_none(), "the token goes to the file alone");
    token
}

impl Worker {
    /// Start one; the server may not know it yet. `port` is where it finds the server.
    #[must_use]
    pub fn start(it: &Installation, port: u16, token: &Path, root: &Path, more: &[&str]) -> Self {
        let log = it.folder().join(format!("{}.log", root.file_name().unwrap().to_string_lossy()));
        let server = format!("http://127.0.0.1:{port}");
        let mut command = cli::command(&it.folder().join("nowhere"));
        command.args(["worker", "--plain-http", "--server", &server]).args(more);
        command.arg("--token-file").arg(token).arg("--root").arg(root);
        let stderr = std::fs::OpenOptions::new().create(true).append(true).open(&log).unwrap();
        let process = command.stdout(Stdio::null()).stderr(stderr).spawn().unwrap();
        Self { root: root.to_owned(), log, process }
    }

    /// Wait until the server has taken it in, for the n-th time in this root's log.
    pub fn ready(&self, times: usize) {
        wait::holds(&format!("the worker is ready: {}", self.log()), limits::SOON, || self.log().matches("ready worker=").count() >= times);
    }

    /// What it has written.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// `kill -9`: its jobs go on.
    pub fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Wait until it has ended by itself.
    pub fn ended(&mut self) -> ExitStatus {
        wait::until("the worker ends", limits::SOON, || self.process.try_wait().unwrap())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill();
        let left = processes::of_jobs(&self.root);
        for process in processes::of_shim(&self.root).iter().chain(&left) {
            processes::kill(process.pid);
        }
        assert!(std::thread::panicking() || left.is_empty(), "processes of a worker's jobs were left");
    }
}
