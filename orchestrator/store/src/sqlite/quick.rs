//! The one thread that reads single rows beside the writer: it takes what is queued and reads it from one snapshot.
//!
//! A reader forgets its page cache whenever the writer has committed, and every hop to a pool of threads costs as much as
//! the read. Many callbacks at once share both here. What may take long is read by the pool (`readers`).

use super::writer::{Message, Operation, Pending};
use crate::error::StoreError;
use crate::limits;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

/// The queue of that thread.
pub(super) struct QuickReader(mpsc::Sender<Message>);

impl QuickReader {
    /// Start the thread with a connection that cannot write.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub(super) fn start(db: Connection) -> std::io::Result<Self> {
        let (queue, messages) = mpsc::channel(limits::READ_QUEUE);
        std::thread::Builder::new().name("store-reader".to_owned()).spawn(move || serve(db, messages))?;
        Ok(Self(queue))
    }

    /// Read what is committed.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] where too many wait or the store is closed; else what `work` returns.
    pub(super) async fn read<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        W: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        let (operation, answer) = Pending::new(work);
        self.0.try_send(Message::Operation(operation)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => StoreError::Unavailable("too many reads are waiting".to_owned()),
            mpsc::error::TrySendError::Closed(_) => super::closed(),
        })?;
        answer.await.map_err(|_| super::closed())?
    }

    /// Finish what is queued and close the connection. An error means that this was done before.
    pub(super) async fn close(&self) {
        let (caller, answer) = oneshot::channel();
        if self.0.send(Message::Close(caller)).await.is_ok() {
            let _ = answer.await;
        }
    }
}

fn serve(db: Connection, mut queue: mpsc::Receiver<Message>) {
    let mut taken = Vec::with_capacity(limits::READ_BATCH);
    while queue.blocking_recv_many(&mut taken, limits::READ_BATCH) > 0 {
        let mut close = None;
        let mut batch = Vec::with_capacity(taken.len());
        for message in taken.drain(..) {
            match message {
                Message::Operation(operation) if close.is_none() => batch.push(operation),
                Message::Operation(operation) => operation.answer(Err("the store is closed")),
                Message::Close(caller) => close = Some(caller),
            }
        }
        read(&db, batch);
        if let Some(caller) = close {
            drop(queue);
            drop(db);
            let _ = caller.send(Ok(()));
            return;
        }
    }
}

/// All from one snapshot; each answer goes out as soon as it is there.
fn read(db: &Connection, batch: Vec<Box<dyn Operation>>) {
    if batch.is_empty() {
        return;
    }
    match db.unchecked_transaction() {
        Ok(_snapshot) => {
            for mut operation in batch {
                operation.run(db);
                operation.answer(Ok(()));
            }
        }
        Err(error) => {
            let why = error.to_string();
            batch.into_iter().for_each(|operation| operation.answer(Err(&why)));
        }
    }
}
