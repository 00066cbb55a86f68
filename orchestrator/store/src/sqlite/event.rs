//! The journal.

use super::codec::bad;
use super::run::{self, RunNo};
use crate::chain::{self, Chain};
use crate::error::StoreError;
use crate::sql::sqlite;
use rusqlite::types::Type;
use rusqlite::{Connection, Error, OptionalExtension, Row, params};
use sortie_core::event::{Event, EventBody};
use sortie_core::ids::RunId;

/// Kind and data are columns of their own; together they are the tagged JSON of the body.
fn read(row: &Row<'_>) -> rusqlite::Result<Event> {
    let column = |index| row.get_ref(index)?.as_str().map_err(|e| bad(index, Type::Text, e));
    let tagged = format!("{{\"{}\":{}}}", column(2)?, column(3)?);
    let body: EventBody = serde_json::from_str(&tagged).map_err(|e| bad(3, Type::Text, e))?;
    Ok(Event { seq: row.get(0)?, at: row.get(1)?, body })
}

/// The JSON of a body without its tag.
fn data(body: &EventBody) -> rusqlite::Result<String> {
    let mut tagged = serde_json::to_string(body).map_err(|e| Error::ToSqlConversionFailure(Box::new(e)))?;
    tagged.pop();
    tagged.drain(..body.kind().len() + r#"{"":"#.len());
    Ok(tagged)
}

/// Events as they are stored, with the digest over all events up to them.
pub(super) struct Prepared<'a> {
    rows: Vec<(&'a Event, String)>,
    /// The digest after the last one; none where there is no event.
    pub chain: Option<Chain>,
}

/// Make events ready to be appended to those of a run.
pub(super) fn prepare<'a>(db: &Connection, id: &RunId, run_no: Option<RunNo>, events: &'a [Event]) -> rusqlite::Result<Prepared<'a>> {
    let Some(first) = events.first() else { return Ok(Prepared { rows: Vec::new(), chain: None }) };
    let mut chain = match run_no {
        Some(run_no) => stored_chain(db, id, run_no, first.seq - 1)?,
        None => chain::start(id),
    };
    let mut rows = Vec::with_capacity(events.len());
    for event in events {
        let data = data(&event.body)?;
        chain = chain::next(&chain, event.seq, event.at, event.body.kind(), &data);
        rows.push((event, data));
    }
    Ok(Prepared { rows, chain: Some(chain) })
}

/// The digest that is stored with a run. A run of the first schema has none yet: then it is made of its events.
fn stored_chain(db: &Connection, id: &RunId, run_no: RunNo, seq: u64) -> rusqlite::Result<Chain> {
    let stored: Option<Chain> = db.prepare_cached(sqlite!("run", "chain"))?.query_row([run_no], |row| row.get(0))?;
    stored.map_or_else(|| chain_of(db, id, run_no, seq), Ok)
}

/// The digest over the events of a run as they are stored.
pub(super) fn chain_of(db: &Connection, id: &RunId, run_no: RunNo, seq: u64) -> rusqlite::Result<Chain> {
    let mut chain = chain::start(id);
    let mut statement = db.prepare_cached(sqlite!("event", "raw"))?;
    let mut rows = statement.query(params![run_no, seq])?;
    while let Some(row) = rows.next()? {
        let text = |column| row.get_ref(column)?.as_str().map_err(|e| bad(column, Type::Text, e));
        chain = chain::next(&chain, row.get(0)?, row.get(1)?, text(2)?, text(3)?);
    }
    Ok(chain)
}

/// The digest over the events of a run, where it is the stored one or there is none yet.
pub(super) fn verify(db: &Connection, id: &RunId, run_no: RunNo) -> Result<Option<String>, StoreError> {
    let (_, head) = run::by_number(db, run_no)?;
    let stored: Option<Chain> = db.prepare_cached(sqlite!("run", "chain"))?.query_row([run_no], |row| row.get(0))?;
    let made = chain_of(db, id, run_no, head.seq)?;
    match stored {
        Some(stored) if stored != made => Err(StoreError::Unusable(format!("the events of {id} are not those that were appended"))),
        _ => Ok(Some(chain::hex(&made))),
    }
}

/// Append events that were made ready.
pub(super) fn append(db: &Connection, run_no: RunNo, prepared: &Prepared<'_>) -> rusqlite::Result<()> {
    let mut insert = db.prepare_cached(sqlite!("event", "insert"))?;
    for (event, data) in &prepared.rows {
        insert.execute(params![run_no, event.seq, event.at, event.body.kind(), data])?;
    }
    Ok(())
}

/// Events above `after`.
pub(super) fn after(db: &Connection, run_no: RunNo, after: u64, limit: usize) -> rusqlite::Result<Vec<Event>> {
    db.prepare_cached(sqlite!("event", "after"))?.query_map(params![run_no, after, limit], read)?.collect()
}

/// Events above `after`, up to and with `until`.
pub(super) fn range(db: &Connection, run_no: RunNo, after: u64, until: u64, limit: usize) -> rusqlite::Result<Vec<Event>> {
    db.prepare_cached(sqlite!("event", "range"))?.query_map(params![run_no, after, until, limit], read)?.collect()
}

/// One event.
pub(super) fn get(db: &Connection, run_no: RunNo, seq: u64) -> rusqlite::Result<Option<Event>> {
    db.prepare_cached(sqlite!("event", "get"))?.query_row(params![run_no, seq], read).optional()
}

/// Events that replay needs, up to and with `seq`.
pub(super) fn replayed(db: &Connection, run_no: RunNo, seq: u64) -> rusqlite::Result<Vec<Event>> {
    db.prepare_cached(sqlite!("event", "replayed"))?.query_map(params![run_no, seq], read)?.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statement_names_exactly_the_kinds_that_replay_needs() {
        let kinds = EventBody::REPLAYED.map(|kind| format!("'{kind}'")).join(", ");
        assert!(sqlite!("event", "replayed").contains(&format!("kind IN ({kinds})")), "{kinds}");
    }

    #[test]
    fn data_is_the_body_without_its_tag() {
        assert_eq!(data(&EventBody::RunStarted { deadline_at: None }).unwrap(), "{}");
        assert_eq!(data(&EventBody::StepCompleted { call: 1, value: "{".into(), digest: None }).unwrap(), r#"{"call":1,"value":"{"}"#);
    }
}
