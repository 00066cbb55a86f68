//! Flows: drafts, releases, bundles.

use crate::error::StoreError;
use crate::model::{DraftPush, FlowRow, ReleaseRow};
use crate::sql::sqlite;
use rusqlite::{Connection, OptionalExtension, Row, params};
use sortie_core::ids::Ms;

fn read(row: &Row<'_>) -> rusqlite::Result<FlowRow> {
    Ok(FlowRow {
        name: row.get(0)?,
        draft: row.get(1)?,
        draft_at: row.get(2)?,
        live: row.get(3)?,
        live_digest: row.get(4)?,
        manifest: row.get(5)?,
    })
}

fn read_release(row: &Row<'_>) -> rusqlite::Result<ReleaseRow> {
    Ok(ReleaseRow {
        flow: row.get(0)?,
        number: row.get(1)?,
        digest: row.get(2)?,
        manifest: row.get(3)?,
        notes: row.get(4)?,
        actor: row.get(5)?,
        at: row.get(6)?,
        live: row.get(7)?,
    })
}

/// Write the draft.
pub(super) fn push(db: &Connection, push: &DraftPush) -> Result<FlowRow, StoreError> {
    let present = get(db, &push.flow)?;
    let stands = present.as_ref().and_then(|flow| flow.draft.as_ref().or(flow.live_digest.as_ref()));
    if stands == Some(&push.digest)
        && let Some(flow) = present
    {
        return Ok(flow);
    }
    if !push.force && stands != push.base.as_ref() {
        return Err(StoreError::Conflict(match stands {
            Some(digest) => format!("the draft of {} is {digest} now, and this edit did not start from it", push.flow),
            None => format!("there is no flow {} that this edit could have started from", push.flow),
        }));
    }
    db.prepare_cached(sqlite!("bundle", "insert"))?.execute(params![push.digest, push.bundle])?;
    db.prepare_cached(sqlite!("flow", "insert"))?.execute([&push.flow])?;
    db.prepare_cached(sqlite!("draft", "put"))?.execute(params![push.flow, push.digest, push.manifest, push.actor, push.at])?;
    found(get(db, &push.flow)?, &push.flow)
}

/// Make the draft the next release, and live.
pub(super) fn release(db: &Connection, flow: &str, notes: &str, actor: &str, at: Ms) -> Result<ReleaseRow, StoreError> {
    let draft: Option<(String, String)> =
        db.prepare_cached(sqlite!("draft", "get"))?.query_row([flow], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let (digest, manifest) = draft.ok_or_else(|| StoreError::NotFound(format!("draft of {flow}")))?;
    let newest: Option<(u32, String)> =
        db.prepare_cached(sqlite!("release", "newest"))?.query_row([flow], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let number = match newest {
        Some((number, released)) if released == digest => number,
        newest => {
            let number = newest.map_or(0, |(number, _)| number) + 1;
            db.prepare_cached(sqlite!("release", "insert"))?.execute(params![flow, number, digest, manifest, notes, actor, at])?;
            number
        }
    };
    db.prepare_cached(sqlite!("flow", "set_live"))?.execute(params![flow, number])?;
    Ok(db.prepare_cached(sqlite!("release", "get"))?.query_row(params![flow, number], read_release)?)
}

/// One release.
pub(super) fn one_release(db: &Connection, flow: &str, number: u32) -> rusqlite::Result<Option<ReleaseRow>> {
    db.prepare_cached(sqlite!("release", "get"))?.query_row(params![flow, number], read_release).optional()
}

fn found(flow: Option<FlowRow>, name: &str) -> Result<FlowRow, StoreError> {
    flow.ok_or_else(|| StoreError::NotFound(format!("flow {name}")))
}

/// One flow.
pub(super) fn get(db: &Connection, name: &str) -> rusqlite::Result<Option<FlowRow>> {
    db.prepare_cached(sqlite!("flow", "get"))?.query_row([name], read).optional()
}

/// All flows by name.
pub(super) fn all(db: &Connection) -> rusqlite::Result<Vec<FlowRow>> {
    db.prepare_cached(sqlite!("flow", "all"))?.query_map([], read)?.collect()
}

/// Releases of a flow, newest first.
pub(super) fn releases(db: &Connection, flow: &str) -> rusqlite::Result<Vec<ReleaseRow>> {
    db.prepare_cached(sqlite!("release", "of_flow"))?.query_map([flow], read_release)?.collect()
}

/// Files of a bundle.
pub(super) fn bundle(db: &Connection, digest: &str) -> rusqlite::Result<Option<String>> {
    db.prepare_cached(sqlite!("bundle", "get"))?.query_row([digest], |row| row.get(0)).optional()
}
