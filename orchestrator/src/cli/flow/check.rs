//! `sortie flow check`: offline, in a child process, since a source can end the process it is checked in.

use super::worker;
use crate::cli::context::Context;
use crate::cli::output::Done;
use crate::envelope::{Next, Problem, Success};
use crate::error_code::ErrorCode;
use crate::http::api::judged;
use clap::Args;
use serde_json::json;
use sortie_flow::bundle::Bundle;
use sortie_flow::check::CheckReport;
use sortie_flow::worker::protocol::{Answer, Request};
use std::path::{Path, PathBuf};

#[derive(Args)]
#[command(after_help = "Exits with 1 where there is an error; warnings alone are fine. Needs no server.

Examples:
  sortie flow check
  sortie flow check ./fix-issue --json")]
pub struct CheckArgs {
    /// Folder of the flow, or its one file
    #[arg(default_value = ".")]
    path: PathBuf,
}

/// Check it.
pub fn run(args: &CheckArgs, _: &Context) -> Result<Done, Problem> {
    let bundle = read(&args.path)?;
    let report = checked(&bundle)?;
    let manifest = judged(report.clone())?;
    let shown = args.path.display().to_string();
    let data = json!({ "path": args.path, "digest": bundle.digest(), "manifest": manifest, "diagnostics": report.diagnostics });
    let warnings = if report.diagnostics.is_empty() { String::new() } else { format!("{}\n", report.render()) };
    let text = format!("{warnings}{}: no errors\n", manifest.name);
    Ok(Done::new(Success::new(data).next(Next::act(&["flow", "push", &shown])), text))
}

/// The bundle at a path.
///
/// # Errors
/// `flow_invalid`, or `not_found` where there is nothing at the path.
pub fn read(path: &Path) -> Result<Bundle, Problem> {
    if !path.exists() {
        return Err(Problem::new(ErrorCode::NotFound, format!("there is nothing at {}", path.display())));
    }
    Bundle::from_path(path).map_err(|error| Problem::new(ErrorCode::FlowInvalid, error.to_string()))
}

/// What a child process finds in it.
///
/// # Errors
/// `flow_invalid` where the child did not survive the bundle.
pub fn checked(bundle: &Bundle) -> Result<CheckReport, Problem> {
    match worker::ask(&Request::Check { bundle: bundle.clone() })? {
        Answer::Checked(report) => Ok(report),
        other => Err(Problem::new(ErrorCode::Failed, format!("the worker answered {other:?}"))),
    }
}
