//! Lists of runs, and their numbers.

use super::{RunNo, number, read};
use crate::error::StoreError;
use crate::limits;
use crate::model::{FailureCount, RunCount, RunFilter, RunRow};
use crate::sql::sqlite;
use crate::sqlite::codec::Id;
use rusqlite::{Connection, OptionalExtension, params};
use sortie_core::failure::FailureKind;
use sortie_core::ids::{Ms, RunId};
use sortie_core::state::RunState;

/// A page of a list, newest first. The rarest of what is asked for is searched, the rest is looked at.
pub(in crate::sqlite) fn page(db: &Connection, filter: &RunFilter) -> Result<Vec<RunRow>, StoreError> {
    let before = match &filter.before {
        Some(id) => number(db, id)?.ok_or_else(|| StoreError::NotFound(format!("run {id}")))?,
        None => RunNo::MAX,
    };
    let after = match filter.since {
        // A failure is later than its run.
        Some(since) if filter.failure.is_none() => first_since(db, since)? - 1,
        _ => RunNo::MIN,
    };
    let state = filter.state.as_deref();
    let by_hand = filter.trigger.as_deref() == Some("manual");
    let trigger = filter.trigger.as_deref().filter(|_| !by_hand);
    let statement = match (state, filter) {
        (_, RunFilter { parent: Some(_), .. }) => sqlite!("run", "page_of_parent"),
        _ if trigger.is_some() => sqlite!("run", "page_of_start"),
        (_, RunFilter { failure: Some(_), .. }) => sqlite!("run", "page_of_failure"),
        (Some("waiting"), _) => sqlite!("run", "page_of_waiting"),
        (Some("running"), _) => sqlite!("run", "page_of_ready"),
        (Some(_), _) => sqlite!("run", "page_of_state"),
        (None, RunFilter { flow: Some(_), .. }) => sqlite!("run", "page_of_flow"),
        (None, _) => sqlite!("run", "page"),
    };
    let rows = db
        .prepare_cached(statement)?
        .query_map(
            params![
                before,
                filter.limit.min(limits::RUNS_PAGE),
                after,
                filter.flow,
                state,
                filter.failure.map(|kind| kind.as_str()),
                filter.since,
                trigger,
                // The kinds of trigger are words, and what follows one begins with a colon, whose successor is the semicolon.
                trigger.map(|trigger| format!("{trigger};")),
                by_hand.then_some(1),
                filter.parent.as_ref().map(Id::blob),
            ],
            |row| Ok(RunRow { head: read(row)?.1 }),
        )?
        .collect::<rusqlite::Result<_>>()?;
    Ok(rows)
}

/// The number of the first run that was made at this time or later. Times of creation follow the numbers but for the small
/// steps of a clock that is set back, which [`limits::CLOCK_SLACK_MS`] covers; imported runs have no time of their own here.
fn first_since(db: &Connection, since: Ms) -> rusqlite::Result<RunNo> {
    let since = since.saturating_sub(limits::CLOCK_SLACK_MS);
    let newest: Option<RunNo> = db.prepare_cached(sqlite!("run", "newest"))?.query_row([], |row| row.get(0))?;
    let (mut low, mut high) = (1, newest.unwrap_or(0).max(0) + 1);
    let mut look = db.prepare_cached(sqlite!("run", "at_or_after"))?;
    while low < high {
        let middle = low + (high - low) / 2;
        let found: Option<(RunNo, Ms)> = look.query_row([middle], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        match found {
            Some((run_no, at)) if at < since => low = run_no + 1,
            _ => high = middle,
        }
    }
    Ok(low)
}

/// Number of runs by flow and shown state.
pub(in crate::sqlite) fn counts(db: &Connection) -> rusqlite::Result<Vec<RunCount>> {
    db.prepare_cached(sqlite!("run_count", "all"))?
        .query_map([], |row| Ok(RunCount { flow: row.get(0)?, state: row.get(1)?, runs: row.get(2)? }))?
        .collect()
}

/// Runs that failed since a time, by kind and flow.
pub(in crate::sqlite) fn failure_counts(db: &Connection, since: Ms) -> rusqlite::Result<Vec<FailureCount>> {
    let mut statement = db.prepare_cached(sqlite!("run", "failures"))?;
    let mut counts = Vec::new();
    for kind in FailureKind::ALL.iter().copied() {
        let rows =
            statement.query_map(params![kind.as_str(), since], |row| Ok(FailureCount { kind, flow: row.get(0)?, runs: row.get(1)? }))?;
        counts.extend(rows.collect::<rusqlite::Result<Vec<_>>>()?);
    }
    Ok(counts)
}

/// Running runs after one, oldest first.
pub(in crate::sqlite) fn sweep(db: &Connection, after: Option<&RunId>, limit: usize) -> Result<Vec<RunId>, StoreError> {
    // One that is gone meanwhile: the sweep begins anew.
    let after = after.map_or(Ok(None), |id| number(db, id))?.unwrap_or(RunNo::MIN);
    let mut statement = db.prepare_cached(sqlite!("run", "sweep"))?;
    let rows = statement.query_map(params![RunState::Running.as_str(), after, limit], |row| RunId::at(row, 0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
