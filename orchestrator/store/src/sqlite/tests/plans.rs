//! No statement scans a table that grows.

use crate::sqlite::open;
use rusqlite::Connection;

/// Tables that hold a few rows each installation, or one row. Every other table grows with the runs.
const SMALL: [&str; 16] = [
    "operator",
    "worker",
    "secret",
    "outbound_connection",
    "installation",
    "migration",
    "run_count",
    "host",
    "host_health",
    "bundle",
    "flow",
    "draft",
    "release",
    "schedule",
    "sqlite_schema",
    "pragma_quick_check",
];

/// Lines of the plan that read a growing table from end to end.
fn scans(db: &Connection, statement: &str) -> Vec<String> {
    let mut plan = db.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).unwrap();
    let parameters = vec![rusqlite::types::Null; plan.parameter_count()];
    let lines: Vec<String> =
        plan.query_map(rusqlite::params_from_iter(parameters), |row| row.get(3)).unwrap().collect::<Result<_, _>>().unwrap();
    let harmless = |name: &str| {
        let named_in_it =
            statement.contains("WITH ") && statement.contains(&format!("{name} (")) || statement.contains(&format!(") AS {name}"));
        name == "CONSTANT" || name.starts_with('(') || SMALL.contains(&name) || named_in_it
    };
    lines.into_iter().filter(|line| line.strip_prefix("SCAN ").is_some_and(|rest| !harmless(rest.split(' ').next().unwrap()))).collect()
}

#[test]
fn no_statement_scans_a_table_that_grows() {
    let folder = tempfile::tempdir().unwrap();
    let opened = open::open(&folder.path().join("sortie.db"), &crate::sqlite::Settings::default()).unwrap();
    let mut seen = 0;
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/sqlite")).unwrap() {
        let path = entry.unwrap().path();
        let table = path.file_stem().unwrap().to_str().unwrap();
        if path.extension().is_none() || table == "connection" {
            continue;
        }
        for statement in std::fs::read_to_string(&path).unwrap().split("-- name: ").skip(1) {
            let (name, sql) = statement.split_once('\n').unwrap();
            seen += 1;
            assert_eq!(scans(&opened.writer, sql), Vec::<String>::new(), "{table}.{name}");
        }
    }
    assert!(seen > 60, "the files were read: {seen}");
    assert!(!scans(&opened.writer, "SELECT * FROM run WHERE calls = 1").is_empty(), "a scan is seen");
}
