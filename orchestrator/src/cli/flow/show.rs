//! `sortie flow list` and `sortie flow show`.

use crate::cli::client::{Client, segment};
use crate::cli::context::Context;
use crate::cli::output::Done;
use crate::cli::table;
use crate::envelope::Problem;
use clap::Args;
use serde_json::Value;

#[derive(Args)]
#[command(after_help = "With --json, `files` holds the sources of the draft.

Example:
  sortie flow show fix-issue")]
pub struct ShowArgs {
    /// Name of the flow
    name: String,
}

/// All flows.
pub async fn list(context: &Context) -> Result<Done, Problem> {
    let success = Client::new(context)?.get("/v1/flows").await?;
    let columns =
        [("NAME", "name"), ("LIVE", "live"), ("UNRELEASED", "unreleased"), ("DRAFT AT", "draft_at"), ("DESCRIPTION", "description")];
    let text = table::of(&success.data["flows"], &columns);
    Ok(Done::new(success, text))
}

/// One flow.
pub async fn show(args: &ShowArgs, context: &Context) -> Result<Done, Problem> {
    let success = Client::new(context)?.get(format!("/v1/flows/{}", segment(&args.name))).await?;
    let text = flow_text(&success.data);
    Ok(Done::new(success, text))
}

fn flow_text(flow: &Value) -> String {
    let fields = [
        ("name", "name"),
        ("description", "description"),
        ("draft", "draft"),
        ("draft at", "draft_at"),
        ("live", "live"),
        ("unreleased", "unreleased"),
        ("deadline ms", "manifest.deadline_ms"),
    ];
    let mut text = table::fields(flow, &fields);
    for (name, field) in flow["manifest"]["input"].as_object().into_iter().flatten() {
        let default = field.get("default").map(|value| format!(" = {value}")).unwrap_or_default();
        text +=
            &format!("input  {}: {}{}\n", super::super::clean::line(name), table::cell(field, "type"), super::super::clean::line(&default));
    }
    let columns = [("RELEASE", "number"), ("LIVE", "live"), ("AT", "at"), ("BY", "actor"), ("DIGEST", "digest"), ("NOTES", "notes")];
    text += "\n";
    text + &table::of(&flow["releases"], &columns)
}
