//! `sortie runs fork`: a new run that reuses what another has done.

use super::RunId;
use crate::cli::Mutation;
use crate::cli::client::{Client, segment};
use crate::cli::context::json_argument;
use crate::cli::output::Done;
use crate::cli::table;
use crate::envelope::{Problem, Success};
use clap::Args;
use serde_json::json;

#[derive(Args)]
#[command(
    after_help = "The new run reuses answers of the old one where step name and arguments are the same, up to --from. The old run stays as
it is.

Examples:
  sortie runs fork run_0d... --release 4
  sortie runs fork run_0d... --from build --input '{\"shards\": 2}'"
)]
pub struct ForkArgs {
    #[command(flatten)]
    id: RunId,
    /// Reuse nothing from this step on: its name, or its call number [default: what was answered]
    #[arg(long, value_name = "STEP")]
    from: Option<String>,
    /// Another release [default: that of the run]
    #[arg(long, value_name = "N")]
    release: Option<u32>,
    /// Another input: JSON, @FILE, or - for standard input [default: that of the run]
    #[arg(long, value_name = "JSON|@FILE|-")]
    input: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    key: Mutation,
}

pub(super) async fn run(args: ForkArgs, client: &Client) -> Result<Done, Problem> {
    let input = args.input.as_deref().map(|text| json_argument("--input", text)).transpose()?;
    let body = json!({ "from": args.from, "release": args.release, "input": input, "reason": args.reason });
    Ok(fork_done(client.post(format!("/v1/runs/{}/fork", segment(&args.id.run)), body, &args.key).await?))
}

/// The new run, in one line.
pub fn fork_done(success: Success) -> Done {
    let text = format!("{} {} (forked)\n", table::cell(&success.data, "id"), table::cell(&success.data, "state"));
    Done::new(success, text)
}
