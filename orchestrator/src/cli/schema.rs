//! `sortie schema`: the published JSON Schemas, compiled in, so that they fit this version.

use super::output::Done;
use crate::envelope::{Problem, Success};
use crate::error_code::ErrorCode;
use clap::{Args, ValueEnum};
use serde_json::Value;

/// The schema of `runs history --json`.
pub const HISTORY: &str = include_str!("../../schemas/history.json");

#[derive(Args)]
#[command(after_help = "Example:
  sortie schema history > history.schema.json")]
pub struct SchemaArgs {
    /// Of what
    #[arg(value_enum)]
    what: What,
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    /// Of `sortie runs history RUN --json`
    History,
}

/// Print it: the schema itself, so that it can be piped into a validator.
pub fn run(args: &SchemaArgs) -> Result<Done, Problem> {
    let text = match args.what {
        What::History => HISTORY,
    };
    let schema: Value = serde_json::from_str(text).map_err(|error| Problem::new(ErrorCode::Failed, error.to_string()))?;
    Ok(Done::plain(Success::new(schema), text))
}
