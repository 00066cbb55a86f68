//! What is live of a flow: a release with its schedules, in one transaction.

use super::schedule;
use crate::error::StoreError;
use crate::model::ReleaseRow;
use crate::model::triggers::{DraftRow, GoLive, Handoff, LiveRow};
use crate::sql::sqlite;
use crate::sqlite::codec::word;
use crate::sqlite::flow;
use rusqlite::{Connection, OptionalExtension, params};

/// The draft becomes the next release, and live.
pub(in crate::sqlite) fn release_draft(db: &Connection, live: &GoLive, notes: &str) -> Result<ReleaseRow, StoreError> {
    let draft = draft(db, &live.flow)?.ok_or_else(|| StoreError::NotFound(format!("draft of {}", live.flow)))?;
    as_expected(live, &draft.digest)?;
    let release = flow::release(db, &live.flow, notes, &live.actor, live.at)?;
    go_live(db, live, release)
}

/// A release that is there becomes live.
pub(in crate::sqlite) fn promote(db: &Connection, live: &GoLive, number: u32) -> Result<ReleaseRow, StoreError> {
    let release =
        flow::one_release(db, &live.flow, number)?.ok_or_else(|| StoreError::NotFound(format!("release {number} of {}", live.flow)))?;
    as_expected(live, &release.digest)?;
    db.prepare_cached(sqlite!("flow", "set_live"))?.execute(params![live.flow, number])?;
    go_live(db, live, release)
}

/// The caller has read schedules from what it saw: that has to be what stands there.
fn as_expected(live: &GoLive, digest: &str) -> Result<(), StoreError> {
    match &live.expected {
        Some(expected) if expected != digest => {
            Err(StoreError::Conflict(format!("{} has changed meanwhile: it is {digest} now", live.flow)))
        }
        _ => Ok(()),
    }
}

fn go_live(db: &Connection, live: &GoLive, release: ReleaseRow) -> Result<ReleaseRow, StoreError> {
    db.prepare_cached(sqlite!("flow", "set_handoff"))?.execute(params![live.flow, live.handoff.as_str(), live.at])?;
    schedule::replace(db, live, release.number)?;
    Ok(ReleaseRow { live: true, ..release })
}

/// The draft of a flow.
pub(in crate::sqlite) fn draft(db: &Connection, flow: &str) -> rusqlite::Result<Option<DraftRow>> {
    db.prepare_cached(sqlite!("draft", "whole"))?
        .query_row([flow], |row| Ok(DraftRow { digest: row.get(0)?, manifest: row.get(1)?, actor: row.get(2)?, at: row.get(3)? }))
        .optional()
}

/// What is live of a flow.
pub(in crate::sqlite) fn live(db: &Connection, flow: &str) -> rusqlite::Result<Option<LiveRow>> {
    db.prepare_cached(sqlite!("flow", "live"))?
        .query_row([flow], |row| Ok(LiveRow { release: row.get(0)?, handoff: word(row, 1, Handoff::parse)?, since: row.get(2)? }))
        .optional()
}
