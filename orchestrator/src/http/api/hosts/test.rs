//! `POST /v1/hosts/{name}/test`: a host is reached anew, and what is not right there is said with its fix.

use super::{asked_host, in_time};
use crate::envelope::Success;
use crate::http::api::answer::Answer;
use crate::http::api::routes::Api;
use axum::extract::{Path, State};
use serde_json::{Value, json};
use std::time::Duration;

/// Reach a host on a connection of its own: each phase with its time, and what the machine says of itself.
pub(in crate::http::api) async fn test(State(api): State<Api>, Path(name): Path<String>) -> Answer {
    let host = asked_host(&api, &name).await?;
    let clock = api.app.clock;
    let now = move || clock.now();
    let report = in_time(api.app.ssh.test(&host, &now)).await?;
    let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let elsewhere = host.address != "localhost" && !host.address.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let findings = findings(&report.facts, report.clock_skew_ms, api.app.config.audience(), elsewhere);
    let mut facts = serde_json::to_value(&report.facts).unwrap_or_default();
    if let Some(facts) = facts.as_object_mut() {
        facts.remove("marker");
    }
    Ok(Success::new(json!({
        "name": host.name,
        "phases": {
            "connect_ms": ms(report.timings.connect),
            "key_exchange_ms": ms(report.timings.kex),
            "login_ms": ms(report.timings.auth),
            "session_ms": ms(report.session),
            "answer_ms": ms(report.answer),
        },
        "shim_uploaded": report.uploaded,
        "clock_skew_ms": report.clock_skew_ms,
        "facts": facts,
        "findings": findings,
    })))
}

/// What is not right on a machine that answered, with its fix.
fn findings(facts: &sortie_protocol::view::HostFacts, skew_ms: i64, public_url: &str, elsewhere: bool) -> Value {
    let mut found = Vec::new();
    let mut add = |what: String, fix: &str| found.push(json!({ "level": "warning", "message": what, "fix": fix }));
    if facts.free_bytes < 1 << 30 {
        add(format!("{} MiB are free under {}", facts.free_bytes >> 20, facts.root), "make room: job output and results are kept there");
    }
    if skew_ms.abs() > 60_000 {
        add(format!("its clock is {skew_ms} ms off"), "run an NTP client on it; nothing here depends on it, agents might");
    }
    if facts.containment != "cgroup" {
        add(
            format!("jobs are held by `{}`", facts.containment),
            "a cgroup holds them better: enable lingering for the user (`loginctl enable-linger`)",
        );
    }
    let loopback = ["http://127.", "http://localhost", "http://[::1]"].iter().any(|start| public_url.starts_with(start));
    if loopback && elsewhere {
        add(
            format!("callbacks go to {public_url}, which is the machine itself"),
            "set public_url in config.toml to an address that the machine can reach",
        );
    }
    Value::Array(found)
}
