//! Which files are opened, how, and what is refused.

use super::fresh;
use crate::conformance::world::World;
use crate::sqlite::SqliteStore;
use crate::{Reads, Store, StoreError};
use rusqlite::Connection;
use serde_json::json;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

fn unusable(path: &Path) -> String {
    match SqliteStore::open(path) {
        Err(StoreError::Unusable(why)) => why,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it was opened"),
    }
}

/// A closed store, and a connection to spoil it with.
async fn closed() -> (tempfile::TempDir, std::path::PathBuf, Connection) {
    let (folder, store) = fresh();
    store.close().await.unwrap();
    let path = folder.path().join("sortie.db");
    let db = Connection::open(&path).unwrap();
    (folder, path, db)
}

#[tokio::test]
async fn a_store_keeps_its_installation() {
    let (folder, store) = fresh();
    let made = store.installation().await.unwrap();
    assert!(made.id.starts_with("inst_") && made.epoch == 1 && made.schema == crate::sqlite::migrate::SCHEMA, "{made:?}");
    store.close().await.unwrap();
    let again = SqliteStore::open(&folder.path().join("sortie.db")).unwrap();
    assert_eq!(again.installation().await.unwrap(), made);
    again.expect_installation(&made.id).unwrap();
}

#[tokio::test]
async fn f023_a_store_of_another_installation_is_refused() {
    let ((_a, one), (_b, other)) = (fresh(), fresh());
    let id = other.installation().await.unwrap().id;
    assert!(matches!(one.expect_installation(&id), Err(StoreError::Unusable(_))));
}

#[tokio::test]
async fn f110_a_second_opening_is_refused_until_the_first_is_closed() {
    let (folder, store) = fresh();
    let path = folder.path().join("sortie.db");
    assert!(matches!(SqliteStore::open(&path), Err(StoreError::Unavailable(_))));
    store.close().await.unwrap();
    SqliteStore::open(&path).unwrap();
}

#[tokio::test]
async fn f113_a_newer_schema_is_refused() {
    let (_folder, path, db) = closed().await;
    db.execute("INSERT INTO migration VALUES (1 + (SELECT max(number) FROM migration), 'later', 'x')", []).unwrap();
    let why = unusable(&path);
    assert!(why.contains("newer"), "{why}");
}

#[tokio::test]
async fn a_changed_migration_is_refused() {
    let (_folder, path, db) = closed().await;
    db.execute("UPDATE migration SET checksum = 'x'", []).unwrap();
    let why = unusable(&path);
    assert!(why.contains("migration 1"), "{why}");
}

#[tokio::test]
async fn a_database_of_another_program_and_no_database_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE cookies (id)").unwrap();
    let why = unusable(&path);
    assert!(why.contains("another program"), "{why}");
    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "not a database, but long enough to have a header of one hundred bytes, which SQLite would read first ...")
        .unwrap();
    unusable(&text);
}

#[tokio::test]
async fn the_files_are_for_their_owner_only() {
    let (folder, store) = fresh();
    World::new(store.clone()).run("build").await;
    let mut seen = 0;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        seen += 1;
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0, "{:?}", entry.file_name());
    }
    assert_eq!(seen, 4, "file, log, shared memory, lock");
}

#[tokio::test]
async fn the_connection_is_as_durable_as_promised() {
    let (_folder, store) = fresh();
    let number = |sql: &'static str| store.write(move |db| Ok(db.query_row(sql, [], |row| row.get::<_, i64>(0))?));
    assert_eq!(number("PRAGMA synchronous").await.unwrap(), 2, "FULL");
    assert_eq!(number("PRAGMA foreign_keys").await.unwrap(), 1);
    assert_eq!(number("PRAGMA mmap_size").await.unwrap(), 0);
    assert!(store.read(|db| Ok(db.execute("DELETE FROM run", [])?)).await.is_err(), "a reader cannot write");
}

#[tokio::test]
async fn a_backup_is_a_store_and_replaces_nothing() {
    let (folder, store) = fresh();
    let world = World::new(store.clone());
    let (run, wait) = world.waiting("ask").await;
    let copy = folder.path().join("copy.db");
    store.backup(&copy).await.unwrap();
    world.answer(&wait, "d", Ok(json!(1))).await.unwrap();
    assert!(matches!(store.backup(&copy).await, Err(StoreError::Conflict(_))));
    assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o077, 0);
    let restored = SqliteStore::open(&copy).unwrap();
    assert_eq!(restored.history(&run, 0, 10).await.unwrap().len(), 3, "as it was then");
    assert_eq!(restored.installation().await.unwrap().id, store.installation().await.unwrap().id);
}

#[tokio::test]
async fn closing_commits_what_is_queued_and_ends_everything_else() {
    let (folder, store) = fresh();
    let world = Arc::new(World::new(store.clone() as Arc<dyn Store>));
    let wish = world.wish("build");
    let run = wish.run.clone();
    let scope = sortie_core::input::Scope::New(run.clone());
    let (made, closed) = tokio::join!(world.try_deliver(scope, sortie_core::input::InputBody::Create(wish), None), store.close());
    made.unwrap();
    closed.unwrap();
    assert!(matches!(store.run(&run).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.close().await, Err(StoreError::Unavailable(_))));
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "file and lock; the log was taken in: {left:?}");
    let again = SqliteStore::open(&folder.path().join("sortie.db")).unwrap();
    assert!(again.run(&run).await.unwrap().is_some());
}

#[tokio::test]
async fn a_waiting_run_costs_less_than_a_kibibyte_and_a_half() {
    const RUNS: u64 = 400;
    let (folder, store) = fresh();
    let path = folder.path().join("sortie.db");
    let world = Arc::new(World::new(store.clone() as Arc<dyn Store>));
    let empty = store.write(|db| Ok(db.query_row("PRAGMA page_count", [], |row| row.get::<_, u64>(0))?)).await.unwrap() * 4_096;
    for _ in 0..RUNS / 40 {
        let many: Vec<_> = (0..40)
            .map(|_| {
                tokio::spawn({
                    let world = Arc::clone(&world);
                    async move { world.waiting("fix-issue").await }
                })
            })
            .collect();
        for one in many {
            one.await.unwrap();
        }
    }
    store.close().await.unwrap();
    let each = (std::fs::metadata(&path).unwrap().len() - empty) / RUNS;
    assert!((300..1_536).contains(&each), "{each} bytes per waiting run");
}
