//! `sortie runs history`.

use super::RunId;
use crate::cli::client::{Client, segment};
use crate::cli::limits::HISTORY_EVENTS;
use crate::cli::output::Done;
use crate::cli::table;
use crate::envelope::{Next, Problem, Success};
use clap::Args;
use serde_json::{Value, json};

/// Characters of an event's words in a line for people.
const LINE_CHARS: usize = 200;

#[derive(Args)]
#[command(after_help = "`sortie schema history` prints the JSON Schema of the output of --json.

Examples:
  sortie runs history run_0d...
  sortie runs history run_0d... --after 40 --json")]
pub struct HistoryArgs {
    #[command(flatten)]
    id: RunId,
    /// Only events numbered above this
    #[arg(long, value_name = "N", default_value_t = 0)]
    after: u64,
    /// At most this many; `more` says whether there are others
    #[arg(long, value_name = "N", default_value_t = HISTORY_EVENTS)]
    limit: u64,
}

/// All pages, up to the limit.
pub async fn run(args: HistoryArgs, client: &Client) -> Result<Done, Problem> {
    let (mut events, mut after, mut id) = (Vec::new(), args.after, args.id.run);
    let mut page;
    loop {
        let left = args.limit.saturating_sub(events.len() as u64).max(1);
        page = client.get(format!("/v1/runs/{}/history?after={after}&limit={left}", segment(&id))).await?.data;
        if let Value::Array(more) = page["events"].take() {
            events.extend(more);
        }
        after = page["after"].as_u64().unwrap_or(after);
        id = page["run"].as_str().unwrap_or(&id).to_owned();
        if page["more"] != json!(true) || events.len() as u64 >= args.limit {
            break;
        }
    }
    let text: String = events.iter().map(|event| format!("{}\n", event_line(event))).collect();
    let more = page["more"] == json!(true);
    page["events"] = Value::Array(events);
    let success = Success::new(page);
    let success = if more { success.next(Next::look(&["runs", "history", &id, "--after", &after.to_string()])) } else { success };
    Ok(Done::new(success, text))
}

/// An event in one line.
#[must_use]
pub fn event_line(event: &Value) -> String {
    let said: String = table::cell(event, "text").chars().take(LINE_CHARS).collect();
    format!("{:>5}  {}  {:<18} {said}", table::cell(event, "seq"), table::cell(event, "at"), table::cell(event, "kind"))
        .trim_end()
        .to_owned()
}
