//! Parts of a measurement as processes of their own: they answer on standard output and end with their standard input.

use crate::limits;
use anyhow::{Context, bail, ensure};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// A running part. Killed when it is dropped.
pub struct Part {
    child: Child,
    ask: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Part {
    /// Start one.
    ///
    /// # Errors
    /// As the system says.
    pub fn start<S: AsRef<OsStr>>(arguments: &[S]) -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("part")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start a part")?;
        let ask = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().context("no pipe")?);
        Ok(Self { child, ask, answers })
    }

    /// Its next answer.
    ///
    /// # Errors
    /// Where it ended without one.
    pub fn answer<T: DeserializeOwned>(&mut self) -> anyhow::Result<T> {
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            bail!("a part ended without an answer: {}", self.child.wait()?);
        }
        serde_json::from_str(&line).with_context(|| format!("not an answer: {line}"))
    }

    /// Ask it, and wait for the answer.
    ///
    /// # Errors
    /// As [`Part::answer`].
    pub fn ask<T: DeserializeOwned>(&mut self, word: &str) -> anyhow::Result<T> {
        writeln!(self.ask.as_mut().context("it was told to end")?, "{word}")?;
        self.answer()
    }

    /// Let it end by itself.
    ///
    /// # Errors
    /// Where it fails, or takes too long.
    pub fn end(mut self) -> anyhow::Result<()> {
        drop(self.ask.take());
        let started = Instant::now();
        while started.elapsed() < limits::PATIENCE {
            if let Some(status) = self.child.try_wait()? {
                ensure!(status.success(), "a part ended with {status}");
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        bail!("a part does not end")
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Answer the process that started this one.
///
/// # Errors
/// Where nobody reads.
pub fn answer(value: &impl Serialize) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(value)?)?;
    Ok(out.flush()?)
}

/// The next question; `None` once there will be no more.
///
/// # Errors
/// As the system says.
pub async fn question() -> anyhow::Result<Option<String>> {
    let read = || {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map(|read| (read > 0).then(|| line.trim().to_owned()))
    };
    Ok(tokio::task::spawn_blocking(read).await??)
}
