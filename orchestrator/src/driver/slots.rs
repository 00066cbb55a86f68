//! Which host a launch goes to, and what becomes of one that finds every slot taken.

use super::Driver;
use super::work::NotDone;
use crate::limits;
use sortie_core::call::HostSelector;
use sortie_core::effect::WorkClass;
use sortie_core::host::Host;
use sortie_core::view::Attempt;
use sortie_store::model::Claim;
use std::time::Duration;

impl Driver {
    /// Hosts that an attempt may go to: the one that it was handed to before, the one that its job names, or those with the label
    /// that it names, the least loaded first. For people: why there is none.
    pub(super) async fn hosts_for(&self, attempt: &Attempt, on: &HostSelector) -> Result<Result<Vec<Host>, String>, NotDone> {
        if let Some(handed) = &attempt.handed {
            let found = self.parts().store.host(&handed.host).await?;
            return Ok(found.map(|host| vec![host]).ok_or_else(|| format!("host `{}` was removed", handed.host)));
        }
        match on {
            HostSelector::Name(name) => {
                let found = self.parts().store.host(name).await?;
                let missing = || format!("there is no host `{name}`; add it with `sortie host add {name} ...`");
                Ok(found.map(|host| vec![host]).ok_or_else(missing))
            }
            HostSelector::Label(label) => {
                let hosts: Vec<Host> = self.parts().store.hosts().await?.into_iter().filter(|host| host.labels.contains(label)).collect();
                if hosts.is_empty() {
                    return Ok(Err(format!("no host has the label `{label}`")));
                }
                let loads = self.parts().store.host_loads().await?;
                let load = |host: &Host| loads.get(&host.name).copied().unwrap_or(0);
                let mut open: Vec<Host> = hosts.into_iter().filter(|host| host.slots.is_none_or(|slots| load(host) < slots)).collect();
                open.sort_by_key(load);
                Ok(Ok(open))
            }
        }
    }

    /// Every slot is taken: the launch is set aside until one is free.
    pub(super) async fn hold_launch(&self, claim: &Claim, attempt: &Attempt, on: &HostSelector) -> Result<(), NotDone> {
        let on = attempt.handed.as_ref().map_or_else(|| on.clone(), |handed| HostSelector::Name(handed.host.clone()));
        let now = self.parts().clock.now();
        if !self.parts().store.hold(claim.clone(), &on, now).await? {
            self.wake(&[(WorkClass::Launch, now)]);
        }
        Ok(())
    }

    /// Look now and then for held launches that no end of an attempt lets go: hosts were added, changed or removed.
    pub(super) async fn watch_held(self) {
        let mut stop = self.0.stop.subscribe();
        while !*stop.borrow_and_update() {
            let now = self.parts().clock.now();
            match self.parts().store.release_held(now).await {
                Ok(0) => {}
                Ok(_) => self.wake(&[(WorkClass::Launch, now)]),
                Err(error) => tracing::warn!(%error, "held launches could not be looked at"),
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(limits::HELD_CHECK_MS)) => {}
                _ = stop.changed() => {}
            }
        }
    }
}
