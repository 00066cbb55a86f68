//! What is known of hosts besides what operators set.

use crate::model::{HostHealth, OpenAttempt};
use crate::port::{Fut, Hosts};
use crate::sqlite::{SqliteStore, attempt, host};
use std::collections::BTreeMap;

impl Hosts for SqliteStore {
    fn host_health(&self) -> Fut<'_, BTreeMap<String, HostHealth>> {
        self.read(|db| Ok(host::health(db)?))
    }

    fn put_host_health(&self, name: &str, health: HostHealth) -> Fut<'_, ()> {
        let name = name.to_owned();
        self.write(move |db| Ok(host::put_health(db, &name, &health)?))
    }

    fn open_on_host(&self, name: &str) -> Fut<'_, Vec<OpenAttempt>> {
        let name = name.to_owned();
        self.read(move |db| Ok(attempt::of_host(db, &name)?))
    }
}
