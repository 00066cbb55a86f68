//! What somebody without Sortie would do: the `ssh` command, many at once, cold or through a master connection.

use crate::limits::SSH_AT_ONCE;
use anyhow::ensure;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Instant;
use tokio::process::Command;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How to reach the host.
#[derive(Clone)]
pub struct Ssh {
    /// What is run there.
    pub words: &'static str,
    /// How many commands run at once.
    pub at_once: usize,
    options: Vec<String>,
    target: String,
    control: PathBuf,
}

impl Ssh {
    /// As this user, with this key, to a host whose key is pinned.
    ///
    /// # Errors
    /// As the system says.
    pub fn new(folder: &Path, user: &str, port: u16, identity: &Path, host_key: &str) -> anyhow::Result<Self> {
        let known = folder.join("known_hosts");
        std::fs::write(&known, format!("[127.0.0.1]:{port} {host_key}\n"))?;
        let settings = [
            "BatchMode=yes".to_owned(),
            "StrictHostKeyChecking=yes".to_owned(),
            format!("UserKnownHostsFile={}", known.display()),
            "IdentitiesOnly=yes".to_owned(),
            "LogLevel=ERROR".to_owned(),
        ];
        let mut options = vec!["-F".to_owned(), "none".to_owned(), "-p".to_owned(), port.to_string()];
        options.extend(["-i".to_owned(), identity.display().to_string()]);
        options.extend(settings.into_iter().flat_map(|setting| ["-o".to_owned(), setting]));
        Ok(Self { words: "true", at_once: SSH_AT_ONCE, options, target: format!("{user}@127.0.0.1"), control: folder.join("m") })
    }

    fn command(&self, more: &[&str], words: &[&str]) -> Command {
        let mut command = Command::new("ssh");
        command.args(&self.options).args(more).arg(&self.target).args(words);
        command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
        command
    }

    /// Run the command so many times, each over a connection of its own. Milliseconds from the start of all to the end of each.
    ///
    /// # Errors
    /// Where one of them fails.
    pub async fn cold(&self, jobs: usize) -> anyhow::Result<Vec<f64>> {
        self.burst(jobs, &[]).await
    }

    /// The same over one master connection, which is opened first and counted with the rest.
    ///
    /// # Errors
    /// Where one of them fails.
    pub async fn through_master(&self, jobs: usize) -> anyhow::Result<Vec<f64>> {
        let path = format!("ControlPath={}", self.control.display());
        let started = Instant::now();
        let opening = ["-o", "ControlMaster=yes", "-o", "ControlPersist=60", "-o", &path];
        let opened = self.command(&opening, &["true"]).stderr(Stdio::null()).status().await?;
        ensure!(opened.success(), "the master connection was not opened");
        let opening_ms = started.elapsed().as_secs_f64() * 1e3;
        let took = self.burst(jobs, &["-o", "ControlMaster=no", "-o", &path]).await;
        let closed = self.command(&["-O", "exit", "-o", &path], &[]).stderr(Stdio::null()).status().await?;
        ensure!(closed.success(), "the master connection was not there at the end");
        Ok(took?.into_iter().map(|ms| ms + opening_ms).collect())
    }

    async fn burst(&self, jobs: usize, more: &[&str]) -> anyhow::Result<Vec<f64>> {
        let (places, started) = (Arc::new(Semaphore::new(self.at_once)), Instant::now());
        let mut tasks = JoinSet::new();
        for _ in 0..jobs {
            let (mut command, places) = (self.command(more, &[self.words]), Arc::clone(&places));
            tasks.spawn(async move {
                let _place = places.acquire().await?;
                ensure!(command.status().await?.success(), "ssh failed");
                Ok(started.elapsed().as_secs_f64() * 1e3)
            });
        }
        tasks.join_all().await.into_iter().collect()
    }
}
