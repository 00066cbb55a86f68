//! A host as it is shown: what operators have set, and what was last seen of it.

use crate::clock::rfc3339;
use crate::driver::host_health::HostSeen;
use serde_json::{Value, json};
use sortie_core::host::{Host, HostState, JumpHost, LauncherKind, Login};
use sortie_core::ids::Ms;
use sortie_keys::pin::Pin;

/// What runs on a host.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Load {
    /// Attempts that are not over.
    pub(super) open: usize,
    /// Those of them whose end was asked for and could not be verified: they hold a slot until it is.
    pub(super) debts: usize,
}

/// A host.
pub(super) fn view(host: &Host, load: Load, seen: &HostSeen, now: Ms) -> Value {
    let health = &seen.health;
    let mut shown = json!({
        "name": host.name,
        "launcher": host.launcher.as_str(),
        "state": state(host, seen),
        "draining": host.state == HostState::Draining,
        "address": host.address,
        "port": host.port,
        "user": host.user,
        "login": login(&host.login),
        "host_keys": keys(&host.host_keys),
        "state_root": host.state_root,
        "labels": host.labels,
        "slots": host.slots,
        "arch": host.arch,
        "callbacks": host.callbacks,
        "own_user": host.own_user,
        "sudo": host.sudo,
        "disk_floor_bytes": host.disk_floor_bytes,
        "added_at": rfc3339(host.added_at),
        "open_attempts": load.open,
        "debts": load.debts,
        "last_answer_at": health.last_ok.map(rfc3339),
        "unreachable": health.failing_since.map(|since| json!({
            "since": rfc3339(since),
            "age_ms": now.saturating_sub(since).max(0),
            "error": health.error,
            "next_try_at": seen.next_try.map(rfc3339),
        })),
        "callbacks_unheard_since": health.unheard_since.map(rfc3339),
        "collecting": collecting(host, seen),
        "orphans_stopped": health.orphans,
        "compared_at": health.swept_at.map(rfc3339),
        "gc_at": health.gc_at.map(rfc3339),
        "facts": health.facts,
        "facts_at": health.facts_at.map(rfc3339),
    });
    if let Some(alias) = &host.alias {
        shown["alias"] = json!(alias);
    }
    if !host.jumps.is_empty() {
        shown["jumps"] = host.jumps.iter().map(jump).collect();
    }
    if !host.host_cas.is_empty() {
        shown["host_cas"] = keys(&host.host_cas);
    }
    if let Some(shim) = &host.shim {
        shown["shim"] = json!(shim);
    }
    shown
}

/// `draining` is what an operator wants, and is said first; a worker is never reached for.
fn state(host: &Host, seen: &HostSeen) -> &'static str {
    match host.state {
        HostState::Draining => "draining",
        HostState::Ready if host.launcher != LauncherKind::Worker && seen.health.failing_since.is_some() => "unreachable",
        HostState::Ready => "ready",
    }
}

/// Whether results can be collected from it. A machine behind NAT that the server cannot dial now has not failed: what its jobs post
/// still counts (F092).
fn collecting(host: &Host, seen: &HostSeen) -> Option<&'static str> {
    let is_away = seen.health.failing_since.is_some();
    (host.launcher == LauncherKind::Ssh).then_some(if is_away { "unavailable" } else { "available" })
}

fn login(login: &Login) -> Value {
    match login {
        Login::Key(path) if path.is_empty() => json!({ "key": "the installation's own" }),
        Login::Key(path) => json!({ "key": path }),
        Login::Agent => json!("agent"),
        Login::AgentKey(fingerprint) => json!({ "agent": fingerprint }),
        Login::Certificate { key, certificate } => json!({ "key": key, "certificate": certificate }),
    }
}

fn jump(jump: &JumpHost) -> Value {
    json!({
        "address": jump.address,
        "port": jump.port,
        "user": jump.user,
        "login": login(&jump.login),
        "host_keys": keys(&jump.host_keys),
        "host_cas": keys(&jump.host_cas),
    })
}

fn keys(lines: &[String]) -> Value {
    lines.iter().map(|line| json!({ "key": line, "fingerprint": fingerprint(line) })).collect()
}

/// Its fingerprint, where the line is a key.
pub(super) fn fingerprint(line: &str) -> Option<String> {
    line.parse::<Pin>().ok().map(|pin| pin.fingerprint())
}
