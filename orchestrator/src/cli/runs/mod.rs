//! `sortie runs`: look, watch, explain, control.

mod control;
mod explain;
mod file;
mod fork;
mod history;
mod import;
mod logs;
mod shown;

pub use control::done as control_done;
pub use fork::fork_done;
pub use history::event_line;

use super::client::{Client, query, segment};
use super::context::Context;
use super::follow::{Show, follow};
use super::output::Done;
use super::table;
use crate::envelope::Problem;
use clap::{Args, Subcommand};
use serde_json::Value;

#[derive(Subcommand)]
pub enum RunsCommand {
    /// Runs, newest first
    List(ListArgs),
    /// How many runs failed, by kind and flow, so that a spike shows
    Failures(FailuresArgs),
    /// One run: its state, its answer, what it waits for
    Show(ShowArgs),
    /// The events of a run
    History(history::HistoryArgs),
    /// Print events as they come, until the run is over
    Watch(WatchArgs),
    /// The output of a job, asked from its host
    Logs(logs::LogsArgs),
    /// Say in plain words what a run is doing or why it stopped, and what to do next
    Explain(explain::ExplainArgs),
    /// Hold a run: what runs goes on, nothing new is begun
    Pause(control::PauseArgs),
    /// Let a paused or parked run go on
    Resume(control::ResumeArgs),
    /// End a run and stop its jobs; one that is over stays as it is
    Cancel(control::CancelArgs),
    /// End a run at once, without its on_exit
    Terminate(control::TerminateArgs),
    /// Open a failed run again, from the step that failed or from any step on
    Retry(control::RetryArgs),
    /// Make a new run that reuses what this one has done, with another input or release
    Fork(fork::ForkArgs),
    /// Write a run to a file: its events, its flow, its callbacks
    Export(file::ExportArgs),
    /// Take in a run that is over from such a file, also on another installation
    Import(import::ImportArgs),
    /// See whether a flow does what the journal of a run says; changes nothing
    Replay(file::ReplayArgs),
    /// Take a late result after all
    Adopt(control::AdoptArgs),
}

/// A run.
#[derive(Args)]
pub struct RunId {
    /// Id of the run, or at least 6 of its first or last characters
    pub run: String,
}

#[derive(Args)]
#[command(after_help = "Example:
  sortie runs failures --since 6h")]
pub struct FailuresArgs {
    /// Within this time
    #[arg(long, value_name = "DURATION", value_parser = super::duration, default_value = "24h")]
    since: u64,
}

#[derive(Args)]
#[command(after_help = "Examples:
  sortie runs show run_0d...
  sortie runs show run_0d... --at 12")]
pub struct ShowArgs {
    #[command(flatten)]
    id: RunId,
    /// As it was after this event of its history
    #[arg(long, value_name = "SEQ")]
    at: Option<u64>,
}

#[derive(Args)]
#[command(after_help = "Examples:
  sortie runs list --state waiting
  sortie runs list --failure exit --since 24h
  sortie runs list --flow fix-issue --limit 20 --json")]
pub struct ListArgs {
    /// Of this flow
    #[arg(long, value_name = "NAME")]
    flow: Option<String>,
    /// In this state: queued, running, waiting, ending, paused, parked, succeeded, failed, cancelled, timed_out, dead
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// That failed, or were set aside, for this reason: exit, timed_out, unreachable ...
    #[arg(long, value_name = "KIND")]
    failure: Option<String>,
    /// Made within this time; with --failure, that failed within it
    #[arg(long, value_name = "DURATION", value_parser = super::duration)]
    since: Option<u64>,
    /// Started by this: manual, schedule, webhook:NAME, child ...
    #[arg(long, value_name = "WHAT")]
    trigger: Option<String>,
    /// Older than this run
    #[arg(long, value_name = "RUN")]
    before: Option<String>,
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
}

#[derive(Args)]
#[command(after_help = "With --json, each line is an event as in `runs history`. Exits as the run ended: 0 succeeded, 1 otherwise,
124 not over at --timeout.

Example:
  sortie runs watch run_0d... --timeout 1h")]
pub struct WatchArgs {
    #[command(flatten)]
    id: RunId,
    /// Exit with 124 after this long; the run goes on
    #[arg(long, value_name = "DURATION", value_parser = super::duration)]
    timeout: Option<u64>,
    /// Only events numbered above this
    #[arg(long, value_name = "N", default_value_t = 0)]
    after: u64,
}

/// Do it.
pub async fn run(command: RunsCommand, context: &Context) -> Result<Done, Problem> {
    // A file needs no server.
    let command = match command {
        RunsCommand::Replay(args) => return file::replay(args, context).await,
        other => other,
    };
    let client = Client::new(context)?;
    match command {
        RunsCommand::List(args) => list(args, &client).await,
        RunsCommand::Failures(args) => {
            let success = client.get(format!("/v1/failures?since_ms={}", args.since)).await?;
            let text = table::of(&success.data["failures"], &[("KIND", "kind"), ("FLOW", "flow"), ("RUNS", "runs"), ("ADVICE", "advice")]);
            Ok(Done::new(success, text))
        }
        RunsCommand::Show(args) => {
            let query = query(&[("at", args.at.map(|at| at.to_string()))]);
            let success = client.get(format!("/v1/runs/{}{query}", segment(&args.id.run))).await?;
            let text = run_text(&success.data);
            Ok(Done::new(success, text))
        }
        RunsCommand::History(args) => history::run(args, &client).await,
        RunsCommand::Watch(args) => watch(args, &client, context).await,
        RunsCommand::Logs(args) => logs::run(args, &client, context).await,
        RunsCommand::Explain(args) => explain::run(args, &client).await,
        RunsCommand::Pause(args) => control::pause(args, &client).await,
        RunsCommand::Resume(args) => control::resume(args, &client).await,
        RunsCommand::Cancel(args) => control::cancel(args, &client).await,
        RunsCommand::Terminate(args) => control::terminate(args, &client).await,
        RunsCommand::Retry(args) => control::retry(args, &client).await,
        RunsCommand::Export(args) => file::export(args, &client).await,
        RunsCommand::Import(args) => import::run(args, &client).await,
        RunsCommand::Replay(args) => file::replay(args, context).await,
        RunsCommand::Fork(args) => fork::run(args, &client).await,
        RunsCommand::Adopt(args) => control::adopt(args, &client).await,
    }
}

async fn list(args: ListArgs, client: &Client) -> Result<Done, Problem> {
    let query = query(&[
        ("flow", args.flow),
        ("state", args.state),
        ("failure", args.failure),
        ("since_ms", args.since.map(|ms| ms.to_string())),
        ("trigger", args.trigger),
        ("before", args.before),
        ("limit", Some(args.limit.to_string())),
    ]);
    let success = client.get(format!("/v1/runs{query}")).await?;
    let columns = [
        ("RUN", "id"),
        ("FLOW", "flow"),
        ("RELEASE", "release"),
        ("STATE", "state"),
        ("CREATED", "created_at"),
        ("FAILURE", "failure.kind"),
    ];
    let text = table::of(&success.data["runs"], &columns);
    Ok(Done::new(success, text))
}

/// Events are a stream; how the run ended is the exit code, and where it did not succeed, the last line.
async fn watch(args: WatchArgs, client: &Client, context: &Context) -> Result<Done, Problem> {
    let run = client.get(format!("/v1/runs/{}", segment(&args.id.run))).await?;
    let id = run.data["id"].as_str().unwrap_or(&args.id.run).to_owned();
    follow(client, context.out, &id, args.timeout, Show::Events, args.after).await?;
    Ok(Done::silent())
}

/// A run for people.
#[must_use]
pub fn run_text(run: &Value) -> String {
    let mut text = table::fields(
        run,
        &[
            ("run", "id"),
            ("flow", "flow"),
            ("release", "release"),
            ("state", "state"),
            ("failure", "failure.kind"),
            ("created", "created_at"),
            ("changed", "updated_at"),
            ("deadline", "deadline_at"),
            ("by", "actor"),
            ("queue", "queue.text"),
            ("input", "input"),
            ("value", "value"),
        ],
    );
    if let Some(message) = run["failure"]["message"].as_str() {
        text += &format!("\n{message}\n");
    }
    let any = |name: &str| run[name].as_array().is_some_and(|rows| !rows.is_empty());
    if any("steps") {
        let columns = [
            ("STEP", "name"),
            ("KIND", "kind"),
            ("OPEN", "open"),
            ("ATTEMPTS", "attempts"),
            ("ID", "attempt|wait"),
            ("UNTIL", "deadline_at"),
        ];
        text += &format!("\n{}", table::of(&run["steps"], &columns));
    }
    if any("attempts") {
        let columns =
            [("ATTEMPT", "id"), ("CALL", "call"), ("NUMBER", "number"), ("STATE", "state"), ("HOST", "host"), ("STOPPING", "stopping")];
        text += &format!("\n{}", table::of(&run["attempts"], &columns));
    }
    if any("held_launches") {
        let columns = [("HELD LAUNCH", "attempt"), ("FOR A SLOT OF", "text"), ("PLACE", "place")];
        text += &format!("\n{}", table::of(&run["held_launches"], &columns));
    }
    if any("due") {
        text += &format!("\n{}", table::of(&run["due"], &[("WAITS FOR", "what"), ("OF", "subject"), ("UNTIL", "due_at")]));
    }
    text
}
