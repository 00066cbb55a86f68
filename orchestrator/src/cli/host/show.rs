//! Hosts and what a test found, for people.

use crate::cli::table;
use serde_json::Value;

/// A host.
pub(super) fn host_text(host: &Value) -> String {
    let mut text = table::fields(
        host,
        &[
            ("name", "name"),
            ("state", "state"),
            ("unreachable since", "unreachable.since"),
            ("why", "unreachable.error"),
            ("next try", "unreachable.next_try_at"),
            ("last answer", "last_answer_at"),
            ("address", "address"),
            ("port", "port"),
            ("user", "user"),
            ("login", "login.key|login"),
            ("state root", "state_root"),
            ("labels", "labels"),
            ("slots", "slots"),
            ("callbacks", "callbacks"),
            ("unheard since", "callbacks_unheard_since"),
            ("collecting", "collecting"),
            ("architecture", "arch"),
            ("own user", "own_user"),
            ("by sudo", "sudo"),
            ("disk floor", "disk_floor_bytes"),
            ("added", "added_at"),
            ("open attempts", "open_attempts"),
            ("debts", "debts"),
            ("orphans ended", "orphans_stopped"),
            ("machine", "facts.uname"),
            ("shim", "facts.shim_version"),
        ],
    );
    for key in host["host_keys"].as_array().map(Vec::as_slice).unwrap_or_default() {
        text += &format!("host key  {}\n", table::cell(key, "fingerprint"));
    }
    text
}

/// What a test found.
pub(super) fn test_text(report: &Value) -> String {
    let mut text = table::fields(
        report,
        &[
            ("connect ms", "phases.connect_ms"),
            ("key exchange ms", "phases.key_exchange_ms"),
            ("login ms", "phases.login_ms"),
            ("session ms", "phases.session_ms"),
            ("answer ms", "phases.answer_ms"),
            ("shim uploaded", "shim_uploaded"),
            ("clock skew ms", "clock_skew_ms"),
            ("machine", "facts.uname"),
            ("host name", "facts.hostname"),
            ("user of its own", "facts.isolation"),
            ("outlives login", "facts.outlives_login"),
            ("shim", "facts.shim_version"),
            ("jobs held by", "facts.containment"),
            ("callbacks arrive", "callbacks.arrive"),
            ("free bytes", "facts.free_bytes"),
        ],
    );
    for finding in report["findings"].as_array().map(Vec::as_slice).unwrap_or_default() {
        text +=
            &format!("{}: {}\n  fix: {}\n", table::cell(finding, "level"), table::cell(finding, "message"), table::cell(finding, "fix"));
    }
    text
}
