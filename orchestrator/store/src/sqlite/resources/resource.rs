//! Names of kept bytes.

use super::blob;
use crate::error::StoreError;
use crate::model::resources::{Named, ResourceRow};
use crate::sql::sqlite;
use crate::sqlite::run::{self, RunNo};
use rusqlite::{Connection, OptionalExtension, Row, params};
use sortie_core::ids::{Ms, RunId};

fn read(row: &Row<'_>, run: &RunId) -> rusqlite::Result<ResourceRow> {
    Ok(ResourceRow {
        run: run.clone(),
        subject: row.get(0)?,
        name: row.get(1)?,
        call: row.get(2)?,
        media_type: row.get(3)?,
        size: row.get(4)?,
        sha256: row.get(5)?,
        created_at: row.get(6)?,
        expires_at: row.get(7)?,
    })
}

/// Give bytes a name.
pub(in crate::sqlite) fn name(db: &Connection, new: &ResourceRow, total: u64) -> Result<Named, StoreError> {
    let run_no = run::number(db, &new.run)?.ok_or_else(|| StoreError::NotFound(format!("the run {}", new.run)))?;
    if let Some(there) = get(db, run_no, &new.run, &new.subject, &new.name)? {
        return Ok(if there.sha256 == new.sha256 { Named::Same } else { Named::Taken(there) });
    }
    if blob::get(db, &new.sha256)?.is_none() {
        return Err(StoreError::NotFound(format!("the bytes {}", new.sha256)));
    }
    let kept: u64 = db.prepare_cached(sqlite!("resource", "total"))?.query_row([run_no], |row| row.get(0))?;
    if kept.saturating_add(new.size) > total {
        return Ok(Named::OverTotal { kept });
    }
    let ResourceRow { subject, name, call, media_type, size, sha256, created_at, expires_at, .. } = new;
    db.prepare_cached(sqlite!("resource", "insert"))?
        .execute(params![run_no, subject, name, call, media_type, size, sha256, created_at, expires_at])?;
    Ok(Named::New)
}

/// What a name stands for.
pub(in crate::sqlite) fn get(
    db: &Connection,
    run_no: RunNo,
    run: &RunId,
    subject: &str,
    name: &str,
) -> rusqlite::Result<Option<ResourceRow>> {
    db.prepare_cached(sqlite!("resource", "get"))?.query_row(params![run_no, subject, name], |row| read(row, run)).optional()
}

/// Forget one name.
pub(in crate::sqlite) fn unname(db: &Connection, run_no: RunNo, subject: &str, name: &str) -> rusqlite::Result<bool> {
    Ok(db.prepare_cached(sqlite!("resource", "unname"))?.execute(params![run_no, subject, name])? == 1)
}

/// Everything of one attempt or call.
pub(in crate::sqlite) fn of_subject(db: &Connection, run_no: RunNo, run: &RunId, subject: &str) -> rusqlite::Result<Vec<ResourceRow>> {
    db.prepare_cached(sqlite!("resource", "of_subject"))?.query_map(params![run_no, subject], |row| read(row, run))?.collect()
}

/// A page of a run.
pub(in crate::sqlite) fn page(
    db: &Connection,
    run_no: RunNo,
    run: &RunId,
    after: &(String, String),
    limit: usize,
) -> rusqlite::Result<Vec<ResourceRow>> {
    db.prepare_cached(sqlite!("resource", "page"))?.query_map(params![run_no, after.0, after.1, limit], |row| read(row, run))?.collect()
}

/// Forget names whose time is over.
pub(in crate::sqlite) fn expire(db: &Connection, now: Ms, limit: usize) -> rusqlite::Result<usize> {
    db.prepare_cached(sqlite!("resource", "expire"))?.execute(params![now, limit])
}
