//! Signs of life.

use super::attempt;
use super::codec::{Id, bad, json, to_json};
use super::run::RunNo;
use crate::error::StoreError;
use crate::model::{Beat, BeatKind, BeatReply};
use crate::sql::sqlite;
use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Connection, params};
use serde_json::Value;
use sortie_core::evaluation::Reports;
use sortie_core::ids::{AttemptId, Ms};
use std::collections::BTreeMap;

/// Keep a sign of life of an attempt that is not over, if it is newer than the kept one.
pub(super) fn keep(db: &Connection, beat: &Beat) -> Result<BeatReply, StoreError> {
    let Some(attempt) = attempt::standing(db, &beat.attempt)? else {
        return Ok(BeatReply { state: None, stop: None, believed_boot: None });
    };
    let mut kept = 1;
    if !attempt.state.is_over() {
        kept = db.prepare_cached(sqlite!("beat", "put"))?.execute(params![
            attempt.run_no,
            attempt.fence,
            beat.kind as u8,
            beat.seq,
            beat.at,
            beat.skew_ms,
            to_json(&beat.data)?
        ])?;
    }
    let believed_boot = if kept == 0 { other_boot(db, &attempt, beat)? } else { None };
    Ok(BeatReply { state: Some(attempt.state), stop: attempt.stopping, believed_boot })
}

/// The boot id of the heartbeats that are believed, where this one is of another machine.
fn other_boot(db: &Connection, attempt: &attempt::Standing, beat: &Beat) -> rusqlite::Result<Option<String>> {
    let Some(said) = beat.data.get("boot_id").and_then(serde_json::Value::as_str).filter(|_| beat.kind == BeatKind::Heartbeat) else {
        return Ok(None);
    };
    let believed: Option<String> =
        db.prepare_cached(sqlite!("beat", "boot"))?.query_row(params![attempt.run_no, attempt.fence], |row| row.get(0))?;
    Ok(believed.filter(|believed| believed != said))
}

/// Time of the newest sign of life of an attempt.
pub(super) fn last_seen(db: &Connection, run_no: RunNo, fence: u64) -> rusqlite::Result<Option<Ms>> {
    db.prepare_cached(sqlite!("beat", "last_seen"))?.query_row(params![run_no, fence], |row| row.get(0))
}

/// The newest sign of life of each attempt of a run.
pub(super) fn of_run(db: &Connection, run_no: RunNo) -> rusqlite::Result<BTreeMap<AttemptId, Beat>> {
    db.prepare_cached(sqlite!("beat", "of_run"))?
        .query_map([run_no], |row| {
            let attempt = AttemptId::at(row, 0)?;
            let beat = Beat {
                attempt: attempt.clone(),
                seq: row.get(1)?,
                at: row.get(2)?,
                skew_ms: row.get(3)?,
                data: json(row, 4)?,
                kind: BeatKind::of(row.get(5)?).ok_or_else(|| bad(5, Type::Integer, FromSqlError::InvalidType))?,
            };
            Ok((attempt, beat))
        })?
        .collect()
}

/// The last progress of each attempt of a run that has reported any.
pub(super) fn progress(db: &Connection, run_no: RunNo) -> rusqlite::Result<BTreeMap<AttemptId, Value>> {
    db.prepare_cached(sqlite!("beat", "progress"))?.query_map([run_no], |row| Ok((AttemptId::at(row, 0)?, json(row, 1)?)))?.collect()
}

/// What the jobs of a run have reported, by call: the newest attempt that has said something counts.
pub(super) fn reports(db: &Connection, run_no: RunNo) -> rusqlite::Result<BTreeMap<u32, Reports>> {
    let mut reports: BTreeMap<u32, Reports> = BTreeMap::new();
    let mut statement = db.prepare_cached(sqlite!("beat", "reports"))?;
    let mut rows = statement.query([run_no])?;
    while let Some(row) = rows.next()? {
        let of_call = reports.entry(row.get(0)?).or_default();
        match BeatKind::of(row.get(1)?) {
            Some(BeatKind::Progress) => of_call.progress = Some(json(row, 2)?),
            Some(BeatKind::Checkpoint) => of_call.checkpoint = Some(json(row, 2)?),
            _ => {}
        }
    }
    Ok(reports)
}
