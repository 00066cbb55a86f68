//! Following a run until it is over or the time is up: `runs watch`, `run --wait`, `launch --wait`.

use super::client::{Client, segment};
use super::limits::{NEWS_MS, WATCH_RETRY_MS, WATCH_TRIES};
use super::output::Output;
use super::runs::event_line;
use crate::envelope::{Next, Problem, Success};
use crate::error_code::ErrorCode;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// What is shown meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// Every event on standard output.
    Events,
    /// A spinner on standard error, on a terminal; nothing otherwise.
    Progress,
}

/// Follow a run; gives what `runs show` says of it then.
///
/// # Errors
/// `run_failed` where it ended otherwise than succeeded, `still_running` at the time limit, and what the server says.
pub async fn follow(client: &Client, out: Output, run: &str, timeout_ms: Option<u64>, show: Show, after: u64) -> Result<Success, Problem> {
    let until = timeout_ms.map(|ms| Instant::now() + Duration::from_millis(ms));
    let bar = (show == Show::Progress && std::io::stderr().is_terminal()).then(spinner);
    let mut seen = after;
    let mut failures = 0;
    loop {
        let left = until.map_or(Duration::MAX, |until| until.saturating_duration_since(Instant::now()));
        let wait_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX).min(NEWS_MS);
        let page = match client.get(format!("/v1/runs/{}/history?after={seen}&wait_ms={wait_ms}", segment(run))).await {
            Ok(page) => page.data,
            Err(problem) if problem.code.is_retryable() && failures < WATCH_TRIES && !left.is_zero() => {
                failures += 1;
                tokio::time::sleep(Duration::from_millis(WATCH_RETRY_MS).min(left)).await;
                continue;
            }
            Err(problem) => return Err(problem),
        };
        failures = 0;
        seen = page["after"].as_u64().unwrap_or(seen);
        tell(out, show, bar.as_ref(), run, &page);
        if page["over"] == json!(true) && page["more"] != json!(true) {
            break;
        }
        if until.is_some_and(|until| Instant::now() >= until) {
            return Err(still_running(run, &page, seen));
        }
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    ended(client.get(format!("/v1/runs/{}", segment(run))).await?)
}

fn spinner() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

fn tell(out: Output, show: Show, bar: Option<&ProgressBar>, run: &str, page: &Value) {
    for event in page["events"].as_array().map(Vec::as_slice).unwrap_or_default() {
        match (show, out.is_json(), bar) {
            (Show::Events, true, _) => out.json(event),
            (Show::Events, false, _) => out.text(&event_line(event)),
            (Show::Progress, _, Some(bar)) => bar.set_message(format!("{run} {}", super::clean::line(&event_line(event)))),
            (Show::Progress, _, None) => {}
        }
    }
}

fn still_running(run: &str, page: &Value, seen: u64) -> Problem {
    let state = page["state"].as_str().unwrap_or("running");
    Problem::new(ErrorCode::StillRunning, format!("{run} is still {state}; it goes on"))
        .details(json!({ "run": run, "state": state, "after": seen }))
        .next(Next::look(&["runs", "watch", run]))
        .next(Next::look(&["runs", "show", run]))
        .next(Next::act(&["runs", "cancel", run]))
}

/// A run that is over: a success, or the problem that it ended with.
///
/// # Errors
/// `run_failed`.
pub fn ended(success: Success) -> Result<Success, Problem> {
    let (run, state) =
        (success.data["id"].as_str().unwrap_or("the run").to_owned(), success.data["state"].as_str().unwrap_or("").to_owned());
    if state == "succeeded" {
        return Ok(success);
    }
    let failure = &success.data["failure"];
    let why = match (failure["kind"].as_str(), failure["message"].as_str()) {
        (Some(kind), Some(message)) => format!(": {kind}: {message}"),
        _ => String::new(),
    };
    let mut problem = Problem::new(ErrorCode::RunFailed, format!("{run} {state}{why}")).details(json!({ "run": success.data }));
    problem = problem.next(Next::look(&["runs", "history", &run]));
    let jobs = success.data["attempts"].as_array().map_or(0, Vec::len);
    Err(if jobs > 0 { problem.next(Next::look(&["runs", "logs", &run])) } else { problem })
}
