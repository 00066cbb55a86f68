//! Many jobs of one host end in the same moment: until the server has committed each result, and until the host knows it. The same
//! after the server was away for a while.

use crate::held::{self, Held};
use crate::history;
use crate::limits::{LOOK, PATIENCE};
use crate::report::Row;
use crate::stats::{self, Rounds};
use anyhow::{Context as _, ensure};
use serde_json::Value;
use sortie_tests::wait;
use sortie_tests::world::World;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

/// Most rounds: each starts all jobs first.
const ROUNDS: usize = 3;

#[derive(Default)]
struct Series {
    p50: Rounds,
    all: Rounds,
}

impl Series {
    fn push(&mut self, since_ms: f64, at_ms: Vec<f64>) {
        let took = stats::sorted(at_ms.into_iter().map(|at| (at - since_ms) / 1e3));
        self.p50.push(stats::percentile(&took, 0.5));
        self.all.push(stats::percentile(&took, 1.0));
    }

    fn show(&self) -> String {
        format!("half in {} s, all in {} s", self.p50.show(2), self.all.show(2))
    }
}

/// With the server up in each round, then once with it down for so long where asked.
///
/// # Errors
/// Where a result is lost.
pub fn measure(rounds: usize, jobs: usize, down: Duration) -> anyhow::Result<Vec<Row>> {
    let mut world = World::new();
    Held::prepare(&world);
    let (mut committed, mut receipts) = <(Series, Series)>::default();
    for round in 0..rounds.min(ROUNDS) {
        let held = Held::start(&world, &format!("up.{round}"), jobs)?;
        let (opened_ms, _gate) = held.open()?;
        let events = held.ended(&world)?;
        committed.push(opened_ms, committed_ms(&events, jobs)?);
        receipts.push(opened_ms, receipts_ms(&world.root, &events)?);
    }
    let mut rows = vec![Row::new(
        format!("{jobs} jobs of one host end at once, until each result is committed"),
        committed.show(),
        format!("until the host has each receipt: {}", receipts.show()),
        "",
    )];
    if !down.is_zero() {
        rows.push(while_down(&mut world, jobs, down)?);
    }
    Ok(rows)
}

fn while_down(world: &mut World, jobs: usize, down: Duration) -> anyhow::Result<Row> {
    let held = Held::start(world, "down", jobs)?;
    let _ = world.it.stop();
    let (opened, (_, _gate)) = (Instant::now(), held.open()?);
    let spooled = || results_on_disk(&world.root) >= jobs;
    wait::holds("every result is on the host's disk", PATIENCE, spooled);
    let spooled_s = opened.elapsed().as_secs_f64();
    std::thread::sleep(down.saturating_sub(opened.elapsed()));
    world.it.start();
    let ready_ms = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs_f64() * 1e3;
    let events = held.ended(world)?;
    let (mut committed, mut receipts) = <(Series, Series)>::default();
    committed.push(ready_ms, committed_ms(&events, jobs)?);
    receipts.push(ready_ms, receipts_ms(&world.root, &events)?);
    let via = |way: &str| history::of_kind(&events, "attempt_result").filter(|event| event["data"]["via"] == way).count();
    Ok(Row::new(
        format!("the same while the server is down for {} s: none of {jobs} lost; from its start", down.as_secs()),
        format!("{}; {} by callback, {} fetched over SSH", committed.show(), via("callback"), jobs - via("callback")),
        format!("until the host has each receipt: {}; all on its disk {spooled_s:.2} s after their end", receipts.show()),
        "none lost",
    ))
}

/// When each result was committed.
fn committed_ms(events: &[Value], jobs: usize) -> anyhow::Result<Vec<f64>> {
    let at: Vec<f64> = history::of_kind(events, "attempt_result").map(history::at_ms).collect::<Result<_, _>>()?;
    ensure!(at.len() == jobs, "{} of {jobs} results are there", at.len());
    Ok(at)
}

/// When the shim of each attempt noted that its result was taken.
fn receipts_ms(root: &Path, events: &[Value]) -> anyhow::Result<Vec<f64>> {
    let noted = |attempt: &Path| -> Option<f64> {
        let acked: Value = serde_json::from_slice(&std::fs::read(attempt.join("acked")).ok()?).ok()?;
        acked["at_ms"].as_f64()
    };
    let started = Instant::now();
    loop {
        let at: Option<Vec<f64>> = held::attempts(root, events).iter().map(|attempt| noted(attempt)).collect();
        match at {
            Some(at) => return Ok(at),
            None if started.elapsed() < PATIENCE => std::thread::sleep(LOOK),
            None => return None.context("a host never heard that its result was taken"),
        }
    }
}

/// Attempts whose result waits on the host's disk.
fn results_on_disk(root: &Path) -> usize {
    let attempts = std::fs::read_dir(root.join("jobs")).into_iter().flatten().flatten();
    let waits = |folder: &Path| {
        let spooled = std::fs::read_to_string(folder.join("events.log")).is_ok_and(|log| log.contains("\"kind\":\"result\""));
        spooled && !folder.join("acked").exists()
    };
    attempts.filter(|entry| waits(&entry.path())).count()
}
