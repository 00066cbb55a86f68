//! Callbacks accepted and durable, with URL, token and proof verified, each the result of an attempt of its own.

use crate::callback_server::{Ready, Settled};
use crate::child::Part;
use crate::limits::{CONNECTIONS, POSTS_OF_MANY, POSTS_OF_ONE, POSTS_WITH_ENGINE};
use crate::load::Loaded;
use crate::place::Place;
use crate::report::Row;
use crate::stats::Rounds;
use anyhow::ensure;
use std::net::SocketAddr;
use std::path::Path;

/// Rate and latencies over several rounds.
#[derive(Default)]
struct Series {
    rate: Rounds,
    p50: Rounds,
    p99: Rounds,
}

impl Series {
    fn push(&mut self, count: usize, loaded: &Loaded) {
        self.rate.push(count as f64 / loaded.seconds);
        self.p50.push(loaded.p50_ms);
        self.p99.push(loaded.p99_ms);
    }

    fn show(&self) -> String {
        format!("{}/s, p50 {} ms, p99 {} ms", self.rate.show(0), self.p50.show(2), self.p99.show(2))
    }
}

/// Measure acceptance at 1 and many connections beside the bare server, then with the engine at work.
///
/// # Errors
/// Where a part fails or a callback is not accepted.
pub fn measure(place: &Place, rounds: usize) -> anyhow::Result<Vec<Row>> {
    let mut rows = acceptance(place, rounds)?;
    rows.extend(with_engine(place, rounds)?);
    Ok(rows)
}

fn acceptance(place: &Place, rounds: usize) -> anyhow::Result<Vec<Row>> {
    let posts = place.path().join("callbacks.posts");
    let (ordered, mixed) = (rounds * (POSTS_OF_ONE + POSTS_OF_MANY), rounds * POSTS_OF_MANY);
    let (server, ready) = start(&place.path().join("callbacks"), &posts, ordered + mixed, mixed, false)?;
    let mut bare = Part::start(&["bare"])?;
    let bare_address: SocketAddr = bare.answer()?;
    let (mut one, mut many, mut at_random) = <(Series, Series, Series)>::default();
    let (mut bare_one, mut bare_many) = <(Series, Series)>::default();
    for round in 0..rounds {
        let skip = round * (POSTS_OF_ONE + POSTS_OF_MANY);
        one.push(POSTS_OF_ONE, &load(ready.address, &posts, skip, POSTS_OF_ONE, 1)?);
        bare_one.push(POSTS_OF_ONE, &load(bare_address, &posts, skip, POSTS_OF_ONE, 1)?);
        let skip = skip + POSTS_OF_ONE;
        many.push(POSTS_OF_MANY, &load(ready.address, &posts, skip, POSTS_OF_MANY, CONNECTIONS)?);
        bare_many.push(POSTS_OF_MANY, &load(bare_address, &posts, skip, POSTS_OF_MANY, CONNECTIONS)?);
        let skip = ordered + round * POSTS_OF_MANY;
        at_random.push(POSTS_OF_MANY, &load(ready.address, &posts, skip, POSTS_OF_MANY, CONNECTIONS)?);
    }
    bare.end()?;
    server.end()?;
    std::fs::remove_file(&posts)?;
    std::fs::remove_dir_all(place.path().join("callbacks"))?;
    let bare_server = |series: &Series| format!("bare HTTP server: {}", series.show());
    let scattered = format!("the same, {CONNECTIONS} connections, results at random of {mixed} open attempts");
    Ok(vec![
        Row::new("callbacks accepted and durable, 1 connection", one.show(), bare_server(&bare_one), "p50 < 1 ms"),
        Row::new(format!("the same, {CONNECTIONS} connections"), many.show(), bare_server(&bare_many), "10,000/s, p99 < 20 ms"),
        Row::new(scattered, at_random.show(), bare_server(&bare_many), ""),
    ])
}

fn with_engine(place: &Place, rounds: usize) -> anyhow::Result<Vec<Row>> {
    let posts = place.path().join("engine.posts");
    let (mut server, ready) = start(&place.path().join("engine"), &posts, rounds * POSTS_WITH_ENGINE, 0, true)?;
    let (mut accepted, mut ended) = (Series::default(), Rounds::default());
    for round in 0..rounds {
        let loaded = load(ready.address, &posts, round * POSTS_WITH_ENGINE, POSTS_WITH_ENGINE, CONNECTIONS)?;
        accepted.push(POSTS_WITH_ENGINE, &loaded);
        let settled: Settled = server.ask("settle")?;
        let expected = ((round + 1) * POSTS_WITH_ENGINE) as u64;
        ensure!(settled.succeeded == expected, "{} of {expected} runs have succeeded", settled.succeeded);
        ended.push(POSTS_WITH_ENGINE as f64 / (loaded.seconds + settled.seconds));
    }
    server.end()?;
    std::fs::remove_file(&posts)?;
    let ended = format!("runs evaluated to their end: {}/s", ended.show(0));
    Ok(vec![Row::new(format!("the same, {CONNECTIONS} connections, the engine resuming each run meanwhile"), accepted.show(), ended, "")])
}

fn start(home: &Path, posts: &Path, count: usize, mixed: usize, engine: bool) -> anyhow::Result<(Part, Ready)> {
    let [home, posts, count, mixed] = [home.display().to_string(), posts.display().to_string(), count.to_string(), mixed.to_string()];
    let mut arguments = vec!["callbacks", "--home", &home, "--posts", &posts, "--count", &count, "--mixed", &mixed];
    arguments.extend(engine.then_some("--engine"));
    let mut server = Part::start(&arguments)?;
    let ready: Ready = server.answer()?;
    eprintln!("{count} attempts prepared in {:.0} s", ready.prepared_s);
    Ok((server, ready))
}

fn load(to: SocketAddr, posts: &Path, skip: usize, count: usize, connections: usize) -> anyhow::Result<Loaded> {
    let [to, posts, skip, count, connections] =
        [to.to_string(), posts.display().to_string(), skip.to_string(), count.to_string(), connections.to_string()];
    let arguments = ["load", "--to", &to, "--posts", &posts, "--skip", &skip, "--count", &count, "--connections", &connections];
    let mut part = Part::start(&arguments)?;
    let loaded = part.answer()?;
    part.end()?;
    Ok(loaded)
}
