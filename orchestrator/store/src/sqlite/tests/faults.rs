//! What the writer does when things go wrong.

use super::fresh;
use crate::conformance::world::World;
use crate::sqlite::{Settings, SqliteStore};
use crate::{Reads, Store, StoreError};
use rusqlite::Connection;
use sortie_core::apply::fold;
use sortie_core::ids::RunId;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

type Answer<T> = tokio::task::JoinHandle<Result<T, StoreError>>;

/// An operation that tells when it runs and does not end before it is let go.
fn held(store: &Arc<SqliteStore>) -> (Answer<()>, Receiver<()>, Sender<()>) {
    let ((started, runs), (go, let_go)) = (channel(), channel::<()>());
    let store = Arc::clone(store);
    let answer = tokio::spawn(async move {
        store
            .write(move |_| {
                started.send(()).unwrap();
                let_go.recv().unwrap();
                Ok(())
            })
            .await
    });
    (answer, runs, go)
}

async fn signal(from: Receiver<()>) {
    tokio::task::spawn_blocking(move || from.recv().unwrap()).await.unwrap();
}

fn mark(db: &Connection, name: &str) -> Result<(), StoreError> {
    db.execute("INSERT INTO host (name, data) VALUES (?1, '{}')", [name])?;
    Ok(())
}

fn marks(db: &Connection) -> Result<Vec<String>, StoreError> {
    Ok(db.prepare("SELECT name FROM host ORDER BY name")?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// Put an operation into the queue by polling its future once.
fn queue<'a, T>(store: &'a SqliteStore, work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static) -> crate::Fut<'a, T>
where
    T: Send + 'static,
{
    let mut answer = store.write(work);
    assert!(poll(&mut answer).is_none());
    answer
}

fn poll<T>(future: &mut Pin<Box<dyn Future<Output = T> + Send + '_>>) -> Option<T> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(value) => Some(value),
        std::task::Poll::Pending => None,
    }
}

#[tokio::test]
async fn an_operation_is_answered_after_the_commit_and_not_before() {
    let (_folder, store) = fresh();
    let (first, first_runs, first_goes) = held(&store);
    signal(first_runs).await;
    // Both are taken together once the first is let go; the second of them holds up the commit.
    let mut written = queue(&store, |db| mark(db, "a"));
    let ((started, runs), (go, let_go)) = (channel(), channel::<()>());
    let last = queue(&store, move |_| {
        started.send(()).unwrap();
        let_go.recv().unwrap();
        Ok(())
    });
    first_goes.send(()).unwrap();
    signal(runs).await;
    assert!(poll(&mut written).is_none(), "it ran, and is not committed");
    assert!(store.read(marks).await.unwrap().is_empty());
    go.send(()).unwrap();
    written.await.unwrap();
    assert_eq!(store.read(marks).await.unwrap(), ["a"]);
    last.await.unwrap();
    first.await.unwrap().unwrap();
}

#[tokio::test]
async fn one_that_fails_or_panics_leaves_no_trace_and_spoils_nobody() {
    let (_folder, store) = fresh();
    let (first, runs, go) = held(&store);
    signal(runs).await;
    let good = queue(&store, |db| mark(db, "good"));
    let refused = queue(&store, |db| mark(db, "refused").and(Err::<(), _>(StoreError::Fenced)));
    let broken = queue(&store, |db| mark(db, "broken").and_then(|()| mark(db, "broken")));
    let panics = queue(&store, |db| -> Result<(), StoreError> {
        mark(db, "panics")?;
        panic!("a bug");
    });
    let also = queue(&store, |db| mark(db, "also good"));
    go.send(()).unwrap();
    first.await.unwrap().unwrap();
    good.await.unwrap();
    also.await.unwrap();
    assert!(matches!(refused.await, Err(StoreError::Fenced)));
    assert!(matches!(broken.await, Err(StoreError::Unusable(_))));
    assert!(matches!(panics.await, Err(StoreError::Unusable(_))));
    assert_eq!(store.read(marks).await.unwrap(), ["also good", "good"]);
}

#[tokio::test]
async fn a_full_queue_is_unavailable() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { write_queue: 2, ..Settings::default() };
    let store = SqliteStore::open_with(&folder.path().join("sortie.db"), settings).unwrap();
    let (first, runs, go) = held(&store);
    signal(runs).await;
    let (one, two) = (queue(&store, |db| mark(db, "1")), queue(&store, |db| mark(db, "2")));
    assert!(matches!(store.write(|db| mark(db, "3")).await, Err(StoreError::Unavailable(_))));
    go.send(()).unwrap();
    first.await.unwrap().unwrap();
    one.await.unwrap();
    two.await.unwrap();
    assert_eq!(store.read(marks).await.unwrap(), ["1", "2"]);
}

#[tokio::test]
async fn f016_after_a_failed_commit_nothing_is_answered_as_done_and_nothing_more_is_written() {
    let (folder, store) = fresh();
    let (first, runs, go) = held(&store);
    signal(runs).await;
    let good = queue(&store, |db| mark(db, "good"));
    // A deferred foreign key is checked by COMMIT itself.
    let spoils = queue(&store, |db| {
        db.execute_batch("PRAGMA defer_foreign_keys = ON; INSERT INTO event VALUES (99, 1, 1, 'run_started', '{}')")?;
        Ok(())
    });
    let refused = queue(&store, |_| Err::<(), _>(StoreError::Fenced));
    go.send(()).unwrap();
    first.await.unwrap().unwrap();
    assert!(matches!(good.await, Err(StoreError::Unavailable(_))));
    assert!(matches!(spoils.await, Err(StoreError::Unavailable(_))));
    assert!(matches!(refused.await, Err(StoreError::Fenced)), "a refusal holds all the same");
    let more = store.write(|db| mark(db, "more")).await;
    assert!(matches!(&more, Err(StoreError::Unavailable(why)) if why.contains("restart")), "{more:?}");
    assert!(store.read(marks).await.unwrap().is_empty(), "reading goes on");
    store.close().await.unwrap();
    let again = SqliteStore::open(&folder.path().join("sortie.db")).unwrap();
    assert!(again.read(marks).await.unwrap().is_empty());
    again.write(|db| mark(db, "new")).await.unwrap();
}

#[tokio::test]
async fn f024_a_lock_held_by_another_process_is_waited_for_and_then_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sortie.db");
    let store = SqliteStore::open_with(&path, Settings { busy: Duration::from_millis(20), ..Settings::default() }).unwrap();
    let world = World::new(store.clone());
    let (run, _) = world.waiting("ask").await;
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = store.write(|db| mark(db, "a")).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert!(store.run(&run).await.unwrap().is_some(), "reading goes on");
    other.execute_batch("ROLLBACK").unwrap();
    store.write(|db| mark(db, "b")).await.unwrap();
    assert_eq!(store.read(marks).await.unwrap(), ["b"]);
}

/// A file system of its own, unmounted when dropped.
struct Mounted<'a>(&'a Path);

impl<'a> Mounted<'a> {
    /// `None` where mounting is not allowed.
    fn tmpfs(at: &'a Path, size: &str) -> Option<Self> {
        let option = format!("size={size}");
        let done = std::process::Command::new("mount").args(["-t", "tmpfs", "-o", &option, "tmpfs"]).arg(at).status();
        done.is_ok_and(|status| status.success()).then_some(Self(at))
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[tokio::test]
async fn f013_a_full_disk_refuses_keeps_what_was_there_and_heals() {
    for size in ["1200k", "1600k", "2400k"] {
        let folder = tempfile::tempdir().unwrap();
        let Some(_mounted) = Mounted::tmpfs(folder.path(), size) else {
            eprintln!("not allowed to mount a tmpfs: not tested here");
            return;
        };
        let path = folder.path().join("sortie.db");
        let ballast = folder.path().join("ballast");
        std::fs::write(&ballast, vec![1; 64 << 10]).unwrap();
        let store = SqliteStore::open(&path).unwrap();
        let world = World::new(store.clone());
        let mut made: Vec<RunId> = Vec::new();
        let refused = loop {
            assert!(made.len() < 10_000, "the disk never fills");
            let mut wish = world.wish("build");
            wish.actor = "x".repeat(3_000);
            let run = wish.run.clone();
            match world.try_deliver(sortie_core::input::Scope::New(run.clone()), sortie_core::input::InputBody::Create(wish), None).await {
                Ok(_) => made.push(run),
                Err(error) => break error,
            }
        };
        assert!(matches!(refused, StoreError::Unavailable(_)), "{size}: {refused:?}");
        for run in &made {
            assert_eq!(world.journal(run).await.len(), 2, "{size}: what was acknowledged is there");
        }
        std::fs::remove_file(&ballast).unwrap();
        made.push(world.run("after").await);
        store.close().await.unwrap();
        check(&path, &made).await;
    }
}

/// Everything is as it should be in a file that is opened again.
pub(super) async fn check(path: &Path, runs: &[RunId]) {
    let store = SqliteStore::open(path).unwrap();
    let integrity: String = store.read(|db| Ok(db.query_row("PRAGMA integrity_check", [], |row| row.get(0))?)).await.unwrap();
    assert_eq!(integrity, "ok");
    let orphans: usize = store.read(|db| Ok(db.prepare("PRAGMA foreign_key_check")?.query_map([], |_| Ok(()))?.count())).await.unwrap();
    assert_eq!(orphans, 0);
    for run in runs {
        let head = store.run(run).await.unwrap().expect("an acknowledged run is there").head;
        let folded = fold(&store.history(run, 0, 1_000).await.unwrap()).unwrap();
        assert_eq!(head.folded(), folded.run.unwrap().folded(), "I17");
        assert_eq!(store.steps(run).await.unwrap(), folded.steps.into_values().collect::<Vec<_>>(), "I17");
    }
    store.close().await.unwrap();
}

#[tokio::test]
async fn f018_a_torn_tail_of_the_log_loses_only_the_tail() {
    let (folder, store) = fresh();
    let path = folder.path().join("sortie.db");
    let world = World::new(store.clone());
    let log = folder.path().join("sortie.db-wal");
    let mut commits: Vec<(u64, RunId)> = Vec::new();
    for _ in 0..6 {
        let run = world.waiting("ask").await.0;
        commits.push((std::fs::metadata(&log).unwrap().len(), run));
    }
    let (file, log) = (std::fs::read(&path).unwrap(), std::fs::read(&log).unwrap());
    let before_last = usize::try_from(commits[4].0).unwrap();
    let torn = (before_last..log.len()).step_by(997).map(|cut| (cut, false));
    let flipped = (before_last..log.len()).step_by(1_499).map(|at| (at, true));
    for (n, (at, flip)) in torn.chain(flipped).enumerate() {
        let copy = folder.path().join(format!("copy{n}.db"));
        let mut log = log.clone();
        if flip {
            log[at] ^= 0x10
        } else {
            log.truncate(at)
        }
        std::fs::write(&copy, &file).unwrap();
        std::fs::write(folder.path().join(format!("copy{n}.db-wal")), log).unwrap();
        let whole: Vec<RunId> = commits[..5].iter().map(|(_, run)| run.clone()).collect();
        check(&copy, &whole).await;
    }
}
