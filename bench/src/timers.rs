//! A hundred thousand armed timers, of which a thousand a second fall due.

use crate::engine::{self, Instantly};
use crate::flows::{Flow, ONE_SLEEP};
use crate::limits::{ARMED, FALLING_DUE, HEAD_START_MS, LOOK, PATIENCE};
use crate::place::Place;
use crate::report::Row;
use crate::stats;
use anyhow::ensure;
use sortie_core::call::CallSpec;
use sortie_core::evaluation::{Command, End, Evaluation};
use sortie_core::event::EventBody;
use sortie_core::ids::{Ms, RunId};
use std::sync::Arc;
use std::time::Instant;

/// Measure it: from when a timer was due to when its step was answered, with every run evaluated to its end meanwhile.
///
/// # Errors
/// As the store says.
pub async fn measure(place: &Place) -> anyhow::Result<Vec<Row>> {
    let app = engine::fresh(&place.path().join("timers"), Arc::new(Instantly::default())).await?;
    let flow = Flow::release(&app.driver, ONE_SLEEP, serde_json::json!({})).await?;
    let far = evaluation(24 * 3_600_000);
    crate::bulk::runs_with(&app.driver, &flow, ARMED - FALLING_DUE, move |_, _| far.clone()).await?;
    let base = app.clock.now() + HEAD_START_MS;
    let runs = crate::bulk::runs_with(&app.driver, &flow, FALLING_DUE, move |n, now| {
        evaluation(u64::try_from(base + Ms::try_from(n).unwrap_or(0) - now).unwrap_or(0))
    })
    .await?;
    ensure!(app.clock.now() < base, "preparing took longer than the head start");
    let mut work = app.driver.start();
    let started = Instant::now();
    let mut late = Vec::with_capacity(runs.len());
    for run in &runs {
        late.push(lateness(&app, run, started).await?);
    }
    app.driver.stop();
    while work.join_next().await.is_some() {}
    app.store.close().await?;
    let late = stats::sorted(late);
    let figure = format!(
        "p50 {:.1} ms, p99 {:.1} ms, most {:.1} ms",
        stats::percentile(&late, 0.5),
        stats::percentile(&late, 0.99),
        stats::percentile(&late, 1.0)
    );
    Ok(vec![Row::new(
        format!("{ARMED} armed timers, 1,000/s fall due for {} s: lateness", FALLING_DUE / 1_000),
        figure,
        "",
        "milliseconds",
    )])
}

fn evaluation(duration_ms: u64) -> Evaluation {
    let spec = CallSpec::Sleep { duration_ms };
    Evaluation { commands: vec![Command::Schedule { call: 1, step: "nap".to_owned(), spec }], end: End::Suspended { waiting_on: vec![1] } }
}

/// Milliseconds between the deadline and the answer, once it is there.
async fn lateness(app: &sortie::app::App, run: &RunId, started: Instant) -> anyhow::Result<f64> {
    loop {
        let history = app.store.history(run, 0, 20).await?;
        let due = history.iter().find_map(|event| match &event.body {
            EventBody::StepScheduled { deadline_at, .. } => Some(*deadline_at),
            _ => None,
        });
        let answered = history.iter().find(|event| matches!(event.body, EventBody::StepCompleted { .. })).map(|event| event.at);
        if let (Some(due), Some(answered)) = (due, answered) {
            return Ok((answered - due) as f64);
        }
        ensure!(started.elapsed() < PATIENCE, "{run} sleeps for ever");
        tokio::time::sleep(LOOK * 20).await;
    }
}
