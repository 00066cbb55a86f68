//! The journal.

use super::codec::bad;
use super::run::RunNo;
use crate::sql::sqlite;
use rusqlite::types::Type;
use rusqlite::{Connection, Error, OptionalExtension, Row, params};
use sortie_core::event::{Event, EventBody};

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

/// Append events.
pub(super) fn append(db: &Connection, run_no: RunNo, events: &[Event]) -> rusqlite::Result<()> {
    let mut insert = db.prepare_cached(sqlite!("event", "insert"))?;
    for event in events {
        insert.execute(params![run_no, event.seq, event.at, event.body.kind(), data(&event.body)?])?;
    }
    Ok(())
}

/// Events above `after`.
pub(super) fn after(db: &Connection, run_no: RunNo, after: u64, limit: usize) -> rusqlite::Result<Vec<Event>> {
    db.prepare_cached(sqlite!("event", "after"))?.query_map(params![run_no, after, limit], read)?.collect()
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
        assert!(sqlite!("event", "replayed").contains(&format!("kind IN ({kinds})")));
    }

    #[test]
    fn data_is_the_body_without_its_tag() {
        assert_eq!(data(&EventBody::RunStarted { deadline_at: None }).unwrap(), "{}");
        assert_eq!(data(&EventBody::StepCompleted { call: 1, value: "{".into(), digest: None }).unwrap(), r#"{"call":1,"value":"{"}"#);
    }
}
