//! `GET /v1/status`: what this server is, how much it has to do, and what needs a person, on one screen.

use super::answer::Answer;
use super::overview::{Overview, class_name};
use super::routes::Api;
use crate::clock::rfc3339;
use crate::envelope::{Next, Success};
use crate::explain::target;
use axum::extract::State;
use serde_json::{Value, json};
use sortie_store::model::operations::Backlog;
use sortie_store::model::{HeldCount, OpenWait};

/// The server, in one look.
pub(super) async fn show(State(api): State<Api>) -> Answer {
    let app = &api.app;
    let overview = Overview::read(&api).await?;
    let states = overview.by_state();
    let count = |state: &str| states.get(state).copied().unwrap_or(0);
    let (stuck, stuck_since) = overview.stuck_launches();
    let (dead, parked) = (count("dead"), count("parked"));
    let hosts = overview.hosts();
    let trouble: Vec<Value> = hosts
        .iter()
        .filter_map(|host| {
            let why = host.why()?;
            Some(json!({ "host": host.host, "open": host.open, "slots": host.slots, "why": why }))
        })
        .collect();
    let late_ms = overview.schedules.iter().min().map(|at| overview.now - at);
    let mut success = Success::new(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "installation": app.installation,
        "public_url": app.config.audience(),
        "plain_http": app.config.plain_http,
        "listen": app.config.listen,
        "operator_listen": app.config.operator_listen,
        "keys_generation": app.tokens.ring().generation(),
        "runs": overview.counts,
        "runs_by_state": states,
        "dead": dead,
        "parked": parked,
        "backlog": overview.backlog.iter().map(|row| backlog(row, overview.now)).collect::<Value>(),
        "oldest_waits": overview.waits.iter().map(|open| wait(open, overview.now)).collect::<Value>(),
        "held_launches": overview.held.iter().map(held).collect::<Value>(),
        "stuck_launches": { "count": stuck, "since": stuck_since.map(rfc3339) },
        "schedules_due": { "count": overview.schedules.len(), "late_ms": late_ms },
        "hosts": hosts.len(),
        "hosts_in_trouble": trouble,
        "open_attempts": overview.attempts.iter().map(|row| row.attempts).sum::<u64>(),
        "debts": overview.attempts.iter().filter(|row| row.debt).map(|row| row.attempts).sum::<u64>(),
        "now": rfc3339(overview.now),
        "clock_jump_ms": app.clock.jump(),
    }));
    let waits_for = |kind: &str| overview.waits.iter().any(|open| open.step.kind.as_str() == kind);
    for (there, next) in [
        (dead > 0, Next::look(&["dead", "list"])),
        (parked > 0, Next::look(&["runs", "list", "--state", "parked"])),
        (waits_for("approval"), Next::look(&["approval", "list"])),
        (waits_for("wait"), Next::look(&["waits", "list"])),
    ] {
        if there {
            success = success.next(next);
        }
    }
    for host in hosts.iter().filter(|host| host.why().is_some()).take(2) {
        success = success.next(Next::look(&["host", "test", &host.host]));
    }
    Ok(success)
}

fn backlog(row: &Backlog, now: i64) -> Value {
    json!({ "class": class_name(row.class), "due": row.due, "late_ms": row.oldest_at.map(|at| now - at) })
}

/// Launches that wait for a slot of one host, or of any with a label.
fn held(row: &HeldCount) -> Value {
    json!({ "on": row.on, "text": target(&row.on), "launches": row.launches })
}

fn wait(open: &OpenWait, now: i64) -> Value {
    json!({
        "run": open.run,
        "flow": open.flow,
        "step": open.step.name,
        "kind": open.step.kind.as_str(),
        "since": rfc3339(open.since),
        "age_ms": now - open.since,
        "deadline_at": rfc3339(open.step.deadline_at),
    })
}
