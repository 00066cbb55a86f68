//! `sortie runs pause | resume | cancel | terminate | retry | adopt`: what operators do to a run.

use super::RunId;
use crate::cli::Mutation;
use crate::cli::client::{Client, segment};
use crate::cli::output::Done;
use crate::cli::table;
use crate::envelope::{Problem, Success};
use clap::Args;
use serde_json::{Value, json};

/// What every such command takes.
#[derive(Args)]
pub struct How {
    /// Why, for the history
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Only if the run's last event still has this number; `runs show` says it as `last_seq`
    #[arg(long, value_name = "N")]
    if_seq: Option<u64>,
    #[command(flatten)]
    key: Mutation,
}

#[derive(Args)]
#[command(after_help = "Jobs that run go on, and their results are taken; no new attempt is begun and the flow is not evaluated. The time
until `runs resume` does not count against the run's deadline.

Example:
  sortie runs pause run_0d... --reason 'until the incident is over'")]
pub struct PauseArgs {
    #[command(flatten)]
    id: RunId,
    #[command(flatten)]
    how: How,
}

#[derive(Args)]
#[command(after_help = "Also for a run that was set aside (parked): look at `runs explain` first.

Example:
  sortie runs resume run_0d...")]
pub struct ResumeArgs {
    #[command(flatten)]
    id: RunId,
    #[command(flatten)]
    how: How,
}

#[derive(Args)]
#[command(after_help = "Its jobs and children are stopped first, then its on_exit runs. Cancelling is final.

Example:
  sortie runs cancel run_0d... --reason 'wrong branch'")]
pub struct CancelArgs {
    #[command(flatten)]
    id: RunId,
    #[command(flatten)]
    how: How,
}

#[derive(Args)]
#[command(after_help = "As cancel, but its on_exit does not run: for runs whose on_exit hangs or does harm.

Example:
  sortie runs terminate run_0d... --reason 'on_exit hangs'")]
pub struct TerminateArgs {
    #[command(flatten)]
    id: RunId,
    #[command(flatten)]
    how: How,
}

#[derive(Args)]
#[command(
    after_help = "The run keeps its release, its input, and the answers of the steps before. Without --from only the step that failed is
opened anew, with a fresh retry budget. Where input or release should change, use `runs fork`.

Examples:
  sortie runs retry run_0d...
  sortie runs retry run_0d... --from build --reason 'the disk was full'"
)]
pub struct RetryArgs {
    #[command(flatten)]
    id: RunId,
    /// Forget everything from this step on: its name, or its call number
    #[arg(long, value_name = "STEP")]
    from: Option<String>,
    #[command(flatten)]
    how: How,
}

#[derive(Args)]
#[command(after_help = "A result that came after its run had moved on is kept and not used. Adopting it answers its step with it.

Example:
  sortie runs adopt att_0d... --reason 'the host was cut off for an hour'")]
pub struct AdoptArgs {
    /// Id of the attempt, as `runs explain` says it
    attempt: String,
    /// Which result, where several were kept: the start of its digest
    #[arg(long, value_name = "SHA256")]
    digest: Option<String>,
    #[command(flatten)]
    how: How,
}

pub(super) async fn pause(args: PauseArgs, client: &Client) -> Result<Done, Problem> {
    post(client, &run_path(&args.id, "pause"), json!({}), &args.how).await
}

pub(super) async fn resume(args: ResumeArgs, client: &Client) -> Result<Done, Problem> {
    post(client, &run_path(&args.id, "resume"), json!({}), &args.how).await
}

pub(super) async fn cancel(args: CancelArgs, client: &Client) -> Result<Done, Problem> {
    post(client, &run_path(&args.id, "cancel"), json!({}), &args.how).await
}

pub(super) async fn terminate(args: TerminateArgs, client: &Client) -> Result<Done, Problem> {
    post(client, &run_path(&args.id, "terminate"), json!({}), &args.how).await
}

pub(super) async fn retry(args: RetryArgs, client: &Client) -> Result<Done, Problem> {
    post(client, &run_path(&args.id, "retry"), json!({ "from": args.from }), &args.how).await
}

pub(super) async fn adopt(args: AdoptArgs, client: &Client) -> Result<Done, Problem> {
    post(client, &format!("/v1/attempts/{}/adopt", segment(&args.attempt)), json!({ "digest": args.digest }), &args.how).await
}

fn run_path(id: &RunId, what: &str) -> String {
    format!("/v1/runs/{}/{what}", segment(&id.run))
}

async fn post(client: &Client, path: &str, mut body: Value, how: &How) -> Result<Done, Problem> {
    body["reason"] = json!(how.reason);
    body["if_seq"] = json!(how.if_seq);
    done(client.post(path, body, &how.key).await?)
}

/// What happened, in one line.
pub fn done(success: Success) -> Result<Done, Problem> {
    let (run, what, state) = (table::cell(&success.data, "run"), table::cell(&success.data, "what"), table::cell(&success.data, "state"));
    let text = if success.data["changed"] == json!(true) {
        format!("{run}: {what} done; now {state}\n")
    } else {
        format!("{run}: nothing to {what}; it is {state}\n")
    };
    Ok(Done::new(success, text))
}
