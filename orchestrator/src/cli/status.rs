//! `sortie status`: the server on one screen, and what needs a person.

use super::client::Client;
use super::context::Context;
use super::output::Done;
use super::table;
use crate::envelope::Problem;
use crate::explain::span;
use serde_json::Value;

/// Show it.
pub async fn run(context: &Context) -> Result<Done, Problem> {
    let success = Client::new(context)?.get("/v1/status").await?;
    let text = text(&success.data);
    Ok(Done::new(success, text))
}

fn text(data: &Value) -> String {
    let mut out = table::fields(
        data,
        &[
            ("version", "version"),
            ("installation", "installation.id"),
            ("public URL", "public_url"),
            ("hosts", "hosts"),
            ("open attempts", "open_attempts"),
            ("clock jump (ms)", "clock_jump_ms"),
        ],
    );
    out += &format!("\nRuns: {}\n", counts(&data["runs_by_state"]));
    for (what, number) in [
        ("dead letters", &data["dead"]),
        ("parked runs", &data["parked"]),
        ("stuck launches", &data["stuck_launches"]["count"]),
        ("unverified stops", &data["debts"]),
        ("schedules due", &data["schedules_due"]["count"]),
    ] {
        if number.as_u64().unwrap_or(0) > 0 {
            out += &format!("  {number} {what}\n");
        }
    }
    out += &backlog(&data["backlog"]);
    if any(&data["held_launches"]) {
        let columns = [("HELD LAUNCHES", "launches"), ("FOR A SLOT OF", "text")];
        out += &format!("\n{}", table::of(&data["held_launches"], &columns));
    }
    if any(&data["oldest_waits"]) {
        let columns =
            [("OLDEST WAITS", "run"), ("FLOW", "flow"), ("STEP", "step"), ("KIND", "kind"), ("SINCE", "since"), ("UNTIL", "deadline_at")];
        out += &format!("\n{}", table::of(&data["oldest_waits"], &columns));
    }
    if any(&data["hosts_in_trouble"]) {
        let columns = [("HOST IN TROUBLE", "host"), ("WHY", "why"), ("OPEN", "open"), ("SLOTS", "slots")];
        out += &format!("\n{}", table::of(&data["hosts_in_trouble"], &columns));
    }
    out
}

fn any(rows: &Value) -> bool {
    rows.as_array().is_some_and(|rows| !rows.is_empty())
}

fn counts(states: &Value) -> String {
    let states = states.as_object().map(|states| states.iter().map(|(state, count)| format!("{count} {state}")).collect::<Vec<_>>());
    states.filter(|states| !states.is_empty()).map_or_else(|| "none".to_owned(), |states| states.join(", "))
}

/// Only classes that have a backlog.
fn backlog(rows: &Value) -> String {
    let rows = rows.as_array().map(Vec::as_slice).unwrap_or_default();
    let behind = rows.iter().filter(|row| row["due"].as_u64().unwrap_or(0) > 0);
    let lines: Vec<String> = behind
        .map(|row| format!("{} {} (oldest {} late)", row["due"], table::cell(row, "class"), span(row["late_ms"].as_u64().unwrap_or(0))))
        .collect();
    if lines.is_empty() { "Backlog: none\n".to_owned() } else { format!("Backlog: {}\n", lines.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_needs_a_person_stands_out_and_the_rest_is_short() {
        let quiet = text(&json!({ "version": "1", "runs_by_state": {}, "dead": 0, "backlog": [], "oldest_waits": [] }));
        assert!(quiet.contains("Runs: none") && quiet.contains("Backlog: none") && !quiet.contains("dead letters"), "{quiet}");
        let busy = text(&json!({
            "runs_by_state": { "waiting": 3, "dead": 2 }, "dead": 2, "parked": 0, "backlog": [{ "class": "launch", "due": 4, "late_ms": 90_000 }],
            "hosts_in_trouble": [{ "host": "vm\u{1b}[2J", "why": "full", "open": 2, "slots": 2 }],
            "held_launches": [{ "on": "label:gpu", "text": "a host with the label gpu", "launches": 5 }],
        }));
        assert!(busy.contains("FOR A SLOT OF") && busy.contains("a host with the label gpu"), "{busy}");
        assert!(
            busy.contains("2 dead letters") && busy.contains("4 launch (oldest 1 min late)") && busy.contains("HOST IN TROUBLE"),
            "{busy}"
        );
        assert!(!busy.contains("parked runs") && !busy.contains('\u{1b}'), "{busy}");
    }
}
