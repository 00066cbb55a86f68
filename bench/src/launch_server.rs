//! The whole engine with runs whose first job is under way, and a launcher that acknowledges at once.

use crate::engine::{self, CallbackServer, Instantly};
use crate::flows::{Flow, TWO_JOBS};
use crate::{bulk, child, limits, posts};
use anyhow::ensure;
use clap::Args;
use sortie::launcher::Launcher;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What to prepare.
#[derive(Args)]
pub struct Arguments {
    /// Folder of the installation
    #[arg(long)]
    home: PathBuf,
    /// File for the signed results
    #[arg(long)]
    posts: PathBuf,
    /// How many runs
    #[arg(long)]
    count: usize,
}

/// Prepare, serve with the engine at work, answer when each second job was launched, until nobody asks any more.
///
/// # Errors
/// As the store says.
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let launcher = Arc::new(Instantly::default());
    let app = engine::fresh(&arguments.home, Arc::clone(&launcher) as Arc<dyn Launcher>).await?;
    engine::add_nominal_host(&app).await?;
    let flow = Flow::release(&app.driver, TWO_JOBS, serde_json::json!({})).await?;
    bulk::runs(&app.driver, &flow, arguments.count).await?;
    let launched = bulk::launch_all(&app.driver).await?;
    ensure!(launched.len() == arguments.count, "{} of {} attempts are launched", launched.len(), arguments.count);
    posts::write(&arguments.posts, launched.iter().map(|attempt| posts::result(&app.driver, attempt, "first")))?;
    let mut work = app.driver.start();
    let server = CallbackServer::start(&app).await?;
    child::answer(&server.address)?;
    while child::question().await?.is_some() {
        let started = Instant::now();
        let asked = loop {
            let asked: Option<Vec<u64>> = launched.iter().map(|attempt| launcher.asked(attempt.run.as_str(), "second")).collect();
            if let Some(asked) = asked {
                break asked;
            }
            ensure!(started.elapsed() < limits::PATIENCE, "some second jobs are never launched");
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        child::answer(&asked)?;
    }
    app.driver.stop();
    while work.join_next().await.is_some() {}
    server.stop(&app).await
}
