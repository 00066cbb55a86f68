//! The port, method by method: which of them read, which write.

mod catalog;
mod engine;
mod hosts;
mod logs;
mod operations;
mod reads;
mod resources;
mod triggers;
mod vault;
mod workers;

use super::{SqliteStore, backup, idempotency, installation, run};
use crate::error::StoreError;
use crate::model::{IdempotentAnswer, Installation};
use crate::port::{Fut, Store};
use rusqlite::Connection;
use sortie_core::ids::{Ms, RunId};
use std::path::Path;

impl SqliteStore {
    /// Read rows of a run; of an unknown run there are none.
    fn read_of<T, W>(&self, id: &RunId, work: W) -> Fut<'_, T>
    where
        W: FnOnce(&Connection, run::RunNo) -> Result<T, StoreError> + Send + 'static,
        T: Default + Send + 'static,
    {
        let id = id.clone();
        self.read(move |db| run::number(db, &id)?.map_or_else(|| Ok(T::default()), |run_no| work(db, run_no)))
    }
}

impl Store for SqliteStore {
    fn installation(&self) -> Fut<'_, Installation> {
        Box::pin(async { Ok(self.installation.clone()) })
    }

    fn given_up(&self) -> Fut<'_, String> {
        let mut dead = self.dead.clone();
        Box::pin(async move {
            let why = dead.wait_for(Option::is_some).await.ok().and_then(|why| why.clone());
            match why {
                Some(why) => Ok(why),
                // Closed in good order.
                None => std::future::pending().await,
            }
        })
    }

    fn writable(&self) -> Fut<'_, ()> {
        self.write(|db| {
            // A fence that nobody gets: fences only have to rise.
            installation::next_fences(db, 1)?;
            Ok(())
        })
    }

    fn idempotent(&self, key: &str, request_digest: &str) -> Fut<'_, Option<IdempotentAnswer>> {
        let (key, digest) = (key.to_owned(), request_digest.to_owned());
        self.read(move |db| idempotency::get(db, &key, &digest))
    }

    fn remember(&self, key: &str, request_digest: &str, answer: IdempotentAnswer, at: Ms) -> Fut<'_, IdempotentAnswer> {
        let (key, digest) = (key.to_owned(), request_digest.to_owned());
        self.write(move |db| idempotency::remember(db, &key, &digest, &answer, at))
    }

    fn backup(&self, to: &Path) -> Fut<'_, ()> {
        let to = to.to_owned();
        self.read(move |db| backup::to_file(db, &to))
    }

    fn close(&self) -> Fut<'_, ()> {
        Box::pin(self.shut())
    }
}
