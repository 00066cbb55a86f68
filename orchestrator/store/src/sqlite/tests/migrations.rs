//! Files of earlier programs are taken over, and damage to a journal is seen.

use crate::conformance::world::World;
use crate::sqlite::codec::Id;
use crate::sqlite::{SqliteStore, migrate};
use crate::{Engine, Reads, Store, StoreError};
use data_encoding::HEXLOWER;
use rusqlite::{Connection, params};
use serde_json::json;
use sha2::{Digest, Sha256};
use sortie_core::decide::{CallbackOutcome, Reply};
use sortie_core::effect::WorkClass;
use sortie_core::ids::{AttemptId, Entropy, RunId, WaitId};
use std::path::Path;

/// The first schema, as released.
const FIRST: &str = include_str!("../../../sql/sqlite/migrations/0001_start.sql");

/// A file as the program of the first schema left it: a run that waits for an answer and runs a job, and one that has failed.
fn first_schema(path: &Path) -> (RunId, WaitId, AttemptId, RunId) {
    let entropy = Entropy([4; 32]);
    let (run, failed) = (RunId::new(5, &entropy, 0), RunId::new(5, &entropy, 1));
    let (wait, attempt) = (WaitId::new(5, &entropy, 0), AttemptId::new(5, &entropy, 0));
    let db = Connection::open(path).unwrap();
    db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA application_id = 1936683636; CREATE TABLE migration (number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL);").unwrap();
    db.execute_batch(FIRST).unwrap();
    db.execute("INSERT INTO migration VALUES (1, 'start', ?1)", [HEXLOWER.encode(&Sha256::digest(FIRST))]).unwrap();
    db.execute_batch("INSERT INTO installation VALUES (1, 'inst_old', 1, 9)").unwrap();
    let insert = "INSERT INTO run VALUES (?1, ?2, 'ask', 1, 'ab', ?3, ?4, 2, ?5, ?5, 1, NULL, 99000000, 5, 6, ?6, 1, 2, 0)";
    db.execute(insert, params![1, run.blob(), "running", 5, 2, None::<String>]).unwrap();
    db.execute(insert, params![2, failed.blob(), "failed", 2, 0, r#"{"kind":"fail","message":"no"}"#]).unwrap();
    db.execute_batch("INSERT INTO run_count VALUES ('ask', 'waiting', 1), ('ask', 'failed', 1)").unwrap();
    let step = "INSERT INTO step VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, NULL, 88000000, NULL, 0)";
    db.execute(step, params![1, "answer", "wait", wait.blob(), None::<String>, 3]).unwrap();
    let job = json!({"attempt": attempt, "number": 1, "used": 1, "retry": {"attempts": 1, "backoff_ms": 1, "max_backoff_ms": 1, "on": []},
        "retry_at": null, "since": 5, "base_fence": 0, "budget": null,
        "limits": {"heartbeat_ms": 30_000, "started_ms": 1, "launch_ms": 1}});
    db.execute(step, params![2, "job", "job", None::<Vec<u8>>, job.to_string(), 4]).unwrap();
    db.execute("INSERT INTO attempt VALUES (1, 1, ?1, 2, 1, 'scheduled', 0, NULL, 0, NULL, NULL, 5, 88000000, NULL)", [attempt.blob()])
        .unwrap();
    db.execute_batch(r#"INSERT INTO beat VALUES (1, 1, 1, 3, 5, 0, '{"done":4}')"#).unwrap();
    let due = "INSERT INTO due VALUES (1, ?1, ?2, 7, NULL, 0)";
    db.execute(due, params![format!("launch:{attempt}"), 1]).unwrap();
    db.execute(due, params!["step:1", 3]).unwrap();
    let created =
        json!({"run": run, "flow": "ask", "release": 1, "bundle": "ab", "engine": 1, "input": {}, "deadline_at": 99_000_000, "actor": "a"});
    let events = [
        ("run_created", created),
        ("run_started", json!({})),
        (
            "step_scheduled",
            json!({"call": 1, "step": "answer", "spec": {"wait": {"timeout_ms": 5, "schema": null}}, "deadline_at": 88_000_000, "wait": wait}),
        ),
        ("step_scheduled", json!({"call": 2, "step": "job", "spec": {"sleep": {"duration_ms": 1}}, "deadline_at": 88_000_000})),
        ("attempt_scheduled", json!({"attempt": attempt, "call": 2, "number": 1, "fence": 1})),
    ];
    for (seq, (kind, data)) in (1..).zip(events) {
        db.execute("INSERT INTO event VALUES (1, ?1, 5, ?2, ?3)", params![seq, kind, data.to_string()]).unwrap();
    }
    (run, wait, attempt, failed)
}

#[tokio::test]
async fn a_file_of_the_first_schema_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sortie.db");
    let (run, wait, attempt, failed) = first_schema(&path);
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.installation().await.unwrap().schema, migrate::SCHEMA);
    let world = World::new(store.clone());
    let head = store.run(&run).await.unwrap().unwrap().head;
    assert_eq!((head.shown_state(), head.engine, head.plan, head.open_steps), ("waiting", 1, Default::default(), 2));
    assert_eq!(store.oldest_waits(9).await.unwrap()[0].since, 5);
    assert_eq!(store.failure_counts(0).await.unwrap()[0].runs, 1);
    assert_eq!(store.beats(&run).await.unwrap()[&attempt].data, json!({"done": 4}));
    assert_eq!(store.claim(WorkClass::Launch, 7, 10, 9).await.unwrap()[0].run, run);
    assert_eq!(store.claim(WorkClass::Timer, 7, 10, 9).await.unwrap().len(), 1);
    let before = store.verify_journal(&run).await.unwrap().unwrap();
    let answered = world.answer(&wait, "d", Ok(json!({"a": 1}))).await.unwrap();
    assert!(matches!(answered.reply, Reply::Callback { outcome: CallbackOutcome::Accepted, .. }), "{answered:?}");
    assert_ne!(store.verify_journal(&run).await.unwrap().unwrap(), before, "its digest begins with the events that were there");
    assert!(store.run(&failed).await.unwrap().unwrap().head.state.is_over());
    store.close().await.unwrap();
    drop(SqliteStore::open(&path).unwrap());
}

#[tokio::test]
async fn i8_a_changed_event_breaks_the_chain() {
    let (folder, store) = super::fresh();
    let path = folder.path().join("sortie.db");
    let (run, _) = World::new(store.clone()).waiting("ask").await;
    store.verify_journal(&run).await.unwrap().unwrap();
    store.close().await.unwrap();
    drop(store);
    let db = Connection::open(&path).unwrap();
    db.execute_batch("DROP TRIGGER event_is_immutable; UPDATE event SET at = at + 1 WHERE seq = 2").unwrap();
    drop(db);
    let store = SqliteStore::open(&path).unwrap();
    let damaged = store.verify_journal(&run).await;
    assert!(matches!(&damaged, Err(StoreError::Unusable(_))), "{damaged:?}");
}
