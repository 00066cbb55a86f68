//! Run steps: a flow of ten steps in a row, each answered where it is asked for.

use crate::engine::{self, Instantly};
use crate::flows::{Flow, TEN_STEPS};
use crate::limits::{LOOK, PATIENCE, RUNS_AT_ONCE, RUNS_IN_A_ROW, STEPS};
use crate::place::Place;
use crate::report::Row;
use crate::stats::{self, Rounds};
use anyhow::ensure;
use sortie::driver::Driver;
use sortie_core::ids::RunId;
use sortie_core::input::{InputBody, Scope};
use sortie_core::state::RunState;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Measure it: one run after the other, then many at once, beside a bare commit to the same store.
///
/// # Errors
/// Where a run does not succeed.
pub async fn measure(place: &Place, rounds: usize) -> anyhow::Result<Vec<Row>> {
    let app = engine::fresh(&place.path().join("steps"), Arc::new(Instantly::default())).await?;
    let flow = Flow::release(&app.driver, TEN_STEPS, serde_json::json!({})).await?;
    let mut work = app.driver.start();
    let [mut p50, mut p99, mut rate, mut commit] = [const { Rounds::new() }; 4];
    for _ in 0..rounds {
        let mut each = Vec::new();
        for _ in 0..RUNS_IN_A_ROW {
            each.push(one_after_the_other(&app.driver, &flow, 1).await? / STEPS);
        }
        let each = stats::sorted_ms(each);
        p50.push(stats::percentile(&each, 0.5));
        p99.push(stats::percentile(&each, 0.99));
        let took = one_after_the_other(&app.driver, &flow, RUNS_AT_ONCE).await?;
        rate.push(f64::from(STEPS) * RUNS_AT_ONCE as f64 / took.as_secs_f64());
        commit.push(stats::percentile(&bare_commits(&app.driver).await?, 0.5));
    }
    app.driver.stop();
    while work.join_next().await.is_some() {}
    app.store.close().await?;
    let beside = format!("a bare commit: p50 {} ms", commit.show(2));
    Ok(vec![
        Row::new(
            format!("a step of {STEPS} in a row, one run after the other"),
            format!("p50 {} ms, p99 {} ms", p50.show(2), p99.show(2)),
            beside,
            "",
        ),
        Row::new(format!("steps, {RUNS_AT_ONCE} runs at once"), format!("{}/s", rate.show(0)), "", ""),
    ])
}

/// Start so many runs at once and wait until the last has ended.
async fn one_after_the_other(driver: &Driver, flow: &Flow, runs: usize) -> anyhow::Result<Duration> {
    let started = Instant::now();
    let mut made: Vec<RunId> = Vec::with_capacity(runs);
    for _ in 0..runs {
        let wish = flow.wish(driver);
        made.push(wish.run.clone());
        driver.deliver(Scope::New(wish.run.clone()), InputBody::Create(wish)).await?;
    }
    for run in &made {
        ended(driver, run).await?;
    }
    Ok(started.elapsed())
}

async fn ended(driver: &Driver, run: &RunId) -> anyhow::Result<()> {
    let started = Instant::now();
    loop {
        let state = driver.parts().store.run(run).await?.map(|row| row.head.state);
        match state {
            Some(RunState::Succeeded) => return Ok(()),
            Some(state) => ensure!(!state.is_over() && state != RunState::Parked, "{run} is {}", state.as_str()),
            None => anyhow::bail!("{run} is gone"),
        }
        ensure!(started.elapsed() < PATIENCE, "{run} never ends");
        tokio::time::sleep(LOOK / 4).await;
    }
}

async fn bare_commits(driver: &Driver) -> anyhow::Result<Vec<f64>> {
    let mut each = Vec::new();
    for _ in 0..RUNS_IN_A_ROW {
        let started = Instant::now();
        driver.parts().store.writable().await?;
        each.push(started.elapsed());
    }
    Ok(stats::sorted_ms(each))
}
