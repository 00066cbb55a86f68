//! Callbacks that were remembered.

use super::run::RunNo;
use crate::limits;
use crate::model::CallbackRow;
use crate::sql::sqlite;
use rusqlite::{Connection, OptionalExtension, params};
use sortie_core::decide::CallbackRecord;
use sortie_core::limits::KEPT_CALLBACKS;
use sortie_core::view::PriorCallback;

/// Remember a callback; its id is remembered as long as the run (I21), its body only while there are few of its subject.
pub(super) fn remember(db: &Connection, run_no: RunNo, seq: u64, record: &CallbackRecord, body: Option<&[u8]>) -> rusqlite::Result<()> {
    let body = match body {
        Some(body) if kept(db, run_no, &record.subject)? < KEPT_CALLBACKS => Some(body),
        _ => None,
    };
    db.prepare_cached(sqlite!("callback", "insert"))?
        .execute(params![run_no, record.subject, record.id, record.digest, record.outcome.as_str(), record.at, seq, body])
        .map(drop)
}

/// Bodies that are kept of a subject, counted up to the limit.
fn kept(db: &Connection, run_no: RunNo, subject: &str) -> rusqlite::Result<u32> {
    db.prepare_cached(sqlite!("callback", "kept"))?.query_row(params![run_no, subject, KEPT_CALLBACKS], |row| row.get(0))
}

/// The callback of this id, where there was one.
pub(super) fn prior(db: &Connection, run_no: RunNo, subject: &str, id: &str) -> rusqlite::Result<Option<PriorCallback>> {
    db.prepare_cached(sqlite!("callback", "prior"))?
        .query_row(params![run_no, subject, id], |row| Ok(PriorCallback { digest: row.get(0)?, outcome: row.get(1)?, at: row.get(2)? }))
        .optional()
}

/// Callbacks of a run, oldest first.
pub(super) fn of_run(db: &Connection, run_no: RunNo) -> rusqlite::Result<Vec<CallbackRow>> {
    db.prepare_cached(sqlite!("callback", "of_run"))?
        .query_map(params![run_no, limits::CALLBACKS_PAGE], |row| {
            Ok(CallbackRow {
                subject: row.get(0)?,
                id: row.get(1)?,
                digest: row.get(2)?,
                outcome: row.get(3)?,
                at: row.get(4)?,
                body: row.get(5)?,
            })
        })?
        .collect()
}
