//! `POST /v1/hosts/{name}/test`: a host is reached anew, asked what it is, and posts to the server as its jobs would.

use super::findings::{Finding, Level, Reach, Seen, findings};
use super::{asked_host, in_time};
use crate::driver::Driver;
use crate::envelope::{Next, Success};
use crate::http::api::answer::Answer;
use crate::http::api::limits::REACH_S;
use crate::http::api::routes::Api;
use crate::http::reach;
use axum::extract::{Path, State};
use serde_json::{Value, json};
use sortie_core::host::{CallbackMode, Host, LauncherKind};
use sortie_protocol::verb::{Reply, Verb};
use sortie_protocol::view::HostFacts;
use std::time::Duration;

/// Reach a host on a connection of its own: each phase with its time, what the machine says of itself, whether callbacks will arrive.
/// What blocks jobs there is said in `blocked`; the command ends with exit code 1 then.
pub(in crate::http::api) async fn test(State(api): State<Api>, Path(name): Path<String>) -> Answer {
    let host = asked_host(&api, &name).await?;
    let driver = &api.app.driver;
    let clock = api.app.clock;
    let now = move || clock.now();
    let (report, phases) = if host.launcher == LauncherKind::Ssh {
        let report = in_time(Box::pin(async {
            let answer = api.app.ssh.test(&host, &now).await;
            driver.host_answered(&host.name, &answer);
            answer
        }))
        .await?;
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let phases = json!({
            "connect_ms": ms(report.timings.connect),
            "key_exchange_ms": ms(report.timings.kex),
            "login_ms": ms(report.timings.auth),
            "session_ms": ms(report.session),
            "answer_ms": ms(report.answer),
        });
        (Asked { facts: report.facts, clock_skew_ms: report.clock_skew_ms, uploaded: report.uploaded }, phases)
    } else {
        let before = now();
        let facts = match in_time(driver.ask_now(&host, Verb::Doctor { create_marker: false })).await? {
            Reply::Doctor(facts) => facts,
            other => return Err(super::unexpected(&host.name, &other)),
        };
        let clock_skew_ms = facts.now_ms - before.midpoint(now());
        (Asked { facts, clock_skew_ms, uploaded: false }, Value::Null)
    };
    let posted = post_from(driver, &host).await;
    let facts = keep(driver, &host, &report.facts);
    let seen = Seen { host: &host, facts: &report.facts, skew_ms: report.clock_skew_ms, url: api.app.config.audience(), reach: &posted };
    let found = findings(&seen);
    let blocked = found.iter().any(|finding| finding.level == Level::Blocked);
    let pull = found.iter().any(Finding::is_about_callbacks) && host.callbacks == CallbackMode::Push;
    let success = Success::new(json!({
        "name": host.name,
        "blocked": blocked,
        "phases": phases,
        "shim_uploaded": report.uploaded,
        "clock_skew_ms": report.clock_skew_ms,
        "callbacks": posted.shown(),
        "facts": facts,
        "findings": found,
    }));
    Ok(if pull { success.next(Next::act(&["host", "set", &host.name, "--callbacks", "pull"])) } else { success })
}

struct Asked {
    facts: HostFacts,
    clock_skew_ms: i64,
    uploaded: bool,
}

/// Have the machine post to the server. That its shim does not know how says nothing.
async fn post_from(driver: &Driver, host: &Host) -> Reach {
    let (url, id) = match reach::address(driver, REACH_S) {
        Ok(made) => made,
        Err(why) => return Reach::NotTried(why),
    };
    let trust = match driver.parts().config.trust() {
        Ok(trust) => trust,
        Err(error) => return Reach::NotTried(error.to_string()),
    };
    match driver.ask_now(host, Verb::Reach { url, trust }).await {
        Ok(Reply::Reached { status: Some(200), body, took_ms, .. }) if reach::is_answer(driver, &id, &body) => Reach::Arrived { took_ms },
        Ok(Reply::Reached { status: Some(status), .. }) => Reach::Somebody { status },
        Ok(Reply::Reached { error, .. }) => Reach::Nobody(error.unwrap_or_else(|| "no answer".to_owned())),
        Ok(_) => Reach::NotTried("its shim cannot try".to_owned()),
        Err(error) => Reach::NotTried(error.message),
    }
}

/// What it says of itself is remembered, but for the marker: who knows it can pose as the machine.
fn keep(driver: &Driver, host: &Host, facts: &HostFacts) -> Value {
    let mut shown = serde_json::to_value(facts).unwrap_or_default();
    if let Some(fields) = shown.as_object_mut() {
        fields.remove("marker");
    }
    let (kept, now) = (shown.clone(), driver.parts().clock.now());
    driver.note_host(&host.name, |health| {
        health.facts = Some(kept);
        health.facts_at = Some(now);
    });
    shown
}
