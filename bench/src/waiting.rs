//! What a hundred thousand waiting runs cost at rest, and how long a start takes with them.

use crate::engine::{self, Instantly};
use crate::flows::{Flow, ONE_WAIT};
use crate::limits::{self, WAITING};
use crate::machine;
use crate::place::{Place, installation};
use crate::report::Row;
use crate::stats::Rounds;
use anyhow::{Context, ensure};
use rustix::fs::{Advice, fadvise};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use sortie::config::Home;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Measure it: the file, then the real `sortie serve` on it, beside one on an empty store.
///
/// # Errors
/// Where the server does not start.
pub fn measure(place: &Place, rounds: usize) -> anyhow::Result<Vec<Row>> {
    let runtime = crate::runtime()?;
    let (full, empty) = (place.path().join("waiting"), place.path().join("empty"));
    let (bytes, listen) = runtime.block_on(fill(&full, WAITING))?;
    let (empty_bytes, empty_listen) = runtime.block_on(fill(&empty, 0))?;
    drop(runtime);
    let mut of_full = Starts::default();
    let mut of_empty = Starts::default();
    for _ in 0..rounds {
        of_full.add(&full, listen)?;
        of_empty.add(&empty, empty_listen)?;
    }
    let each = (bytes - empty_bytes) as f64 / WAITING as f64;
    let what = |of: &str| format!("{WAITING} waiting runs: {of}");
    let memory = |starts: &Starts| format!("{} MiB, {} MiB at most", starts.resident.show(1), starts.peak.show(1));
    let ready = |starts: &Starts| format!("{} ms", starts.ready.show(0));
    Ok(vec![
        Row::new(what("disk of each"), format!("{each:.0} bytes"), format!("empty store: {} KiB", empty_bytes / 1_024), "< 1,536 bytes"),
        Row::new(what("resident memory of `sortie serve`"), memory(&of_full), format!("without runs: {}", memory(&of_empty)), "< 100 MiB"),
        Row::new(
            what("process start to `/readyz`, file not in the page cache"),
            ready(&of_full),
            format!("without runs: {}", ready(&of_empty)),
            "< 1 s",
        ),
    ])
}

/// Make an installation with so many waiting runs. Bytes of its store, and where its server will listen.
async fn fill(folder: &Path, runs: usize) -> anyhow::Result<(u64, SocketAddr)> {
    let started = Instant::now();
    let (home, config, _) = installation(folder).await?;
    let app = engine::with_launcher(sortie::app::App::open(home.clone()).await?, Arc::new(Instantly::default()));
    let flow = Flow::release(&app.driver, ONE_WAIT, json!({"repo": "git@example.com:team/project.git", "issue": 7})).await?;
    crate::bulk::runs(&app.driver, &flow, runs).await?;
    let counts = app.store.run_counts().await?;
    let waiting: u64 = counts.iter().filter(|count| count.state == "waiting").map(|count| count.runs).sum();
    ensure!(waiting == runs as u64, "{waiting} of {runs} runs wait");
    app.store.close().await?;
    eprintln!("{runs} waiting runs prepared in {:.0} s", started.elapsed().as_secs_f64());
    Ok((std::fs::metadata(home.store())?.len(), config.listen))
}

#[derive(Default)]
struct Starts {
    ready: Rounds,
    resident: Rounds,
    peak: Rounds,
}

impl Starts {
    /// Start the server, wait until it is ready, let it settle, look at its memory, stop it.
    fn add(&mut self, folder: &Path, listen: SocketAddr) -> anyhow::Result<()> {
        forget(&Home::new(folder).store())?;
        let started = Instant::now();
        let mut server = Server::start(folder)?;
        while !is_ready(listen) {
            ensure!(started.elapsed() < limits::PATIENCE, "the server is never ready");
            if let Some(status) = server.0.try_wait()? {
                anyhow::bail!("the server ended with {status}");
            }
            std::thread::sleep(limits::LOOK);
        }
        self.ready.push(started.elapsed().as_secs_f64() * 1e3);
        std::thread::sleep(limits::SETTLE);
        let (resident, peak) = machine::resident_mib(server.0.id());
        self.resident.push(resident);
        self.peak.push(peak);
        server.stop()
    }
}

/// The real program, in a process of its own. Killed when it is dropped.
struct Server(Child);

impl Server {
    fn start(folder: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("sortie").arg("--home").arg(folder).arg("serve");
        Ok(Self(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?))
    }

    fn stop(mut self) -> anyhow::Result<()> {
        let pid = Pid::from_raw(i32::try_from(self.0.id())?).context("a process without an id")?;
        kill_process(pid, Signal::TERM)?;
        ensure!(self.0.wait()?.success(), "the server did not stop well");
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Have the kernel drop a file from its page cache.
fn forget(path: &Path) -> anyhow::Result<()> {
    let file = File::open(path)?;
    file.sync_all()?;
    Ok(fadvise(&file, 0, None, Advice::DontNeed)?)
}

fn is_ready(address: SocketAddr) -> bool {
    let ask = || {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer)?;
        std::io::Result::Ok(&answer == b"HTTP/1.1 200")
    };
    ask().unwrap_or(false)
}
