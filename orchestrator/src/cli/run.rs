//! `sortie run`: a run of a flow.

use super::Mutation;
use super::client::Client;
use super::context::{Context, json_argument};
use super::follow::{Show, follow};
use super::output::Done;
use super::runs::run_text;
use crate::envelope::{Problem, Success};
use clap::Args;
use serde_json::json;

#[derive(Args)]
#[command(after_help = "The exit code with --wait says how it ended: 0 succeeded, 1 otherwise, 124 not over at --timeout.

Examples:
  sortie run fix-issue --input '{\"repo\": \"acme/app\", \"issue\": 7}'
  sortie run fix-issue --input @input.json --wait --timeout 2h
  sortie run fix-issue --draft --input @- < input.json")]
pub struct RunArgs {
    /// Name of the flow
    flow: String,
    /// Its input: JSON, or @FILE, or @- for standard input
    #[arg(long, value_name = "JSON|@FILE", default_value = "{}")]
    input: String,
    /// Run the draft
    #[arg(long, conflicts_with = "release")]
    draft: bool,
    /// Run this release [default: the live one]
    #[arg(long, value_name = "N")]
    release: Option<u32>,
    #[command(flatten)]
    wait: Wait,
    #[command(flatten)]
    key: Mutation,
}

/// Waiting for a run.
#[derive(Args)]
pub struct Wait {
    /// Wait until it is over
    #[arg(long)]
    wait: bool,
    /// With --wait: exit with 124 after this long; the run goes on
    #[arg(long, value_name = "DURATION", value_parser = super::duration, requires = "wait")]
    timeout: Option<u64>,
}

/// Start a run, and wait for it where asked.
pub async fn run(args: RunArgs, context: &Context) -> Result<Done, Problem> {
    let input = json_argument("--input", &args.input)?;
    let client = Client::new(context)?;
    let body = json!({ "flow": args.flow, "input": input, "draft": args.draft, "release": args.release });
    let made = client.post("/v1/runs", body, &args.key).await?;
    made_run(&client, context, made, &args.wait).await
}

/// Show a run that was made, or wait for it.
pub async fn made_run(client: &Client, context: &Context, made: Success, wait: &Wait) -> Result<Done, Problem> {
    let id = made.data["id"].as_str().unwrap_or_default().to_owned();
    if !wait.wait {
        let text = format!("{id} {}\n", made.data["state"].as_str().unwrap_or_default());
        return Ok(Done::new(made, text));
    }
    let key = made.meta.idempotency_key;
    match follow(client, context.out, &id, wait.timeout, Show::Progress, 0).await {
        Ok(mut success) => {
            success.meta.idempotency_key = key;
            let text = run_text(&success.data);
            Ok(Done::new(success, text))
        }
        Err(mut problem) => {
            problem.meta.idempotency_key = key;
            Err(problem)
        }
    }
}
