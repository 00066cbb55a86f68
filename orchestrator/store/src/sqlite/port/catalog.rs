//! Hosts, flows and their releases.

use crate::model::{DraftPush, FlowRow, ReleaseRow};
use crate::port::{Catalog, Fut};
use crate::sqlite::{SqliteStore, flow, host};
use sortie_core::host::Host;

impl Catalog for SqliteStore {
    fn add_host(&self, host: Host) -> Fut<'_, ()> {
        self.write(move |db| host::add(db, &host))
    }

    fn put_host(&self, host: Host) -> Fut<'_, ()> {
        self.write(move |db| host::put(db, &host))
    }

    fn host(&self, name: &str) -> Fut<'_, Option<Host>> {
        let name = name.to_owned();
        self.look(move |db| Ok(host::get(db, &name)?))
    }

    fn hosts(&self) -> Fut<'_, Vec<Host>> {
        self.read(|db| Ok(host::all(db)?))
    }

    fn remove_host(&self, name: &str) -> Fut<'_, bool> {
        let name = name.to_owned();
        self.write(move |db| host::remove(db, &name))
    }

    fn push_draft(&self, push: DraftPush) -> Fut<'_, FlowRow> {
        self.write(move |db| flow::push(db, &push))
    }

    fn flow(&self, name: &str) -> Fut<'_, Option<FlowRow>> {
        let name = name.to_owned();
        self.read(move |db| Ok(flow::get(db, &name)?))
    }

    fn flows(&self) -> Fut<'_, Vec<FlowRow>> {
        self.read(|db| Ok(flow::all(db)?))
    }

    fn releases(&self, flow: &str) -> Fut<'_, Vec<ReleaseRow>> {
        let flow = flow.to_owned();
        self.read(move |db| Ok(flow::releases(db, &flow)?))
    }

    fn bundle(&self, digest: &str) -> Fut<'_, Option<String>> {
        let digest = digest.to_owned();
        self.read(move |db| Ok(flow::bundle(db, &digest)?))
    }
}
