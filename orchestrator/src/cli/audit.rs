//! `sortie audit`: what operators have changed, newest first.

use super::client::{Client, query};
use super::context::Context;
use super::output::Done;
use super::table;
use crate::envelope::Problem;
use clap::Args;
use serde_json::Value;

#[derive(Args)]
#[command(after_help = "Every request that changes something is recorded with its answer; what is only looked at is not. For admins.

Examples:
  sortie audit --limit 20
  sortie audit --before 118 --json")]
pub struct AuditArgs {
    /// Older than the one of this number
    #[arg(long, value_name = "NUMBER")]
    before: Option<i64>,
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
}

/// Show them.
pub async fn run(args: AuditArgs, context: &Context) -> Result<Done, Problem> {
    let query = query(&[("before", args.before.map(|number| number.to_string())), ("limit", Some(args.limit.to_string()))]);
    let success = Client::new(context)?.get(format!("/v1/audit{query}")).await?;
    let text = text(&success.data);
    Ok(Done::new(success, text))
}

fn text(data: &Value) -> String {
    let columns =
        [("NUMBER", "number"), ("TIME", "at"), ("ACTOR", "actor"), ("COMMAND", "command"), ("OUTCOME", "outcome"), ("STATUS", "status")];
    table::of(&data["actions"], &columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn f118_a_command_is_one_line_with_who_when_and_what_came_of_it() {
        let row = json!({ "number": 7, "at": "2026-01-01T00:00:00Z", "actor": "ann\u{1b}[2J", "command": "POST /v1/runs", "outcome": "refused", "status": 409 });
        let shown = text(&json!({ "actions": [row] }));
        assert_eq!(shown.lines().count(), 2, "{shown}");
        for word in ["2026-01-01T00:00:00Z", "ann", "POST /v1/runs", "refused", "409"] {
            assert!(shown.contains(word), "{word} is not in:\n{shown}");
        }
        assert!(!shown.contains('\u{1b}'), "{shown}");
        assert_eq!(text(&json!({ "actions": [] })), "none\n");
    }
}
