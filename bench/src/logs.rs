//! From the line that a job writes to the line that `sortie runs logs --follow` shows: with output shipped by the host, and over
//! SSH while the host cannot reach the server.

use crate::limits::{PATIENCE, SETTLE};
use crate::report::Row;
use crate::stats::{self, Rounds};
use anyhow::{Context as _, bail, ensure};
use sortie_tests::cli;
use sortie_tests::run::Run;
use sortie_tests::world::{Setup, World};
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::SystemTime;

/// Most rounds: each takes half a minute.
const ROUNDS: usize = 3;

/// Measure both ways, ten lines a second.
///
/// # Errors
/// Where a line is missing.
pub fn measure(rounds: usize, lines: usize) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (way, cut) in [("by callbacks", false), ("over SSH, callbacks cut off", true)] {
        let world = World::with(Setup { http_proxy: true, ..Setup::default() });
        let (mut p50, mut p99, mut most) = (Rounds::new(), Rounds::new(), Rounds::new());
        for round in 0..rounds.min(ROUNDS) {
            let took = one_round(&world, round, lines, cut)?;
            p50.push(stats::percentile(&took, 0.5));
            p99.push(stats::percentile(&took, 0.99));
            most.push(stats::percentile(&took, 1.0));
        }
        rows.push(Row::new(
            format!("a line written by a job to the same line shown by `runs logs --follow`, {lines} lines, ten a second, {way}"),
            format!("p50 {} ms, p99 {} ms", p50.show(0), p99.show(0)),
            format!("the slowest {} ms", most.show(0)),
            "< 1 s",
        ));
    }
    Ok(rows)
}

/// Milliseconds of each line, sorted. A line is the time at which it was written.
fn one_round(world: &World, round: usize, lines: usize, cut: bool) -> anyhow::Result<Vec<f64>> {
    let (begin, end) = (format!("begin.{round}"), format!("end.{round}"));
    let script = "echo 0\n".to_owned()
        + &world.gate(&begin)
        + &format!("n=0; while [ $n -lt {lines} ]; do date +%s%N; n=$((n+1)); sleep 0.1; done\n")
        + &world.gate(&end);
    let run = world.job(&format!("talks.{round}"), &script);
    let (mut follower, shown) = follow(world, &run)?;
    // The first line shows that somebody follows.
    shown.recv_timeout(PATIENCE).context("no line is shown")??;
    if cut {
        world.http().away(true);
        world.http().cut_off();
        // Until it has shown that nothing comes by itself any more.
        std::thread::sleep(SETTLE);
    }
    world.open_gate(&begin);
    let mut took = Vec::with_capacity(lines);
    while took.len() < lines {
        took.push(shown.recv_timeout(PATIENCE).context("a line is missing")??);
    }
    let _ = follower.kill();
    let _ = follower.wait();
    world.http().away(false);
    world.open_gate(&end);
    let ended = run.ended_within(&world.it, PATIENCE);
    ensure!(ended["state"] == "succeeded", "the job has failed: {ended}");
    Ok(stats::sorted(took))
}

/// Follow a run; gives for each line how many milliseconds ago it was written.
fn follow(world: &World, run: &Run) -> anyhow::Result<(Child, Receiver<anyhow::Result<f64>>)> {
    let mut command = cli::command(&world.it.home);
    command.args(["runs", "logs", &run.id, "--follow", "--raw"]).stdout(Stdio::piped());
    let mut child = command.spawn()?;
    let out = BufReader::new(child.stdout.take().context("no pipe")?);
    let (send, shown) = mpsc::channel();
    std::thread::spawn(move || {
        for line in out.lines() {
            let now = SystemTime::now();
            if send.send(line.map_err(anyhow::Error::from).and_then(|line| age_ms(&line, now))).is_err() {
                return;
            }
        }
    });
    Ok((child, shown))
}

fn age_ms(line: &str, now: SystemTime) -> anyhow::Result<f64> {
    let Ok(written_ns) = line.trim().parse::<u64>() else { bail!("not a time: {line}") };
    let now_ns = now.duration_since(SystemTime::UNIX_EPOCH)?.as_nanos() as f64;
    Ok((now_ns - written_ns as f64) / 1e6)
}
