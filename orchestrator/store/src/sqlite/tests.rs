//! Tests of the adapter: the suite, and what only it can get wrong.

mod faults;
mod files;
mod kill;
mod migrations;
mod plans;

use super::SqliteStore;
use crate::Store;
use crate::conformance::run_all;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// A store in a folder of its own, which lives as long as this.
fn fresh() -> (tempfile::TempDir, Arc<SqliteStore>) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("sortie.db")).unwrap();
    (folder, store)
}

#[tokio::test]
async fn conforms() {
    let folder = tempfile::tempdir().unwrap();
    let made = AtomicU32::new(0);
    run_all(async || {
        let path = folder.path().join(format!("{}.db", made.fetch_add(1, Ordering::SeqCst)));
        SqliteStore::open(&path).unwrap() as Arc<dyn Store>
    })
    .await;
}
