//! Deliveries of webhooks.

use crate::model::triggers::HookDelivery;
use crate::sql::sqlite;
use crate::sqlite::codec::Id;
use rusqlite::{Connection, Row, params};
use sortie_core::ids::{Ms, RunId};

fn read(row: &Row<'_>) -> rusqlite::Result<HookDelivery> {
    Ok(HookDelivery {
        flow: row.get(0)?,
        name: row.get(1)?,
        delivery: row.get(2)?,
        digest: row.get(3)?,
        run: RunId::at(row, 4)?,
        at: row.get(5)?,
        body: row.get(6)?,
    })
}

/// Remember a delivery; the one that stands is given.
pub(in crate::sqlite) fn remember(db: &Connection, new: &HookDelivery) -> rusqlite::Result<HookDelivery> {
    db.prepare_cached(sqlite!("hook_delivery", "insert"))?.execute(params![
        new.flow,
        new.name,
        new.delivery,
        new.digest,
        new.run.blob(),
        new.at,
        new.body
    ])?;
    db.prepare_cached(sqlite!("hook_delivery", "get"))?.query_row([&new.flow, &new.name, &new.delivery], read)
}

/// The newest of a webhook.
pub(in crate::sqlite) fn newest(db: &Connection, flow: &str, name: &str, limit: usize) -> rusqlite::Result<Vec<HookDelivery>> {
    db.prepare_cached(sqlite!("hook_delivery", "newest"))?.query_map(params![flow, name, limit], read)?.collect()
}

/// Forget what is older.
pub(in crate::sqlite) fn clean(db: &Connection, before: Ms, limit: usize) -> rusqlite::Result<usize> {
    db.prepare_cached(sqlite!("hook_delivery", "clean"))?.execute(params![before, limit])
}
