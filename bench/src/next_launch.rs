//! From the first byte of a job's result to the committed launch of the job after it, at a steady pace.

use crate::child::Part;
use crate::limits::{PACE, PACED_POSTS, WARM_UP_POSTS};
use crate::load::Loaded;
use crate::place::Place;
use crate::report::Row;
use crate::stats::{self, Rounds};
use anyhow::ensure;
use std::net::SocketAddr;

/// Most rounds: each takes ten seconds.
const ROUNDS: usize = 3;

/// Measure it: evaluated by the real evaluators in child processes, launched by a launcher that acknowledges at once.
///
/// # Errors
/// Where a part fails or a callback is not accepted.
pub fn measure(place: &Place, rounds: usize) -> anyhow::Result<Vec<Row>> {
    let (mut p50, mut p99, mut answered) = (Rounds::default(), Rounds::default(), Rounds::default());
    for round in 0..rounds.min(ROUNDS) {
        let (took, loaded) = one_round(place, round)?;
        p50.push(stats::percentile(&took, 0.5));
        p99.push(stats::percentile(&took, 0.99));
        answered.push(loaded.p99_ms);
    }
    let figure = format!("p50 {} ms, p99 {} ms", p50.show(2), p99.show(2));
    let beside = format!("the same callbacks answered: p99 {} ms", answered.show(2));
    Ok(vec![Row::new(
        format!("callback sent to next launch committed, {PACE}/s for {} s", PACED_POSTS as u32 / PACE),
        figure,
        beside,
        "p99 < 20 ms",
    )])
}

/// Milliseconds of each counted run, sorted.
fn one_round(place: &Place, round: usize) -> anyhow::Result<(Vec<f64>, Loaded)> {
    let posts = place.path().join(format!("next-{round}.posts"));
    let home = place.path().join(format!("next-{round}"));
    let count = WARM_UP_POSTS + PACED_POSTS;
    let [home, file, counted, pace] = [home.display().to_string(), posts.display().to_string(), count.to_string(), PACE.to_string()];
    let mut server = Part::start(&["next-launch", "--home", &home, "--posts", &file, "--count", &counted])?;
    let address: SocketAddr = server.answer()?;
    let mut load = Part::start(&["load", "--to", &address.to_string(), "--posts", &file, "--count", &counted, "--pace", &pace])?;
    let loaded: Loaded = load.answer()?;
    load.end()?;
    let launched_ns: Vec<u64> = server.ask("launched")?;
    server.end()?;
    ensure!(launched_ns.len() == count && loaded.sent_ns.len() == count, "some runs are missing");
    let pairs = loaded.sent_ns.iter().zip(&launched_ns).skip(WARM_UP_POSTS);
    Ok((stats::sorted(pairs.map(|(sent, launched)| launched.saturating_sub(*sent) as f64 / 1e6)), loaded))
}
