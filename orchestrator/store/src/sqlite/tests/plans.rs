//! No statement scans a table that grows.

use crate::sqlite::open;
use rusqlite::Connection;

/// Every file of statements, with the table it is named after.
const FILES: [(&str, &str); 16] = [
    ("attempt", include_str!("../../../sql/sqlite/attempt.sql")),
    ("beat", include_str!("../../../sql/sqlite/beat.sql")),
    ("bundle", include_str!("../../../sql/sqlite/bundle.sql")),
    ("callback", include_str!("../../../sql/sqlite/callback.sql")),
    ("draft", include_str!("../../../sql/sqlite/draft.sql")),
    ("due", include_str!("../../../sql/sqlite/due.sql")),
    ("event", include_str!("../../../sql/sqlite/event.sql")),
    ("flow", include_str!("../../../sql/sqlite/flow.sql")),
    ("host", include_str!("../../../sql/sqlite/host.sql")),
    ("idempotency", include_str!("../../../sql/sqlite/idempotency.sql")),
    ("installation", include_str!("../../../sql/sqlite/installation.sql")),
    ("migration", include_str!("../../../sql/sqlite/migration.sql")),
    ("release", include_str!("../../../sql/sqlite/release.sql")),
    ("run", include_str!("../../../sql/sqlite/run.sql")),
    ("run_count", include_str!("../../../sql/sqlite/run_count.sql")),
    ("step", include_str!("../../../sql/sqlite/step.sql")),
];

const GROWING: [&str; 7] = ["run", "step", "attempt", "event", "due", "callback", "beat"];

/// Lines of the plan that read a growing table from end to end.
fn scans(db: &Connection, statement: &str) -> Vec<String> {
    let mut plan = db.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).unwrap();
    let parameters = vec![rusqlite::types::Null; plan.parameter_count()];
    let lines: Vec<String> =
        plan.query_map(rusqlite::params_from_iter(parameters), |row| row.get(3)).unwrap().collect::<Result<_, _>>().unwrap();
    lines
        .into_iter()
        .filter(|line| line.strip_prefix("SCAN ").is_some_and(|rest| GROWING.contains(&rest.split(' ').next().unwrap())))
        .collect()
}

#[test]
fn no_statement_scans_a_table_that_grows() {
    let folder = tempfile::tempdir().unwrap();
    let opened = open::open(&folder.path().join("sortie.db"), &crate::sqlite::Settings::default()).unwrap();
    let mut seen = 0;
    for (table, text) in FILES {
        for statement in text.split("-- name: ").skip(1) {
            let (name, sql) = statement.split_once('\n').unwrap();
            seen += 1;
            assert_eq!(scans(&opened.writer, sql), Vec::<String>::new(), "{table}.{name}");
        }
    }
    assert!(seen > 60, "the files were read: {seen}");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/sql/sqlite");
    let files = std::fs::read_dir(folder).unwrap().filter(|entry| entry.as_ref().unwrap().path().extension().is_some()).count();
    assert_eq!(files, FILES.len() + 1, "every file but `connection.sql` is in the list");
    assert!(!scans(&opened.writer, "SELECT * FROM run WHERE calls = 1").is_empty(), "a scan is seen");
}
