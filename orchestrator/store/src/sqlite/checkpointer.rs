//! Takes the log into the file beside the writer, so that nobody who waits for a commit waits for this too.
//!
//! A checkpoint reads from the log what was committed and writes it to the file; SQLite lets another connection do it while
//! the writer appends. The log begins anew only where nothing is left of it: when it has grown to the size in
//! `connection.sql`, the writer takes over the little that this thread has not come to yet.

use crate::limits;
use crate::sql::sqlite;
use rusqlite::Connection;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// The thread. Ended, and its connection closed, when this is dropped.
pub(super) struct Checkpointer {
    /// `None` once it is to end.
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    since: usize,
}

impl Checkpointer {
    /// Start it with a connection of its own.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub(super) fn start(db: Connection) -> std::io::Result<Self> {
        let (wake, woken) = sync_channel(1);
        let thread = std::thread::Builder::new().name("store-log".to_owned()).spawn(move || serve(&db, &woken))?;
        Ok(Self { wake: Some(wake), thread: Some(thread), since: 0 })
    }

    /// So many operations were committed.
    pub(super) fn committed(&mut self, operations: usize) {
        self.since += operations;
        if self.since >= limits::CHECKPOINT {
            self.since = 0;
            // Full: it is at work, and will look again.
            let _ = self.wake.as_ref().map(|wake| wake.try_send(()));
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        drop(self.wake.take());
        if let Some(thread) = self.thread.take() {
            // It does not panic, and nothing depends on how it ended.
            let _ = thread.join();
        }
    }
}

/// Where it fails (a full disk), nothing is lost: the writer's own checkpoints and the next opening read the log too.
fn serve(db: &Connection, woken: &Receiver<()>) {
    while woken.recv().is_ok() {
        let done = db.prepare_cached(sqlite!("connection", "checkpoint_beside")).and_then(|mut words| words.query([])?.next().map(drop));
        if let Err(error) = done {
            tracing::warn!(%error, "the log could not be taken into the file; this is tried again");
        }
    }
}
