//! Many jobs on one host that cost nothing and end at the same moment: each waits for somebody to open a pipe.

use crate::history;
use crate::limits::{HELD_JOBS_OF_RUN, PATIENCE, SETTLE};
use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use sortie_tests::run::Run;
use sortie_tests::world::World;
use sortie_tests::{flows, wait};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

const FLOW: &str = r#"
flow(name = "held", description = "Jobs that wait at a gate", input = {"jobs": int, "gate": str}, deadline = "3h")

def run(ctx, input):
    jobs = [job("j%d" % n, on = "vm", command = ["/bin/sh", "-c", ': < "$0"', input["gate"]], timeout = "2h", wait = False)
            for n in range(input["jobs"])]
    return {"ok": len([r for r in wait_all(jobs) if r.ok])}
"#;

/// Them.
pub struct Held {
    gate: PathBuf,
    /// Their runs, with how many jobs each has.
    runs: Vec<(Run, usize)>,
}

impl Held {
    /// Release the flow in a world, once.
    pub fn prepare(world: &World) {
        flows::publish(&world.it, "held", FLOW);
    }

    /// Start so many, and wait until all of them wait.
    ///
    /// # Errors
    /// As the system says.
    pub fn start(world: &World, name: &str, jobs: usize) -> anyhow::Result<Self> {
        let gate = world.scratch(&format!("gate.{name}"));
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &gate, rustix::fs::FileType::Fifo, mode, 0).context("a named pipe")?;
        let starts = (0..jobs).step_by(HELD_JOBS_OF_RUN).map(|from| HELD_JOBS_OF_RUN.min(jobs - from));
        let run = |jobs: usize| (Run::start(&world.it, "held", &json!({ "jobs": jobs, "gate": gate.display().to_string() })), jobs);
        let runs: Vec<(Run, usize)> = starts.map(run).collect();
        for (run, jobs) in &runs {
            wait::holds("the jobs have started", PATIENCE, || {
                history::events(&world.it, run).is_ok_and(|events| history::of_kind(&events, "attempt_started").count() == *jobs)
            });
        }
        // From the start of the shell to its wait at the gate.
        std::thread::sleep(SETTLE / 3);
        Ok(Self { gate, runs })
    }

    /// Let all of them end. Unix milliseconds of that moment, and what keeps the gate open.
    ///
    /// # Errors
    /// As the system says.
    pub fn open(&self) -> anyhow::Result<(f64, std::fs::File)> {
        let now_ms = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs_f64() * 1e3;
        Ok((now_ms, std::fs::File::options().write(true).open(&self.gate)?))
    }

    /// Wait until all runs have ended, each with all its jobs; gives all their events.
    ///
    /// # Errors
    /// Where a job was lost or has failed.
    pub fn ended(&self, world: &World) -> anyhow::Result<Vec<Value>> {
        let mut all = Vec::new();
        for (run, jobs) in &self.runs {
            let shown = run.ended_within(&world.it, PATIENCE);
            ensure!(shown["value"]["ok"] == *jobs, "a job has failed: {shown}");
            all.extend(history::events(&world.it, run)?);
        }
        Ok(all)
    }
}

/// Folders of the attempts that have results in these events.
pub fn attempts(root: &Path, events: &[Value]) -> Vec<PathBuf> {
    let ids = history::of_kind(events, "attempt_result").filter_map(|event| event["data"]["attempt"].as_str());
    ids.map(|id| root.join("jobs").join(id)).collect()
}
