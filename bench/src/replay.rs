//! Replaying runs of many calls, and opening the history of the longest there may be.

use crate::engine::{self, Instantly};
use crate::flows::{Flow, MANY_STEPS};
use crate::limits::{HISTORY_PAGE, REPLAYED, REPLAYS};
use crate::place::Place;
use crate::report::Row;
use crate::stats::{self, Rounds};
use anyhow::{Context, ensure};
use sortie::app::App;
use sortie_core::call::CallSpec;
use sortie_core::evaluation::{Command, End, Evaluation, JournalEntry};
use sortie_core::input::{InputBody, Scope};
use std::sync::Arc;
use std::time::Instant;

/// A time that has long passed: the step is answered where it is asked for.
const PAST: i64 = 1;

/// Measure it: in a worker process, journal and all, as `sortie serve` evaluates.
///
/// # Errors
/// Where a replay differs.
pub async fn measure(place: &Place, rounds: usize) -> anyhow::Result<Vec<Row>> {
    let app = engine::fresh(&place.path().join("replay"), Arc::new(Instantly::default())).await?;
    let mut rows = Vec::new();
    for calls in REPLAYED {
        let flow = Flow::release(&app.driver, MANY_STEPS, serde_json::json!({ "calls": calls })).await?;
        let mut took = Rounds::new();
        for _ in 0..rounds {
            took.push(stats::percentile(&replays(&app, &flow, calls).await?, 0.5));
        }
        rows.push(Row::new(
            format!("replay of {calls} calls to the end"),
            format!("p50 {} ms", took.show(2)),
            "",
            if calls == 5_000 { "< 1 s" } else { "" },
        ));
    }
    rows.push(longest(&app, rounds).await?);
    app.store.close().await?;
    Ok(rows)
}

async fn replays(app: &App, flow: &Flow, calls: u32) -> anyhow::Result<Vec<f64>> {
    let mut each = Vec::new();
    for _ in 0..REPLAYS {
        let journal = (1..=calls).map(answered).collect();
        let started = Instant::now();
        let evaluation = flow.evaluate(&app.driver, journal).await?;
        each.push(started.elapsed());
        ensure!(matches!(evaluation.end, End::Returned { .. }), "{:?}", evaluation.end);
    }
    Ok(stats::sorted_ms(each))
}

fn answered(call: u32) -> JournalEntry {
    JournalEntry {
        call,
        step: format!("s{call}"),
        spec: CallSpec::SleepUntil { at: PAST },
        value: Some(serde_json::Value::Null),
        completed_seq: Some(u64::from(call) * 2 + 1),
    }
}

/// The longest run there may be: its history read page by page, its journal loaded and replayed.
async fn longest(app: &App, rounds: usize) -> anyhow::Result<Row> {
    let calls = sortie_core::limits::CALLS_PER_RUN;
    let flow = Flow::release(&app.driver, MANY_STEPS, serde_json::json!({ "calls": calls })).await?;
    let wish = flow.wish(&app.driver);
    let run = wish.run.clone();
    let (driver, store) = (&app.driver, &app.store);
    driver.deliver(Scope::New(run.clone()), InputBody::Create(wish)).await?;
    let head = store.load_advance(&run).await?.context("nothing to evaluate")?.head;
    let commands =
        (1..=calls).map(|call| Command::Schedule { call, step: format!("s{call}"), spec: CallSpec::SleepUntil { at: PAST } }).collect();
    let evaluation = Evaluation { commands, end: End::Suspended { waiting_on: vec![calls] } };
    let body = InputBody::Evaluated { advance_fence: head.advance_fence, seen: head.wake_seq, evaluation, log: Vec::new() };
    driver.deliver(Scope::Run(run.clone()), body).await?;
    let (mut opened, mut replayed) = (Rounds::new(), Rounds::new());
    for _ in 0..rounds {
        let started = Instant::now();
        let (mut after, mut events) = (0, 0);
        loop {
            let page = store.history(&run, after, HISTORY_PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.seq;
            events += page.len();
        }
        opened.push(started.elapsed().as_secs_f64() * 1e3);
        ensure!(events > 2 * calls as usize, "{events} events");
        let started = Instant::now();
        let load = store.load_advance(&run).await?.context("nothing to evaluate")?;
        let evaluation = flow.evaluate(driver, load.journal).await?;
        replayed.push(started.elapsed().as_secs_f64() * 1e3);
        ensure!(matches!(evaluation.end, End::Returned { .. }), "{:?}", evaluation.end);
    }
    let figure = format!("history read in {} ms, loaded and replayed in {} ms", opened.show(0), replayed.show(0));
    Ok(Row::new(format!("a run of {calls} calls"), figure, "", "< 1 s"))
}
