//! `sortie dead`: runs that gave up after their retries.

use super::Mutation;
use super::client::{Client, query, segment};
use super::context::{Context, json_argument};
use super::output::Done;
use super::runs::control_done;
use super::table;
use crate::envelope::Problem;
use crate::error_code::ErrorCode;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

#[derive(Subcommand)]
pub enum DeadCommand {
    /// Dead letters, newest first
    List(ListArgs),
    /// Why one gave up, and what can be done
    Show(ShowArgs),
    /// Open one again, or all of a flow, with a fresh retry budget
    Redrive(RedriveArgs),
    /// Delete dead letters with everything of them
    Purge(PurgeArgs),
}

#[derive(Args)]
#[command(after_help = "Example:
  sortie dead list --flow fix-issue")]
pub struct ListArgs {
    /// Of this flow
    #[arg(long, value_name = "NAME")]
    flow: Option<String>,
    /// Older than this run
    #[arg(long, value_name = "RUN")]
    before: Option<String>,
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
}

#[derive(Args)]
#[command(after_help = "Example:
  sortie dead show run_0d...")]
pub struct ShowArgs {
    /// Id of the run, or at least 6 of its first or last characters
    run: String,
}

#[derive(Args)]
#[command(
    after_help = "A redriven run keeps its release, its input and the answers of the steps before; the failed step is opened anew, with a
fresh retry budget. With --input (or another --release) a new run is made instead, which reuses what fits.

Examples:
  sortie dead redrive run_0d... --reason 'the host is back'
  sortie dead redrive run_0d... --from build
  sortie dead redrive run_0d... --input '{\"shards\": 2}'
  sortie dead redrive --all --flow fix-issue"
)]
pub struct RedriveArgs {
    /// Id of the run
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    run: Option<String>,
    /// Every dead letter of a flow
    #[arg(long, requires = "flow")]
    all: bool,
    /// With --all: of this flow
    #[arg(long, value_name = "NAME", requires = "all")]
    flow: Option<String>,
    /// Forget everything from this step on: its name, or its call number
    #[arg(long, value_name = "STEP", conflicts_with = "all")]
    from: Option<String>,
    /// Another input: JSON, @FILE, or - for standard input; makes a new run
    #[arg(long, value_name = "JSON|@FILE|-", conflicts_with = "all")]
    input: Option<String>,
    /// Another release; makes a new run
    #[arg(long, value_name = "N", conflicts_with = "all")]
    release: Option<u32>,
    /// Why, for the history
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    key: Mutation,
}

#[derive(Args)]
#[command(after_help = "What was purged cannot be redriven or looked at any more: export it first (`runs export`).

Examples:
  sortie dead purge run_0d... --yes
  sortie dead purge --older-than 30d --yes")]
pub struct PurgeArgs {
    /// Id of the run
    #[arg(required_unless_present = "older_than", conflicts_with = "older_than")]
    run: Option<String>,
    /// All that are dead for longer than this
    #[arg(long, value_name = "DURATION", value_parser = super::duration)]
    older_than: Option<u64>,
    /// Only of this flow
    #[arg(long, value_name = "NAME", conflicts_with = "run")]
    flow: Option<String>,
    /// Do it: without this, nothing is deleted
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    key: Mutation,
}

/// Do it.
pub async fn run(command: DeadCommand, context: &Context) -> Result<Done, Problem> {
    let client = Client::new(context)?;
    match command {
        DeadCommand::List(args) => list(args, &client).await,
        DeadCommand::Show(args) => {
            let success = client.get(format!("/v1/runs/{}/explain", segment(&args.run))).await?;
            let text = success.data["text"].as_str().unwrap_or_default().to_owned();
            Ok(Done::new(success, text))
        }
        DeadCommand::Redrive(args) => redrive(args, &client).await,
        DeadCommand::Purge(args) => purge(args, &client).await,
    }
}

async fn list(args: ListArgs, client: &Client) -> Result<Done, Problem> {
    let query = query(&[("flow", args.flow), ("before", args.before), ("limit", Some(args.limit.to_string()))]);
    let success = client.get(format!("/v1/dead{query}")).await?;
    let columns = [
        ("RUN", "id"),
        ("FLOW", "flow"),
        ("RELEASE", "release"),
        ("SINCE", "updated_at"),
        ("FAILURE", "failure.kind"),
        ("WHY", "failure.message"),
    ];
    let text = table::of(&success.data["runs"], &columns);
    Ok(Done::new(success, text))
}

async fn redrive(args: RedriveArgs, client: &Client) -> Result<Done, Problem> {
    if args.all {
        let success = client.post("/v1/dead/redrive", json!({ "flow": args.flow, "reason": args.reason }), &args.key).await?;
        let count = |name: &str| success.data[name].as_array().map_or(0, Vec::len);
        let more = if success.data["more"] == json!(true) { "; there are more: run it again" } else { "" };
        let text = format!("{} redriven, {} refused{more}\n", count("redriven"), count("refused"));
        return Ok(Done::new(success, text));
    }
    let run = args.run.unwrap_or_default();
    if args.input.is_some() || args.release.is_some() {
        let input = args.input.as_deref().map(|text| json_argument("--input", text)).transpose()?.unwrap_or(Value::Null);
        let body = json!({ "from": args.from, "input": input, "release": args.release, "reason": args.reason });
        let success = client.post(format!("/v1/runs/{}/fork", segment(&run)), body, &args.key).await?;
        return Ok(super::runs::fork_done(success));
    }
    let body = json!({ "from": args.from, "reason": args.reason });
    control_done(client.post(format!("/v1/dead/{}/redrive", segment(&run)), body, &args.key).await?)
}

async fn purge(args: PurgeArgs, client: &Client) -> Result<Done, Problem> {
    if !args.yes {
        return Err(Problem::new(ErrorCode::Usage, "purging deletes runs for good").hint("say --yes"));
    }
    let body = json!({ "run": args.run, "older_than_ms": args.older_than, "flow": args.flow });
    let success = client.post("/v1/dead/purge", body, &args.key).await?;
    let more = if success.data["more"] == json!(true) { "; there are more: run it again" } else { "" };
    let text = format!("{} purged{more}\n", success.data["purged"].as_array().map_or(0, Vec::len));
    Ok(Done::new(success, text))
}
