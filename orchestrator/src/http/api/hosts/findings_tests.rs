//! What is found on a host, and its fix.

use super::*;

fn facts() -> HostFacts {
    serde_json::from_value(json!({
        "root": "/state", "marker": "m", "shim_version": "1", "uname": "Linux 6.1 x86_64", "hostname": "vm", "user": "me", "boot_id": "b",
        "now_ms": 0, "free_bytes": 9u64 << 30, "containment": "cgroup", "open_attempts": 0, "isolation": "shared_user"
    }))
    .unwrap()
}

fn levels(host: &Host, facts: &HostFacts, skew_ms: i64, url: &str, reach: &Reach) -> Vec<(&'static str, Level)> {
    findings(&Seen { host, facts, skew_ms, url, reach }).into_iter().map(|found| (found.what, found.level)).collect()
}

const HERE: Reach = Reach::Arrived { took_ms: 1 };
const URL: &str = "https://sortie.example";

#[test]
fn a_machine_as_it_should_be_has_no_findings() {
    assert!(levels(&Host::default(), &facts(), 500, URL, &HERE).is_empty());
}

#[test]
fn what_keeps_jobs_away_blocks_and_the_rest_warns() {
    let host = Host { own_user: true, disk_floor_bytes: 10 << 30, arch: Some("aarch64".to_owned()), ..Host::default() };
    let bad = HostFacts { containment: "subreaper".to_owned(), outlives_login: Some(false), ..facts() };
    let found = levels(&host, &bad, -90_000, URL, &Reach::Nobody("connection refused".to_owned()));
    let wanted = [
        ("callbacks", Level::Warning),
        ("disk", Level::Blocked),
        ("clock", Level::Warning),
        ("isolation", Level::Blocked),
        ("containment", Level::Warning),
        ("login", Level::Blocked),
        ("architecture", Level::Warning),
    ];
    assert_eq!(found, wanted);
}

#[test]
fn callbacks_that_do_not_arrive_have_the_fix_that_fits() {
    let fix = |url, reach: &Reach| {
        let (host, facts) = (Host { name: "vm".to_owned(), ..Host::default() }, facts());
        findings(&Seen { host: &host, facts: &facts, skew_ms: 0, url, reach }).remove(0).fix
    };
    let nobody = |text: &str| Reach::Nobody(text.to_owned());
    assert!(fix("http://127.0.0.1:7433", &nobody("refused")).contains("set public_url"));
    assert!(fix(URL, &nobody("invalid peer certificate: UnknownIssuer")).contains("callback_ca"));
    assert!(fix(URL, &nobody("timed out")).contains("--callbacks pull"));
    assert!(fix(URL, &Reach::Somebody { status: 302 }).contains("proxy"));
    let pulled = Host { callbacks: CallbackMode::Pull, ..Host::default() };
    assert_eq!(levels(&pulled, &facts(), 0, URL, &nobody("timed out")), [("callbacks", Level::Note)]);
}
