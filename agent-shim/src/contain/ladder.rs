//! Which ways to hold a job are tried on a machine, best first, and whether its jobs outlive the login: from facts alone.

use super::facts::Facts;
use super::unit::Manager;
use sortie_protocol::confine::Containment;

/// A way to hold a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rung {
    /// A scope of a manager.
    Unit(Manager),
    /// A cgroup made by ourselves.
    Cgroup,
}

impl Rung {
    /// The level that is reached by it.
    pub const fn level(self) -> Containment {
        match self {
            Self::Unit(Manager::User) => Containment::UserUnit,
            Self::Unit(_) => Containment::SystemUnit,
            Self::Cgroup => Containment::Cgroup,
        }
    }
}

/// The ways to try, best first. Where none holds, the walk over descendants and the cookie are all.
pub fn rungs(facts: &Facts) -> Vec<Rung> {
    let mut rungs = Vec::new();
    if facts.systemd && facts.root {
        rungs.push(Rung::Unit(Manager::System));
    }
    if facts.systemd && facts.sudo {
        rungs.push(Rung::Unit(Manager::Sudo));
    }
    // Without lingering the manager itself ends at logout, with all that it holds.
    if facts.systemd && facts.user_manager && facts.linger {
        rungs.push(Rung::Unit(Manager::User));
    }
    if facts.cgroup {
        rungs.push(Rung::Cgroup);
    }
    rungs
}

/// The best level that this machine can be expected to give.
pub fn best(facts: &Facts) -> Containment {
    rungs(facts).first().map_or(Containment::Subreaper, |rung| rung.level())
}

/// What is not held here for want of a group, and what to do about it.
pub fn unheld(facts: &Facts) -> Option<&'static str> {
    let note = "no cgroup can be made: limits on memory and processes are not held; a login as root, sudo without a password, or \
                `loginctl enable-linger` gives one";
    (best(facts) == Containment::Subreaper).then_some(note)
}

/// Whether supervisors outlive the SSH session that starts them, and what to do where they may not (F102).
pub fn outlives_login(facts: &Facts) -> (Option<bool>, Vec<&'static str>) {
    let can_leave = rungs(facts).iter().any(|rung| matches!(rung, Rung::Unit(_))) || (facts.root && facts.cgroup);
    let mut notes = Vec::new();
    if facts.systemd && facts.user_manager && facts.linger && !facts.root && !facts.sudo {
        notes.push("jobs are held by this user's manager: some releases of systemd (255) end it at the last logout although it lingers");
    }
    if !facts.in_session || can_leave {
        return (Some(true), notes);
    }
    match facts.kills_at_logout {
        Some(false) => (Some(true), notes),
        Some(true) => {
            notes.push(
                "KillUserProcesses=yes ends jobs at logout: run `loginctl enable-linger`, or set KillUserProcesses=no in logind.conf",
            );
            (Some(false), notes)
        }
        None => {
            notes.push("it is not known whether logind ends jobs at logout (KillUserProcesses): `loginctl enable-linger` makes sure");
            (None, notes)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> Facts {
        Facts { systemd: true, in_session: true, kills_at_logout: Some(true), ..Facts::default() }
    }

    #[test]
    fn the_best_way_comes_first() {
        let levels = |facts: Facts| rungs(&facts).into_iter().map(Rung::level).collect::<Vec<_>>();
        use Containment::{Cgroup, SystemUnit, UserUnit};
        assert_eq!(levels(Facts { root: true, cgroup: true, ..machine() }), [SystemUnit, Cgroup]);
        let all = Facts { sudo: true, user_manager: true, linger: true, cgroup: true, ..machine() };
        assert_eq!(levels(all), [SystemUnit, UserUnit, Cgroup]);
        assert_eq!(levels(Facts { user_manager: true, linger: true, ..machine() }), [UserUnit]);
        assert_eq!(levels(Facts { user_manager: true, linger: false, ..machine() }), []);
        assert_eq!(levels(Facts { root: true, cgroup: true, systemd: false, ..machine() }), [Cgroup]);
        assert_eq!(best(&Facts::default()), Containment::Subreaper);
    }

    #[test]
    fn f102_what_would_die_with_the_session_is_said_with_its_fix() {
        let outlives = |facts: Facts| outlives_login(&facts).0;
        assert_eq!(outlives(machine()), Some(false));
        assert!(outlives_login(&machine()).1[0].contains("enable-linger"));
        assert_eq!(outlives(Facts { kills_at_logout: None, ..machine() }), None);
        assert_eq!(outlives(Facts { kills_at_logout: Some(false), ..machine() }), Some(true));
        assert_eq!(outlives(Facts { in_session: false, ..machine() }), Some(true));
        assert_eq!(outlives(Facts { root: true, ..machine() }), Some(true));
        assert_eq!(outlives(Facts { user_manager: true, linger: true, ..machine() }), Some(true));
        assert_eq!(outlives(Facts { user_manager: true, ..machine() }), Some(false));
        // A cgroup of one's own that is not root's lies inside the session.
        assert_eq!(outlives(Facts { cgroup: true, ..machine() }), Some(false));
    }
}
