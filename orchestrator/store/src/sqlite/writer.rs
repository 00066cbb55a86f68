//! The one thread that writes: it takes what is queued, commits it at once, and answers only then.
//!
//! Each operation runs in a savepoint, so that one that fails leaves no trace and does not spoil the others. Nothing is
//! answered as done before the commit has returned, and nothing at all where the commit failed.

use super::checkpointer::Checkpointer;
use super::error::is_clean_failure;
use crate::error::StoreError;
use crate::limits;
use crate::sql::sqlite;
use rusqlite::Connection;
use std::panic::{AssertUnwindSafe, catch_unwind};
use tokio::sync::{mpsc, oneshot, watch};

/// An operation in the queue.
pub(super) trait Operation: Send {
    /// Do it on the connection; whether its changes are to stay.
    fn run(&mut self, db: &Connection) -> bool;
    /// Tell the caller: what it returned, or why the commit failed.
    fn answer(self: Box<Self>, committed: Result<(), &str>);
}

/// An operation with the channel its caller waits on.
pub(super) struct Pending<W, T> {
    work: Option<W>,
    result: Option<Result<T, StoreError>>,
    caller: oneshot::Sender<Result<T, StoreError>>,
}

impl<W, T> Pending<W, T> {
    /// An operation and where its answer will come.
    pub(super) fn new(work: W) -> (Box<Self>, oneshot::Receiver<Result<T, StoreError>>) {
        let (caller, answer) = oneshot::channel();
        (Box::new(Self { work: Some(work), result: None, caller }), answer)
    }
}

impl<W, T> Operation for Pending<W, T>
where
    W: FnOnce(&Connection) -> Result<T, StoreError> + Send,
    T: Send,
{
    fn run(&mut self, db: &Connection) -> bool {
        let Some(work) = self.work.take() else { return false };
        // A bug that one input meets must not take the writer from all the others (F006).
        let result = catch_unwind(AssertUnwindSafe(|| work(db)))
            .unwrap_or_else(|_| Err(StoreError::Unusable("the operation panicked; nothing of it was written".to_owned())));
        self.result.insert(result).is_ok()
    }

    fn answer(self: Box<Self>, committed: Result<(), &str>) {
        let answer = match (committed, self.result) {
            (Ok(()), Some(result)) => result,
            // Refusals hold whether the others were committed or not.
            (Err(_), Some(Err(error))) => Err(error),
            (Ok(()), None) => Err(StoreError::Unavailable("not run".to_owned())),
            (Err(why), _) => Err(StoreError::Unavailable(why.to_owned())),
        };
        // A caller that is gone does not want the answer.
        let _ = self.caller.send(answer);
    }
}

/// What the queue holds.
pub(super) enum Message {
    /// An operation of the port.
    Operation(Box<dyn Operation>),
    /// Commit what came before, checkpoint, stop.
    Close(oneshot::Sender<Result<(), StoreError>>),
}

/// Who is to be told that the store is closed, once the file and its lock are.
pub(super) struct Closed(oneshot::Sender<Result<(), StoreError>>);

impl Closed {
    /// Tell the caller.
    pub(super) fn tell(self) {
        let _ = self.0.send(Ok(()));
    }
}

/// The writing end of the store.
pub(super) struct Writer {
    db: Connection,
    checkpointer: Option<Checkpointer>,
    /// Why nothing is written any more.
    dead: watch::Sender<Option<String>>,
}

impl Writer {
    /// A writer on an open connection.
    pub(super) const fn new(db: Connection, checkpointer: Checkpointer, dead: watch::Sender<Option<String>>) -> Self {
        Self { db, checkpointer: Some(checkpointer), dead }
    }

    /// Serve the queue until it is closed. Returned is who asked for that, and how it went.
    pub(super) fn serve(mut self, mut queue: mpsc::Receiver<Message>) -> Option<Closed> {
        let mut taken = Vec::with_capacity(limits::BATCH);
        while queue.blocking_recv_many(&mut taken, limits::BATCH) > 0 {
            let mut batch = Vec::with_capacity(taken.len());
            let mut close = None;
            for message in taken.drain(..) {
                match message {
                    Message::Operation(operation) if close.is_none() => batch.push(operation),
                    Message::Operation(operation) => operation.answer(Err("the store is closed")),
                    Message::Close(caller) => close = Some(caller),
                }
            }
            let operations = batch.len();
            self.commit(batch);
            if let Some(checkpointer) = &mut self.checkpointer {
                checkpointer.committed(operations);
            }
            if let Some(caller) = close {
                drop(self.checkpointer.take());
                self.checkpoint();
                return Some(Closed(caller));
            }
        }
        None
    }

    /// Take the log into the file. Where that fails (a full disk), nothing is lost: the next opening reads the log.
    fn checkpoint(&self) {
        let done = self.db.prepare(sqlite!("connection", "checkpoint")).and_then(|mut statement| statement.query([])?.next().map(drop));
        if let Err(error) = done {
            tracing::warn!(%error, "the log could not be taken into the file; the next start reads it");
        }
    }

    /// One commit, then all answers.
    fn commit(&mut self, mut batch: Vec<Box<dyn Operation>>) {
        if batch.is_empty() {
            return;
        }
        let dead = self.dead.borrow().clone();
        let committed = match dead {
            Some(why) => Err(why),
            None => self.transaction(&mut batch),
        };
        for operation in batch {
            operation.answer(committed.as_ref().copied().map_err(String::as_str));
        }
    }

    fn transaction(&mut self, batch: &mut [Box<dyn Operation>]) -> Result<(), String> {
        self.word(sqlite!("connection", "begin")).map_err(|e| e.to_string())?;
        for operation in batch {
            if let Err(error) = self.operation(operation.as_mut()) {
                return Err(self.give_up(&error));
            }
        }
        self.word(sqlite!("connection", "commit")).map_err(|error| self.give_up(&error))
    }

    /// One operation in its savepoint. An error is one of the whole transaction.
    fn operation(&self, operation: &mut dyn Operation) -> rusqlite::Result<()> {
        self.word(sqlite!("connection", "save"))?;
        if !operation.run(&self.db) {
            // A full disk can have ended the whole transaction; then there is no savepoint, and this says so.
            self.word(sqlite!("connection", "undo"))?;
        }
        self.word(sqlite!("connection", "keep"))
    }

    /// The transaction is lost. Whether the next one may be tried depends on why.
    fn give_up(&mut self, error: &rusqlite::Error) -> String {
        let rolled_back = self.db.is_autocommit() || self.word(sqlite!("connection", "rollback")).is_ok();
        let why = format!("the commit failed: {error}");
        if !(rolled_back && (is_clean_failure(error) || self.is_lost_savepoint(error))) {
            tracing::error!(%error, "a commit failed in a way that leaves the file in doubt; nothing is written any more until a restart");
            let why = format!("writing stopped after a failed commit, restart to check the file: {error}");
            self.dead.send_replace(Some(why));
        }
        why
    }

    /// `no such savepoint`: the transaction was ended by the operation's own failure, which has been seen already.
    fn is_lost_savepoint(&self, error: &rusqlite::Error) -> bool {
        self.db.is_autocommit() && matches!(error, rusqlite::Error::SqliteFailure(_, Some(text)) if text.starts_with("no such savepoint"))
    }

    fn word(&self, statement: &str) -> rusqlite::Result<()> {
        self.db.prepare_cached(statement)?.raw_execute().map(drop)
    }
}
