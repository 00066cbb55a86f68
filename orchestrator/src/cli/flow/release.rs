//! `sortie flow release`, `promote` and `releases`: what is live.

use crate::cli::Mutation;
use crate::cli::client::{Client, segment};
use crate::cli::context::Context;
use crate::cli::output::Done;
use crate::cli::table;
use crate::envelope::Problem;
use clap::{Args, ValueEnum};
use serde_json::json;

/// What becomes of runs of other releases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum HandoffArg {
    /// They go on beside the new ones.
    #[default]
    Coexist,
    /// New runs wait until they are over.
    Drain,
    /// As drain, and they are cancelled, with on_exit.
    Supersede,
}

impl HandoffArg {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Coexist => "coexist",
            Self::Drain => "drain",
            Self::Supersede => "supersede",
        }
    }
}

#[derive(Args)]
#[command(after_help = "Runs keep the release that they started with.

Examples:
  sortie flow release fix-issue --notes 'asks before it merges'
  sortie flow release fix-issue --handoff supersede   # open runs of other releases are cancelled first")]
pub struct ReleaseArgs {
    /// Name of the flow
    name: String,
    /// What changed
    #[arg(long, value_name = "TEXT")]
    notes: Option<String>,
    /// What becomes of open runs of other releases
    #[arg(long, value_enum, default_value_t)]
    handoff: HandoffArg,
    #[command(flatten)]
    key: Mutation,
}

#[derive(Args)]
#[command(after_help = "Examples:
  sortie flow promote fix-issue 3
  sortie flow promote fix-issue 3 --handoff drain   # new runs wait until the runs of other releases are over")]
pub struct PromoteArgs {
    /// Name of the flow
    name: String,
    /// Number of the release
    release: u32,
    /// What becomes of open runs of other releases
    #[arg(long, value_enum, default_value_t)]
    handoff: HandoffArg,
    #[command(flatten)]
    key: Mutation,
}

#[derive(Args)]
#[command(after_help = "Example:\n  sortie flow releases fix-issue")]
pub struct ReleasesArgs {
    /// Name of the flow
    name: String,
}

/// Release the draft.
pub async fn release(args: ReleaseArgs, context: &Context) -> Result<Done, Problem> {
    let path = format!("/v1/flows/{}/release", segment(&args.name));
    let body = json!({ "notes": args.notes, "handoff": args.handoff.as_str() });
    let success = Client::new(context)?.post(path, body, &args.key).await?;
    let text = format!("{} release {} is live\n", args.name, table::cell(&success.data, "number"));
    Ok(Done::new(success, text))
}

/// Make a release live that is there.
pub async fn promote(args: PromoteArgs, context: &Context) -> Result<Done, Problem> {
    let path = format!("/v1/flows/{}/promote", segment(&args.name));
    let body = json!({ "release": args.release, "handoff": args.handoff.as_str() });
    let success = Client::new(context)?.post(path, body, &args.key).await?;
    let text = format!("{} release {} is live\n", args.name, table::cell(&success.data, "number"));
    Ok(Done::new(success, text))
}

/// The releases of a flow.
pub async fn releases(args: &ReleasesArgs, context: &Context) -> Result<Done, Problem> {
    let success = Client::new(context)?.get(format!("/v1/flows/{}/releases", segment(&args.name))).await?;
    let columns = [("RELEASE", "number"), ("LIVE", "live"), ("AT", "at"), ("BY", "actor"), ("DIGEST", "digest"), ("NOTES", "notes")];
    let text = table::of(&success.data["releases"], &columns);
    Ok(Done::new(success, text))
}
