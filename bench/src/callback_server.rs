//! The callback server of the measurement: the real store, the real HTTP server, and attempts that wait for their results.

use crate::bulk::Launched;
use crate::engine::{self, CallbackServer, Instantly};
use crate::flows::{Flow, ONE_JOB};
use crate::{bulk, child, limits, posts};
use anyhow::ensure;
use clap::Args;
use serde::{Deserialize, Serialize};
use sortie::app::App;
use sortie_core::effect::WorkClass;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// What to prepare.
#[derive(Args)]
pub struct Arguments {
    /// Folder of the installation
    #[arg(long)]
    home: PathBuf,
    /// File for the signed results
    #[arg(long)]
    posts: PathBuf,
    /// How many attempts
    #[arg(long)]
    count: usize,
    /// How many of the last posts come in random order, not in that of the launches
    #[arg(long, default_value_t = 0)]
    mixed: usize,
    /// Go on with the runs whose results have come
    #[arg(long)]
    engine: bool,
}

/// It listens, and everything is prepared.
#[derive(Serialize, Deserialize)]
pub struct Ready {
    /// Where.
    pub address: SocketAddr,
    /// Seconds that preparing took.
    pub prepared_s: f64,
}

/// Everything that was due has been done.
#[derive(Serialize, Deserialize)]
pub struct Settled {
    /// Seconds since the question.
    pub seconds: f64,
    /// Runs that have succeeded so far.
    pub succeeded: u64,
}

/// Prepare, serve, answer `settle`, until nobody asks any more.
///
/// # Errors
/// As the store says.
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let started = Instant::now();
    let app = engine::fresh(&arguments.home, Arc::new(Instantly::default())).await?;
    let flow = Flow::release(&app.driver, ONE_JOB, serde_json::json!({})).await?;
    bulk::runs(&app.driver, &flow, arguments.count).await?;
    let mut launched = bulk::launch_all(&app.driver).await?;
    ensure!(launched.len() == arguments.count, "{} of {} attempts are launched", launched.len(), arguments.count);
    order(&mut launched, arguments.mixed);
    posts::write(&arguments.posts, launched.iter().map(|attempt| posts::result(&app.driver, attempt, "first")))?;
    drop(launched);
    let mut work = if arguments.engine { app.driver.start() } else { JoinSet::new() };
    let server = CallbackServer::start(&app).await?;
    child::answer(&Ready { address: server.address, prepared_s: started.elapsed().as_secs_f64() })?;
    while child::question().await?.is_some() {
        child::answer(&settle(&app).await?)?;
    }
    app.driver.stop();
    while work.join_next().await.is_some() {}
    server.stop(&app).await
}

/// In the order of the launches; the last so many at random, by the random part of their ids.
fn order(launched: &mut [Launched], mixed: usize) {
    launched.sort_by(|a, b| a.run.cmp(&b.run));
    let first = launched.len().saturating_sub(mixed);
    launched[first..].sort_by_cached_key(|one| one.attempt.id.as_str().bytes().rev().collect::<Vec<u8>>());
}

/// Wait until no run is left to be advanced.
async fn settle(app: &App) -> anyhow::Result<Settled> {
    let started = Instant::now();
    while app.store.next_due(WorkClass::Advance).await?.is_some() {
        ensure!(started.elapsed() < limits::PATIENCE, "there is still work to be done");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let counts = app.store.run_counts().await?;
    let succeeded = counts.iter().filter(|count| count.state == "succeeded").map(|count| count.runs).sum();
    Ok(Settled { seconds: started.elapsed().as_secs_f64(), succeeded })
}
