//! One reading of the whole installation, for people (`status`) and for Prometheus (`metrics`): gathered here, judged by
//! small pure functions.

use super::limits::{OLDEST_SHOWN, SCHEDULES_SHOWN, STUCK_LAUNCH_MS};
use super::routes::Api;
use crate::envelope::Problem;
use sortie_core::effect::WorkClass;
use sortie_core::host::Host;
use sortie_core::ids::Ms;
use sortie_core::state::AttemptState;
use sortie_store::model::operations::{AttemptCount, Backlog};
use sortie_store::model::{HeldCount, OpenWait, RunCount};
use std::collections::BTreeMap;

/// The reading.
pub(super) struct Overview {
    pub(super) now: Ms,
    pub(super) counts: Vec<RunCount>,
    pub(super) backlog: Vec<Backlog>,
    pub(super) attempts: Vec<AttemptCount>,
    pub(super) hosts: Vec<Host>,
    /// How many attempts hold a slot of each host.
    pub(super) loads: BTreeMap<String, u32>,
    /// Launches that wait for a slot, by host or label.
    pub(super) held: Vec<HeldCount>,
    /// Steps that have waited the longest for people or other systems, the oldest first.
    pub(super) waits: Vec<OpenWait>,
    /// When each schedule that is due should have been looked at.
    pub(super) schedules: Vec<Ms>,
}

/// A host that needs a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) host: String,
    /// Attempts that hold a slot.
    pub(super) open: u64,
    pub(super) slots: Option<u32>,
    /// Attempts that should have been heard of, or whose launch was not answered.
    pub(super) unheard: u64,
    /// Ends that could not be verified.
    pub(super) debts: u64,
    /// Attempts whose launch finds it away.
    pub(super) away: u64,
}

impl Trouble {
    /// In words, the worst first; `None` where all is well.
    pub(super) fn why(&self) -> Option<String> {
        let mut parts = Vec::new();
        let mut say = |count: u64, what: &str| {
            if count > 0 {
                parts.push(format!("{count} {what}"));
            }
        };
        say(self.debts, "ends not verified");
        say(self.away, "launches find it away");
        say(self.unheard, "jobs not heard of");
        if self.slots.is_some_and(|slots| self.open >= u64::from(slots)) {
            parts.push("full".to_owned());
        }
        if parts.is_empty() { None } else { Some(parts.join(", ")) }
    }
}

impl Overview {
    /// Read it.
    pub(super) async fn read(api: &Api) -> Result<Self, Problem> {
        let (store, now) = (&api.app.store, api.app.clock.now());
        let due = store.due_schedules(now, SCHEDULES_SHOWN).await?;
        Ok(Self {
            now,
            counts: store.run_counts().await?,
            backlog: store.backlog(now).await?,
            attempts: store.attempt_counts().await?,
            hosts: store.hosts().await?,
            loads: store.host_loads().await?,
            held: store.held_counts().await?,
            waits: store.oldest_waits(OLDEST_SHOWN).await?,
            schedules: due.iter().filter_map(|schedule| schedule.next).collect(),
        })
    }

    /// Runs by shown state.
    pub(super) fn by_state(&self) -> BTreeMap<&str, u64> {
        let mut states = BTreeMap::new();
        for count in &self.counts {
            *states.entry(count.state.as_str()).or_insert(0) += count.runs;
        }
        states
    }

    /// How many launches are under way for too long, and since when the oldest.
    pub(super) fn stuck_launches(&self) -> (u64, Option<Ms>) {
        let limit = self.now.saturating_sub_unsigned(STUCK_LAUNCH_MS);
        let stuck = |count: &&AttemptCount| is_launching(count) && count.oldest_at < limit;
        // The oldest of a group stands for it: that is at least one, and says since when.
        let oldest = self.attempts.iter().filter(stuck).map(|count| count.oldest_at).min();
        (self.attempts.iter().filter(stuck).map(|count| count.attempts).sum(), oldest)
    }

    /// Every host, with what is open on it.
    pub(super) fn hosts(&self) -> Vec<Trouble> {
        let of = |host: &Host| {
            let mine: Vec<&AttemptCount> = self.attempts.iter().filter(|count| count.host.as_deref() == Some(host.name.as_str())).collect();
            let sum = |wanted: &dyn Fn(&AttemptCount) -> bool| mine.iter().filter(|count| wanted(count)).map(|count| count.attempts).sum();
            Trouble {
                host: host.name.clone(),
                open: self.loads.get(&host.name).copied().map_or(0, u64::from),
                slots: host.slots,
                unheard: sum(&|count| matches!(count.state, AttemptState::Suspect | AttemptState::LaunchUnknown)),
                debts: sum(&|count| count.debt),
                away: sum(&|count| count.state == AttemptState::Scheduled),
            }
        };
        self.hosts.iter().map(of).collect()
    }

    /// Since when somebody has been waited for.
    pub(super) fn oldest_wait(&self) -> Option<Ms> {
        self.waits.iter().map(|wait| wait.since).min()
    }
}

/// Whether a launch is under way: its host is chosen, and has not said that it runs.
fn is_launching(count: &AttemptCount) -> bool {
    let launching = matches!(count.state, AttemptState::Launching | AttemptState::LaunchUnknown);
    launching || (count.state == AttemptState::Scheduled && count.host.is_some())
}

/// A class of due work, as it is shown.
pub(super) const fn class_name(class: WorkClass) -> &'static str {
    match class {
        WorkClass::Advance => "advance",
        WorkClass::Launch => "launch",
        WorkClass::Host => "host",
        WorkClass::Timer => "timer",
        WorkClass::Outbound => "outbound",
        WorkClass::Link => "link",
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A reading with one host and these attempts on it.
    pub(in crate::http::api) fn overview(attempts: Vec<AttemptCount>, slots: Option<u32>) -> Overview {
        let host = serde_json::json!({
            "name": "vm", "address": "127.0.0.1", "port": 22, "user": "root", "login": { "key": "" }, "host_keys": [], "state_root": "/x",
            "marker": "m", "labels": [], "slots": slots, "added_at": 0,
        });
        let held = |on: &str, launches| HeldCount { on: on.to_owned(), launches };
        let mut loads = BTreeMap::new();
        attempts.iter().filter_map(|count| count.host.clone()).for_each(|host| *loads.entry(host).or_insert(0) += 1);
        let count = |flow: &str, state: &str, runs| RunCount { flow: flow.to_owned(), state: state.to_owned(), runs };
        Overview {
            now: 10_000_000,
            counts: vec![count("a", "waiting", 2), count("b", "waiting", 1), count("b", "dead", 4)],
            backlog: vec![Backlog { class: WorkClass::Launch, due: 3, oldest_at: Some(9_999_000) }],
            loads,
            attempts,
            hosts: vec![serde_json::from_value(host).unwrap()],
            held: vec![held("name:vm", 3), held("label:gpu", 1)],
            waits: Vec::new(),
            schedules: vec![9_940_000],
        }
    }

    pub(in crate::http::api) fn attempts(host: Option<&str>, state: AttemptState, oldest_at: Ms) -> AttemptCount {
        AttemptCount { host: host.map(str::to_owned), state, debt: false, attempts: 1, oldest_at }
    }

    #[test]
    fn a_launch_is_stuck_when_its_host_says_nothing_for_long() {
        let old = 10_000_000 - STUCK_LAUNCH_MS.cast_signed() - 1;
        let stuck = |host, state, at| overview(vec![attempts(host, state, at)], None).stuck_launches().0;
        assert_eq!(stuck(Some("vm"), AttemptState::LaunchUnknown, old), 1);
        assert_eq!(stuck(Some("vm"), AttemptState::Scheduled, old), 1, "its host is away");
        assert_eq!(stuck(Some("vm"), AttemptState::Launching, 10_000_000), 0, "it has just begun");
        assert_eq!(stuck(None, AttemptState::Scheduled, old), 0, "it waits for a slot");
        assert_eq!(stuck(Some("vm"), AttemptState::Running, old), 0);
    }

    #[test]
    fn hosts_in_trouble_say_why() {
        let why = |attempts, slots| overview(attempts, slots).hosts()[0].why();
        assert_eq!(why(vec![], Some(1)), None);
        assert_eq!(why(vec![attempts(Some("vm"), AttemptState::Running, 1)], Some(1)).as_deref(), Some("full"));
        assert_eq!(why(vec![attempts(Some("vm"), AttemptState::Running, 1)], None), None);
        let suspect = attempts(Some("vm"), AttemptState::Suspect, 1);
        assert_eq!(why(vec![suspect], None).as_deref(), Some("1 jobs not heard of"));
        let debt = AttemptCount { debt: true, ..attempts(Some("vm"), AttemptState::Stopping, 1) };
        assert_eq!(why(vec![debt], None).as_deref(), Some("1 ends not verified"));
        assert_eq!(why(vec![attempts(Some("other"), AttemptState::Suspect, 1)], None), None);
    }

    #[test]
    fn runs_are_counted_over_all_flows() {
        assert_eq!(overview(vec![], None).by_state(), [("dead", 4), ("waiting", 3)].into());
    }
}
