//! `sortie demo`: the main path on real parts, in a temporary folder, in seconds.
//!
//! A server on a free port, a host (embedded, or a real one over SSH), a flow with two parallel jobs, a wait that a client
//! answers twice, and a retry. What happens is printed as it happens.

mod client;
mod place;

use crate::app::App;
use crate::cli::clean;
use crate::cli::event_line;
use crate::http::api::views;
use crate::story;
use place::Place;
use serde_json::json;
use sortie_core::event::{Event, EventBody};
use sortie_core::host::Host;
use sortie_core::ids::RunId;
use sortie_core::input::{Create, InputBody, Operator, Scope};
use sortie_flow::bundle::Bundle;
use sortie_store::model::triggers::GoLive;
use sortie_store::model::{DraftPush, RunFilter};
use std::io::Write;
use std::time::Duration;

const FLOW: &str = include_str!("flow.star");
/// Between two looks at the history, in milliseconds.
const LOOK_MS: u64 = 25;
/// The demo gives up after this long, in milliseconds.
const PATIENCE_MS: u64 = 180_000;

/// How long an interrupted demo waits for the end of its jobs, in milliseconds.
const END_MS: u64 = 20_000;

/// Where the jobs run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// An SSH host inside this process.
    Embedded,
    /// A real machine.
    Machine(place::Machine),
}

pub use place::Machine;

/// Run the demo; false when the run did not succeed.
///
/// # Errors
/// For people: what could not be set up.
pub async fn run(target: Target) -> anyhow::Result<bool> {
    let interrupted = || anyhow::anyhow!("interrupted");
    let place = tokio::select! {
        place = Place::set_up(target) => place?,
        _ = tokio::signal::ctrl_c() => return Err(interrupted()),
    };
    let outcome = tokio::select! {
        outcome = tell(&place.app, &place.host) => outcome,
        _ = tokio::signal::ctrl_c() => {
            end_runs(&place.app).await;
            Err(interrupted())
        }
    };
    place.clean_up().await;
    outcome
}

async fn tell(app: &App, host: &Host) -> anyhow::Result<bool> {
    let run = start(app, host).await?;
    say(&format!("\nrun {run}\n"));
    let events = follow(app, &run).await?;
    let value = events.iter().find_map(|event| match &event.body {
        EventBody::RunEnding { value, .. } => value.clone(),
        _ => None,
    });
    if let Some(value) = value {
        say(&format!("\nit returned\n{}", serde_json::to_string_pretty(&value)?));
    }
    print_history(&events);
    let succeeded =
        events.iter().any(|event| matches!(&event.body, EventBody::RunEnded { outcome } if outcome.state().as_str() == "succeeded"));
    let verdict =
        if succeeded { "every result came over a signed callback; no SSH session was held open" } else { "the run did not succeed" };
    say(&format!("\n{verdict}"));
    Ok(succeeded)
}

/// Nothing is left behind: jobs are ended, and their ends delivered, before their machine goes.
async fn end_runs(app: &App) {
    let Ok(runs) = app.store.runs(RunFilter { limit: 1, ..RunFilter::default() }).await else { return };
    for run in runs {
        let cancel = InputBody::Cancel(Operator { actor: "demo".to_owned(), reason: Some("interrupted".to_owned()), if_seq: None });
        let _ = app.driver.deliver(Scope::Run(run.head.id.clone()), cancel).await;
        let _ = tokio::time::timeout(Duration::from_millis(END_MS), follow(app, &run.head.id)).await;
    }
}

async fn start(app: &App, host: &Host) -> anyhow::Result<RunId> {
    let bundle = Bundle::new([("flow.star", FLOW)]);
    let report = app.driver.parts().evaluators.check(&bundle).await?;
    let manifest = report.manifest.as_ref().ok_or_else(|| anyhow::anyhow!("the demo's flow does not compile:\n{}", report.render()))?;
    let at = app.clock.now();
    let digest = bundle.digest();
    let push = DraftPush {
        flow: manifest.name.clone(),
        base: None,
        force: false,
        digest: digest.clone(),
        bundle: serde_json::to_string(&bundle)?,
        manifest: serde_json::to_string(manifest)?,
        actor: "demo".to_owned(),
        at,
    };
    app.store.push_draft(push).await?;
    let release = app.store.release_draft(GoLive::plain(&manifest.name, "demo", at), "the first").await?;
    say(&format!("released flow {} as number {} ({}...)", release.flow, release.number, &digest[..12]));
    let run = RunId::new(at, &crate::driver::entropy(), 0);
    let create = Create {
        run: run.clone(),
        flow: release.flow,
        release: release.number,
        bundle: digest,
        input: json!({ "host": host.name }),
        plan: sortie_core::plan::RunPlan { deadline_ms: manifest.deadline_ms, ..Default::default() },
        actor: "demo".to_owned(),
    };
    app.driver.deliver(Scope::New(run.clone()), InputBody::Create(create)).await?;
    Ok(run)
}

/// Print each event as it is committed, and answer the wait when it is there.
async fn follow(app: &App, run: &RunId) -> anyhow::Result<Vec<Event>> {
    let mut events: Vec<Event> = Vec::new();
    let give_up = app.clock.now() + PATIENCE_MS.cast_signed();
    loop {
        let after = events.last().map_or(0, |event| event.seq);
        for event in app.store.history(run, after, crate::limits::HISTORY_PAGE).await? {
            let ms = event.at - events.first().map_or(event.at, |first: &Event| first.at);
            say(&format!("{ms:>6} ms  {}", story::line(&event.body)));
            if let EventBody::StepScheduled { wait: Some(wait), .. } = &event.body {
                tokio::spawn(client::answer_twice(app.clone(), wait.clone(), json!({ "verdict": "looks good", "by": "a person" })));
            }
            let over = matches!(event.body, EventBody::RunEnded { .. });
            events.push(event);
            if over {
                return Ok(events);
            }
        }
        anyhow::ensure!(app.clock.now() < give_up, "the run is not over after {} s", PATIENCE_MS / 1_000);
        tokio::time::sleep(Duration::from_millis(LOOK_MS)).await;
    }
}

fn print_history(events: &[Event]) {
    say("\nits history, as `sortie runs history` shows it");
    for event in events {
        say(&event_line(&views::event(event)));
    }
}

/// Print lines that may hold what a host said. A closed pipe ends the printing, not the demo (F011, F118).
fn say(lines: &str) {
    let _ = writeln!(std::io::stdout(), "{}", clean::text(lines));
}
