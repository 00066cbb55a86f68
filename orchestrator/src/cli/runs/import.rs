//! `sortie runs import`: a run comes back from a file of `runs export`.

use super::file;
use crate::cli::Mutation;
use crate::cli::client::{Ask, Client};
use crate::cli::limits::IMPORT_MS;
use crate::cli::output::Done;
use crate::cli::table;
use crate::envelope::Problem;
use crate::error_code::ErrorCode;
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Args)]
#[command(
    after_help = "Only a run that is over and not on the server yet is taken. It keeps its id, its history and its callbacks, and is listed
after the runs that were made there; nothing of it is started. Takes the role admin.

Example:
  sortie runs import run.json"
)]
pub struct ImportArgs {
    /// A file of `runs export`
    file: PathBuf,
    #[command(flatten)]
    key: Mutation,
}

/// Send it.
pub(super) async fn run(args: ImportArgs, client: &Client) -> Result<Done, Problem> {
    let file = file::read(&args.file)?;
    let body = serde_json::to_value(file).map_err(|error| Problem::new(ErrorCode::Failed, error.to_string()))?;
    let ask = Ask {
        method: "POST",
        path: "/v1/runs/import".to_owned(),
        body: Some(body),
        key: Some(args.key.idempotency_key),
        patience: Duration::from_millis(IMPORT_MS),
    };
    let success = client.ask(ask).await?;
    let text = format!("{} {} (imported)\n", table::cell(&success.data, "id"), table::cell(&success.data, "state"));
    Ok(Done::new(success, text))
}
