//! `sortie flow simulate`: a run by canned answers, as a timeline, offline.

use super::{check, worker};
use crate::cli::context::Context;
use crate::cli::output::Done;
use crate::envelope::{Problem, Success};
use crate::error_code::ErrorCode;
use clap::Args;
use serde_json::{Value, json};
use sortie_flow::testing::Simulation;
use sortie_flow::worker::protocol::{Answer, Request};
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "Answers are JSON by the name of the step: {\"fix\": {\"value\": {\"branch\": \"b\"}, \"after\": \"20m\"},
\"merge\": {\"vote\": \"approve\", \"by\": \"ann\"}, \"push *\": [{\"failure\": \"unreachable\", \"times\": 1}, {}]}.
Jobs, requests and child runs without an answer succeed with nothing; waits and approvals run out of time.

Examples:
  sortie flow simulate ./fix-issue --input '{\"repo\": \"r\", \"issue\": 1}'
  sortie flow simulate ./fix-issue --answers answers.json --json")]
pub struct SimulateArgs {
    /// Folder of the flow, or its one file
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Input of the run, as JSON
    #[arg(long, default_value = "{}")]
    input: String,
    /// File with canned answers, as JSON
    #[arg(long)]
    answers: Option<PathBuf>,
}

/// Run it.
pub fn run(args: &SimulateArgs, _: &Context) -> Result<Done, Problem> {
    let bundle = check::read(&args.path)?;
    let usage = |what: &str, error: String| Problem::new(ErrorCode::Usage, format!("{what}: {error}"));
    let input: Value = serde_json::from_str(&args.input).map_err(|error| usage("--input", error.to_string()))?;
    let answers = match &args.answers {
        None => std::collections::BTreeMap::new(),
        Some(path) => {
            let shown = path.display().to_string();
            let text = std::fs::read_to_string(path).map_err(|error| usage(&shown, error.to_string()))?;
            serde_json::from_str(&text).map_err(|error| usage(&shown, error.to_string()))?
        }
    };
    let simulation = match worker::ask(&Request::Simulate { bundle, input, answers })? {
        Answer::Simulated(Ok(simulation)) => simulation,
        Answer::Simulated(Err(why)) => return Err(Problem::new(ErrorCode::FlowInvalid, why)),
        other => return Err(Problem::new(ErrorCode::Failed, format!("the worker answered {other:?}"))),
    };
    if let Some(problem) = &simulation.problem {
        return Err(Problem::new(ErrorCode::Failed, format!("{}{problem}", told(&simulation))).details(json!(simulation)));
    }
    Ok(Done::new(Success::new(json!(simulation)), told(&simulation)))
}

fn told(simulation: &Simulation) -> String {
    let mut text = String::new();
    for moment in &simulation.timeline {
        let step = moment.step.as_deref().map(|step| format!(" `{step}`")).unwrap_or_default();
        text += format!("{:>12}  {}{step}  {}", since(moment.after_ms), moment.event, moment.text).trim_end();
        text.push('\n');
    }
    text += &format!("{}: {}\n", simulation.state, simulation.result);
    if let Some(message) = simulation.error.as_ref().and_then(|error| error.get("message")).and_then(Value::as_str) {
        text += &format!("{message}\n");
    }
    text
}

/// Virtual time since the start, as `1d02:03:04.005`.
fn since(ms: i64) -> String {
    let (seconds, rest) = (ms / 1_000, ms % 1_000);
    let (days, clock) = (seconds / 86_400, seconds % 86_400);
    let days = if days > 0 { format!("{days}d") } else { String::new() };
    format!("{days}{:02}:{:02}:{:02}.{rest:03}", clock / 3_600, clock / 60 % 60, clock % 60)
}

#[cfg(test)]
mod tests {
    #[test]
    fn virtual_time_is_readable() {
        assert_eq!(super::since(0), "00:00:00.000");
        assert_eq!(super::since(93_784_005), "1d02:03:04.005");
    }
}
