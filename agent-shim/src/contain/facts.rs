//! What a machine offers to hold jobs with: probed, and the choice from it made by [`super::ladder`].

use super::cgroup::{Groups, Places};
use super::unit::Manager;
use crate::clock;
use crate::files;
use crate::root::Root;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Facts about a machine and this login. What was not asked is false or absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Whether this process is root.
    pub root: bool,
    /// Whether `sudo` gives root without a password.
    pub sudo: bool,
    /// Whether systemd runs the machine.
    pub systemd: bool,
    /// Whether the manager of this user answers.
    pub user_manager: bool,
    /// Whether that manager goes on after the last logout.
    pub linger: bool,
    /// Whether a cgroup can be made without a manager.
    pub cgroup: bool,
    /// Whether this process is in the scope of a login session.
    pub in_session: bool,
    /// Whether the machine kills what is left in that scope at logout; absent where nobody says.
    pub kills_at_logout: Option<bool>,
}

/// Facts that take other programs to learn, kept between launches (`facts.json` of the state root).
#[derive(Serialize, Deserialize)]
struct Kept {
    boot_id: String,
    facts: Facts,
}

impl Facts {
    /// What can be read from files at once.
    fn glance() -> Self {
        let uid = rustix::process::geteuid();
        let own = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        Self { root: uid.is_root(), systemd: Path::new("/run/systemd/system").is_dir(), in_session: is_in_session(&own), ..Self::default() }
    }

    /// Everything, asked anew, and kept for launches. It takes other programs, so it is for `doctor`.
    pub fn probe(root: &Root) -> Self {
        let mut facts = Self::glance();
        facts.cgroup = Groups::available();
        if facts.systemd {
            facts.sudo = !facts.root && Manager::Sudo.answers();
            facts.user_manager = !facts.root && Manager::User.answers();
            let name = crate::verbs::user_name();
            facts.linger = Path::new("/var/lib/systemd/linger").join(name).exists();
            facts.kills_at_logout = super::unit::kills_at_logout();
        }
        let _ = files::replace_soon(&root.path().join("facts.json"), &Kept { boot_id: clock::boot_id(), facts: facts.clone() });
        facts
    }

    /// For a launch: what is seen at once, and what the last `doctor` of this boot had learned.
    pub fn at_launch(root: &Root) -> Self {
        let now = Self::glance();
        let kept = files::read_json::<Kept>(&root.path().join("facts.json")).filter(|kept| kept.boot_id == clock::boot_id());
        let known = kept.map(|kept| kept.facts).unwrap_or_default();
        Self {
            sudo: known.sudo,
            user_manager: known.user_manager,
            linger: known.linger,
            kills_at_logout: known.kills_at_logout,
            cgroup: Places::here() != Places::default(),
            ..now
        }
    }
}

/// Whether `/proc/<pid>/cgroup` names the scope of a login session.
pub fn is_in_session(own: &str) -> bool {
    own.lines()
        .filter_map(|line| line.split_once(":/"))
        .flat_map(|(_, path)| path.split('/'))
        .any(|part| part.starts_with("session-") && part.ends_with(".scope"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f102_the_scope_of_a_session_is_known_by_its_name() {
        assert!(is_in_session("0::/user.slice/user-1000.slice/session-3.scope\n"));
        assert!(is_in_session("4:memory:/user.slice\n1:name=systemd:/user.slice/user-0.slice/session-c1.scope\n0::/\n"));
        for outside in [
            "0::/\n",
            "0::/system.slice/sortie-shim-att_1.scope\n",
            "0::/user.slice/user-1000.slice/user@1000.service/app.slice/x.scope\n",
            "",
        ] {
            assert!(!is_in_session(outside), "{outside}");
        }
    }
}
