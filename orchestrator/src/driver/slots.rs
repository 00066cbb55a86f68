//! Which host a launch goes to, and what becomes of one that finds every slot taken or every host draining.

use super::Driver;
use super::host_health::Reach;
use super::work::NotDone;
use crate::limits;
use sortie_core::call::HostSelector;
use sortie_core::effect::WorkClass;
use sortie_core::host::{Host, HostState};
use sortie_core::state::AttemptState;
use sortie_core::view::Attempt;
use sortie_store::model::Claim;
use std::collections::BTreeMap;
use std::time::Duration;

impl Driver {
    /// Hosts that an attempt may go to, best first: the one that it was handed to, where something of it may have been sent; else the
    /// one that its job names, or those with the label that it names. None that drains; of those with a label, one that is out of
    /// reach only where no other is left. For people: why there is none.
    pub(super) async fn hosts_for(&self, attempt: &Attempt, on: &HostSelector) -> Result<Result<Vec<Host>, String>, NotDone> {
        if let Some(handed) = attempt.handed.as_ref().filter(|_| attempt.state != AttemptState::Scheduled) {
            let found = self.parts().store.host(&handed.host).await?;
            return Ok(found.map(|host| vec![host]).ok_or_else(|| format!("host `{}` was removed", handed.host)));
        }
        let takes_jobs = |host: &Host| host.state == HostState::Ready;
        match on {
            HostSelector::Name(name) => {
                let found = self.parts().store.host(name).await?;
                let missing = || format!("there is no host `{name}`; add it with `sortie host add {name} ...`");
                Ok(found.map(|host| Some(host).filter(takes_jobs).into_iter().collect()).ok_or_else(missing))
            }
            HostSelector::Label(label) => {
                let hosts: Vec<Host> = self.parts().store.hosts().await?.into_iter().filter(|host| host.labels.contains(label)).collect();
                if hosts.is_empty() {
                    return Ok(Err(format!("no host has the label `{label}`")));
                }
                let ready = hosts.into_iter().filter(takes_jobs).collect();
                let before = attempt.handed.as_ref().map(|handed| handed.host.as_str());
                let loads = self.parts().store.host_loads().await?;
                Ok(Ok(in_order(ready, &loads, before, |host| self.reach(host))))
            }
        }
    }

    /// Every slot is taken, or every host drains: the launch is set aside until that changes. The time limit of its step goes on, and
    /// that of the launch begins when a host is tried.
    pub(super) async fn hold_launch(&self, claim: &Claim, attempt: &Attempt, on: &HostSelector) -> Result<(), NotDone> {
        let sent = attempt.handed.as_ref().filter(|_| attempt.state != AttemptState::Scheduled);
        let on = sent.map_or_else(|| on.clone(), |handed| HostSelector::Name(handed.host.clone()));
        let now = self.parts().clock.now();
        if !self.parts().store.hold(claim.clone(), &on, now).await? {
            self.wake(&[(WorkClass::Launch, now)]);
        }
        Ok(())
    }

    /// Let go the held launches that fit the hosts as they are now.
    pub async fn look_at_held(&self) {
        let now = self.parts().clock.now();
        match self.parts().store.release_held(now).await {
            Ok(0) => {}
            Ok(_) => self.wake(&[(WorkClass::Launch, now)]),
            Err(error) => tracing::warn!(%error, "held launches could not be looked at"),
        }
    }

    /// Look now and then for held launches that no end of an attempt lets go: hosts were added, changed or removed.
    pub(super) async fn watch_held(self) {
        let mut stop = self.0.stop.subscribe();
        while !*stop.borrow_and_update() {
            self.look_at_held().await;
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(limits::HELD_CHECK_MS)) => {}
                _ = stop.changed() => {}
            }
        }
    }
}

/// Those with a free slot, the least loaded first, and those that answer before all others: a launch that could go elsewhere is no trial
/// of a host that was away. The slot of `before` is the attempt's own.
fn in_order(hosts: Vec<Host>, loads: &BTreeMap<String, u32>, before: Option<&str>, reach: impl Fn(&str) -> Reach) -> Vec<Host> {
    let own = |host: &Host| u32::from(before == Some(host.name.as_str()));
    let load = |host: &Host| loads.get(&host.name).copied().unwrap_or(0).saturating_sub(own(host));
    let mut open: Vec<Host> = hosts.into_iter().filter(|host| host.slots.is_none_or(|slots| load(host) < slots)).collect();
    open.sort_by_cached_key(|host| (reach(&host.name), load(host)));
    open
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_loaded_that_answers_comes_first_and_a_full_one_not_at_all() {
        let host = |name: &str, slots| Host { name: name.to_owned(), slots, ..Host::default() };
        let hosts = vec![
            host("away", None),
            host("due", None),
            host("full", Some(2)),
            host("busy", None),
            host("own", Some(1)),
            host("free", Some(9)),
        ];
        let loads = BTreeMap::from([("full", 2), ("busy", 7), ("own", 1), ("free", 3)].map(|(name, load)| (name.to_owned(), load)));
        let reach = |name: &str| match name {
            "away" => Reach::LeftAlone,
            "due" => Reach::TrialDue,
            _ => Reach::Answers,
        };
        let order = in_order(hosts, &loads, Some("own"), reach);
        let names: Vec<&str> = order.iter().map(|host| host.name.as_str()).collect();
        assert_eq!(names, ["own", "free", "busy", "due", "away"]);
    }
}
