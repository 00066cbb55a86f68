//! `sortie runs export`, `sortie runs replay`: a run as a file, and whether its flow still does what the file says.

use super::RunId;
use crate::cli::client::{Client, segment};
use crate::cli::context::Context;
use crate::cli::limits::{CHECK_MS, RUN_FILE_BYTES};
use crate::cli::output::Done;
use crate::envelope::{Next, Problem, Success};
use crate::error_code::ErrorCode;
use crate::run_file::{RunFile, Verdict};
use clap::Args;
use serde_json::json;
use sortie_flow::client::{CallResult, Worker};
use sortie_flow::worker::protocol::{Answer, Request};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

#[derive(Args)]
#[command(
    after_help = "The file holds every event, the flow, and the callbacks with their bodies: everything that replay and a report of a defect
need. No token and no secret is in it, but what jobs returned is.

Example:
  sortie runs export run_0d... -o run.json"
)]
pub struct ExportArgs {
    #[command(flatten)]
    id: RunId,
    /// New file to write
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Args)]
#[command(
    after_help = "Evaluates the flow on this machine against the journal: nothing is launched, sent or changed. Exits with 1 where the flow
does something else than was recorded. A file needs no server.

Examples:
  sortie runs replay run.json
  sortie runs replay run_0d..."
)]
pub struct ReplayArgs {
    /// A file of `runs export`, or a run of the server
    run: String,
}

/// Write it.
pub(super) async fn export(args: ExportArgs, client: &Client) -> Result<Done, Problem> {
    let file = client.get(format!("/v1/runs/{}/export", segment(&args.id.run))).await?.data;
    let failed = |error: std::io::Error| Problem::new(ErrorCode::Usage, format!("cannot write {}: {error}", args.out.display()));
    let mut out = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&args.out).map_err(failed)?;
    out.write_all(file.to_string().as_bytes()).and_then(|()| out.sync_all()).map_err(failed)?;
    let shown = args.out.display().to_string();
    let events = file["events"].as_array().map_or(0, Vec::len);
    let data = json!({ "file": args.out, "events": events, "run": file["events"][0]["body"]["run_created"]["run"] });
    let text = format!("{shown}: {events} events\n");
    Ok(Done::new(Success::new(data).next(Next::look(&["runs", "replay", &shown])).next(Next::act(&["runs", "import", &shown])), text))
}

/// Compare it.
pub(super) async fn replay(args: ReplayArgs, context: &Context) -> Result<Done, Problem> {
    let path = Path::new(&args.run);
    let file = if path.is_file() { read(path)? } else { of_server(&args.run, context).await? };
    let verdict = judge(&file)?;
    let data = json!({ "run": args.run, "matches": verdict.matches, "calls": verdict.calls, "text": verdict.text });
    if verdict.matches {
        let text = format!("{}: {} calls match; {}\n", args.run, verdict.calls, verdict.text);
        return Ok(Done::new(Success::new(data), text));
    }
    Err(Problem::new(ErrorCode::Failed, format!("{} does not replay: {}", args.run, verdict.text)).details(data))
}

/// A file of `runs export`.
pub(super) fn read(path: &Path) -> Result<RunFile, Problem> {
    let shown = path.display();
    let problem = |error: String| Problem::new(ErrorCode::Usage, format!("{shown}: {error}"));
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|error| problem(error.to_string()))?;
    file.take(RUN_FILE_BYTES + 1).read_to_string(&mut text).map_err(|error| problem(error.to_string()))?;
    if text.len() as u64 > RUN_FILE_BYTES {
        return Err(Problem::new(ErrorCode::TooLarge, format!("{shown} has more than {RUN_FILE_BYTES} bytes")));
    }
    serde_json::from_str(&text).map_err(|error| problem(format!("it is no exported run: {error}")))
}

async fn of_server(run: &str, context: &Context) -> Result<RunFile, Problem> {
    let data = Client::new(context)?.get(format!("/v1/runs/{}/export", segment(run))).await?.data;
    serde_json::from_value(data)
        .map_err(|error| Problem::new(ErrorCode::Failed, format!("the server's answer is no exported run: {error}")))
}

/// In a child process, as every evaluation.
fn judge(file: &RunFile) -> Result<Verdict, Problem> {
    let usage = |why: String| Problem::new(ErrorCode::Usage, format!("the exported run cannot be replayed: {why}"));
    let failed = |error: String| Problem::new(ErrorCode::Failed, format!("the flow could not be evaluated: {error}"));
    file.check().map_err(usage)?;
    let request = file.request().map_err(usage)?;
    let (calls, exit) = (request.journal.len(), request.exit.is_some());
    let program = std::env::current_exe().map_err(|error| failed(error.to_string()))?;
    let mut command = Command::new(program);
    command.arg("flow-worker").env_clear();
    let mut worker = Worker::spawn(command).map_err(|error| failed(error.to_string()))?;
    match worker.call(&Request::Evaluate(request), Duration::from_millis(CHECK_MS)) {
        CallResult::Answer(answer) => match *answer {
            Answer::Evaluated(evaluated) => Ok(file.judge(&evaluated.evaluation, calls, exit)),
            other => Err(failed(format!("the worker answered {other:?}"))),
        },
        CallResult::Died(death) => Err(failed(death.hint)),
        CallResult::TimedOut => Err(failed(format!("it took longer than {} s", CHECK_MS / 1_000))),
    }
}
