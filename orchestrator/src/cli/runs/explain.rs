//! `sortie runs explain`: what a run is doing, or why it stopped.

use super::RunId;
use crate::cli::client::{Client, segment};
use crate::cli::output::Done;
use crate::envelope::Problem;
use clap::Args;

#[derive(Args)]
#[command(
    after_help = "Says what it waits for and since when, what wakes it next, whether its job was handed URL and token, when it was last
heard of, every callback that came, why it failed, and what to do next.

Example:
  sortie runs explain run_0d..."
)]
pub struct ExplainArgs {
    #[command(flatten)]
    id: RunId,
}

/// Explain it.
pub(super) async fn run(args: ExplainArgs, client: &Client) -> Result<Done, Problem> {
    let success = client.get(format!("/v1/runs/{}/explain", segment(&args.id.run))).await?;
    let text = success.data["text"].as_str().unwrap_or_default().to_owned();
    Ok(Done::new(success, text))
}
