//! Deleting a run that is over, with everything of it, in one transaction.

use crate::sql::sqlite;
use crate::sqlite::run;
use rusqlite::Connection;
use sortie_core::ids::RunId;

/// Delete it; false where it is not there, is open, still owes something to a host or to its parent, or is needed by an open run:
/// one that it has started, or one that was forked from it.
pub(in crate::sqlite) fn delete_run(db: &Connection, id: &RunId) -> rusqlite::Result<bool> {
    let Some((run_no, head)) = run::by_id(db, id)? else { return Ok(false) };
    let owes = db.prepare_cached(sqlite!("due", "keys"))?.exists([run_no])?;
    if !head.state.is_over() || owes || run::is_needed(db, id)? {
        return Ok(false);
    }
    // From the leaves to the root: foreign keys hold at each step.
    for statement in [
        sqlite!("beat", "delete_of_run"),
        sqlite!("callback", "delete_of_run"),
        sqlite!("attempt", "delete_of_run"),
        sqlite!("step", "delete_of_run"),
        sqlite!("event", "delete_of_run"),
        sqlite!("run", "delete"),
    ] {
        db.prepare_cached(statement)?.execute([run_no])?;
    }
    db.prepare_cached(sqlite!("run_count", "down"))?.execute([head.flow.as_str(), head.shown_state()])?;
    Ok(true)
}
