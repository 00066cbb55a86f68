//! From a crash to the last of ten thousand open runs resumed.

use crate::engine::{self, Instantly};
use crate::flows::{Flow, ONE_WAIT};
use crate::limits::{LOOK, OPEN_RUNS, PATIENCE};
use crate::place::{Place, installation};
use crate::report::Row;
use crate::stats::Rounds;
use anyhow::ensure;
use serde_json::json;
use sortie::app::App;
use sortie::limits::LEASE_MS;
use sortie_core::effect::WorkClass;
use sortie_core::input::{InputBody, Scope};
use sortie_core::view::StepKind;
use std::sync::Arc;
use std::time::Instant;

/// Most rounds: each prepares ten thousand runs.
const ROUNDS: usize = 3;

/// Measure it: every run was answered and claimed by a process that died before it evaluated any of them.
///
/// # Errors
/// As the store says.
pub async fn measure(place: &Place, rounds: usize) -> anyhow::Result<Vec<Row>> {
    let (mut all, mut opened) = (Rounds::new(), Rounds::new());
    for round in 0..rounds.min(ROUNDS) {
        let folder = place.path().join(format!("recovery-{round}"));
        let (home, _, _) = installation(&folder).await?;
        crashed(App::open(home.clone()).await?).await?;
        let started = Instant::now();
        let app = engine::with_launcher(App::open(home).await?, Arc::new(Instantly::default()));
        opened.push(started.elapsed().as_secs_f64() * 1e3);
        let mut work = app.driver.start();
        while ended(&app).await? < OPEN_RUNS as u64 {
            ensure!(started.elapsed() < PATIENCE, "some runs are never resumed");
            tokio::time::sleep(LOOK * 10).await;
        }
        all.push(started.elapsed().as_secs_f64());
        app.driver.stop();
        while work.join_next().await.is_some() {}
        app.store.close().await?;
    }
    let figure = format!("all resumed and ended in {} s", all.show(1));
    Ok(vec![Row::new(format!("a crash with {OPEN_RUNS} open runs"), figure, format!("the store opened in {} ms", opened.show(0)), "")])
}

/// Runs whose answers are committed and whose evaluations are claimed; then nothing more.
async fn crashed(app: App) -> anyhow::Result<()> {
    let app = engine::with_launcher(app, Arc::new(Instantly::default()));
    let flow = Flow::release(&app.driver, ONE_WAIT, json!({"repo": "git@example.com:team/project.git", "issue": 7})).await?;
    let first = flow.first.clone();
    let runs = crate::bulk::runs_with(&app.driver, &flow, OPEN_RUNS, move |_, _| first.clone()).await?;
    for run in runs {
        for step in app.store.steps(&run).await? {
            let StepKind::Wait { wait } = step.kind else { continue };
            let body = InputBody::WaitCallback { wait: wait.clone(), digest: "d".repeat(64), answer: Ok(json!({"ok": true})) };
            app.driver.deliver(Scope::Wait { wait, callback: "d".repeat(64) }, body).await?;
        }
    }
    while !app.store.claim(WorkClass::Advance, app.clock.now(), LEASE_MS, sortie_store::limits::CLAIM).await?.is_empty() {}
    Ok(app.store.close().await?)
}

async fn ended(app: &App) -> anyhow::Result<u64> {
    let counts = app.store.run_counts().await?;
    Ok(counts.iter().filter(|count| count.state == "succeeded").map(|count| count.runs).sum())
}
