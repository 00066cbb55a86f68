//! What is not right on a machine that answered, each with its fix. Pure.

use serde::Serialize;
use serde_json::{Value, json};
use sortie_core::host::{CallbackMode, Host};
use sortie_protocol::confine::Isolation;
use sortie_protocol::view::HostFacts;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Level {
    /// Worth knowing.
    Note,
    /// Jobs run, and something will go worse than it could.
    Warning,
    /// No job can run there, or no result can come back.
    Blocked,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// What it is about, for programs.
    pub(super) what: &'static str,
    /// How bad it is.
    pub(super) level: Level,
    /// What.
    pub(super) message: String,
    /// What to do.
    pub(super) fix: String,
}

impl Finding {
    pub(super) fn is_about_callbacks(&self) -> bool {
        self.what == "callbacks"
    }
}

/// What came of posting from the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// It arrived here.
    Arrived {
        /// How long it took, in milliseconds.
        took_ms: u64,
    },
    /// Somebody else answered: a proxy, a portal, another installation.
    Somebody {
        /// With this HTTP status.
        status: u16,
    },
    /// Nobody answered.
    Nobody(String),
    /// It could not be tried.
    NotTried(String),
}

impl Reach {
    pub(super) fn shown(&self) -> Value {
        match self {
            Self::Arrived { took_ms } => json!({ "arrive": true, "took_ms": took_ms }),
            Self::Somebody { status } => json!({ "arrive": false, "status": status }),
            Self::Nobody(error) => json!({ "arrive": false, "error": error }),
            Self::NotTried(why) => json!({ "arrive": null, "error": why }),
        }
    }
}

/// What was seen of a machine.
pub(super) struct Seen<'a> {
    pub(super) host: &'a Host,
    pub(super) facts: &'a HostFacts,
    pub(super) skew_ms: i64,
    pub(super) url: &'a str,
    pub(super) reach: &'a Reach,
}

/// Free bytes under which a warning is due: results and output are kept there.
const ROOM: u64 = 1 << 30;
/// Skew that agents and certificates begin to mind, in milliseconds.
const SKEW_MS: i64 = 60_000;

pub(super) fn findings(seen: &Seen<'_>) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    found.extend(callbacks(seen));
    found.extend(disk(seen));
    found.extend(clock(seen));
    found.extend(hold(seen));
    found.extend(architecture(seen));
    found.extend(seen.facts.notes.iter().map(|note| finding("machine", Level::Note, note.clone(), "see the note")));
    found
}

fn finding(what: &'static str, level: Level, message: String, fix: &str) -> Finding {
    Finding { what, level, message, fix: fix.to_owned() }
}

fn callbacks(seen: &Seen<'_>) -> Option<Finding> {
    let (url, name) = (seen.url, &seen.host.name);
    let pull = format!("`sortie host set {name} --callbacks pull` has its results collected over SSH");
    // Where nothing is posted, that nothing could be is no fault.
    let level = if seen.host.callbacks == CallbackMode::Pull { Level::Note } else { Level::Warning };
    let loopback =
        ["http://127.", "http://localhost", "http://[::1]", "https://127.", "https://localhost"].iter().any(|start| url.starts_with(start));
    match seen.reach {
        Reach::Arrived { .. } => (seen.host.callbacks == CallbackMode::Pull).then(|| {
            let fix = format!("`sortie host set {name} --callbacks push` is faster");
            finding("callbacks", Level::Note, format!("callbacks would arrive at {url}"), &fix)
        }),
        Reach::Nobody(error) if loopback => {
            let fix = format!("set public_url in config.toml to an address that the machine can reach; {pull}");
            Some(finding("callbacks", level, format!("callbacks go to {url}, which is the machine itself: {error}"), &fix))
        }
        Reach::Nobody(error) => {
            let certificate = error.to_lowercase().contains("certificate") || error.to_lowercase().contains("tls");
            let first = if certificate {
                "set callback_ca in config.toml to the CA of the server's certificate"
            } else {
                "open the way from the machine to public_url, or set another public_url"
            };
            Some(finding("callbacks", level, format!("callbacks do not arrive at {url}: {error}"), &format!("{first}; else {pull}")))
        }
        Reach::Somebody { status } => {
            let fix = format!("a proxy or a portal stands in between: let {url} through, or set another public_url; else {pull}");
            Some(finding("callbacks", level, format!("somebody else answers at {url} (status {status})"), &fix))
        }
        Reach::NotTried(why) => {
            Some(finding("callbacks", Level::Note, format!("whether callbacks arrive at {url} could not be tried: {why}"), &pull))
        }
    }
}

fn disk(seen: &Seen<'_>) -> Option<Finding> {
    let (free, floor) = (seen.facts.free_bytes, seen.host.disk_floor_bytes);
    let what = format!("{} MiB are free under {}", free >> 20, seen.facts.root);
    if free < floor {
        return Some(finding(
            "disk",
            Level::Blocked,
            format!("{what}, less than the floor of {} MiB", floor >> 20),
            "make room, or set a lower --disk-floor",
        ));
    }
    (free < ROOM).then(|| finding("disk", Level::Warning, what, "make room: job output and results are kept there"))
}

fn clock(seen: &Seen<'_>) -> Option<Finding> {
    let off = seen.skew_ms.abs() > SKEW_MS;
    off.then(|| {
        let fix = "run an NTP client on it; nothing here depends on it, agents might";
        finding("clock", Level::Warning, format!("its clock is {} ms off", seen.skew_ms), fix)
    })
}

fn hold(seen: &Seen<'_>) -> Vec<Finding> {
    let (facts, mut found) = (seen.facts, Vec::new());
    if seen.host.own_user && facts.isolation != Isolation::OwnUser {
        let fix = "add the host with a login as root, or with --sudo where sudo asks for no password; or `host set --own-user false`";
        found.push(finding(
            "isolation",
            Level::Blocked,
            "jobs are to run as a user of their own, which cannot be had there".to_owned(),
            fix,
        ));
    }
    if facts.containment == "subreaper" {
        let fix = "a cgroup holds them better: enable lingering for the user (`loginctl enable-linger`)";
        found.push(finding("containment", Level::Warning, "jobs are held by `subreaper`".to_owned(), fix));
    }
    if facts.outlives_login == Some(false) {
        let fix = "enable lingering for the user (`loginctl enable-linger`), or set KillUserProcesses=no";
        found.push(finding("login", Level::Blocked, "the machine ends all processes of a user who logs out".to_owned(), fix));
    }
    found
}

/// `uname -srm`: the last word.
fn architecture(seen: &Seen<'_>) -> Option<Finding> {
    let said = seen.facts.uname.rsplit(' ').next()?;
    let pinned = seen.host.arch.as_deref()?;
    (said != pinned).then(|| {
        finding("architecture", Level::Warning, format!("it was added as {pinned} and is {said} now"), "check that it is the same machine")
    })
}

#[cfg(test)]
#[path = "findings_tests.rs"]
mod tests;
