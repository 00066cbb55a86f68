//! Workers that come and ask for work.

use crate::error::StoreError;
use crate::model::workers::WorkerRow;
use crate::port::{Fut, Workers};
use crate::sql::sqlite;
use crate::sqlite::codec::{json, to_json};
use crate::sqlite::{SqliteStore, host};
use rusqlite::{OptionalExtension, Row, params};
use sortie_core::host::Host;
use sortie_core::ids::Ms;

impl Workers for SqliteStore {
    fn add_worker(&self, added: Host, digest: &str, at: Ms) -> Fut<'_, ()> {
        let digest = digest.to_owned();
        self.write(move |db| {
            host::add(db, &added)?;
            let params = params![added.name, digest, at, to_json(&added.labels)?];
            let rows = db.prepare_cached(sqlite!("worker", "insert"))?.execute(params)?;
            if rows == 1 { Ok(()) } else { Err(StoreError::Conflict(format!("there is a worker {} already", added.name))) }
        })
    }

    fn put_worker_token(&self, name: &str, digest: &str, at: Ms) -> Fut<'_, bool> {
        let (name, digest) = (name.to_owned(), digest.to_owned());
        self.write(move |db| Ok(db.prepare_cached(sqlite!("worker", "token"))?.execute(params![name, digest, at])? == 1))
    }

    fn take_worker(&self, taken: Host, instance: &str, at: Ms) -> Fut<'_, u64> {
        let instance = instance.to_owned();
        self.write(move |db| {
            host::put(db, &taken)?;
            let mut take = db.prepare_cached(sqlite!("worker", "take"))?;
            let fence = take.query_row(params![taken.name, instance, at], |row| row.get(0)).optional()?;
            fence.ok_or_else(|| StoreError::NotFound(format!("worker {}", taken.name)))
        })
    }

    fn worker_by_digest(&self, digest: &str) -> Fut<'_, Option<WorkerRow>> {
        let digest = digest.to_owned();
        self.look(move |db| Ok(db.prepare_cached(sqlite!("worker", "by_digest"))?.query_row([digest], worker_row).optional()?))
    }

    fn workers(&self) -> Fut<'_, Vec<WorkerRow>> {
        self.read(|db| Ok(db.prepare_cached(sqlite!("worker", "all"))?.query_map([], worker_row)?.collect::<Result<_, _>>()?))
    }
}

fn worker_row(row: &Row<'_>) -> rusqlite::Result<WorkerRow> {
    Ok(WorkerRow {
        name: row.get(0)?,
        digest: row.get(1)?,
        fence: row.get(2)?,
        instance: row.get(3)?,
        seen_at: row.get(4)?,
        token_at: row.get(5)?,
        labels: json(row, 6)?,
    })
}
