//! The store in one SQLite file.
//!
//! One thread writes (`writer`), one takes the log into the file (`checkpointer`), one looks up single rows (`quick`), a few
//! connections read beside them (`readers`). Each table has its file here and its
//! statements in `sql/sqlite/<table>.sql`; this page only says which of them read and which write.

mod advance;
mod attempt;
mod backup;
mod beat;
mod callback;
mod checkpointer;
mod codec;
mod deliver;
mod due;
mod error;
mod event;
mod filesystem;
mod flow;
mod host;
mod idempotency;
mod installation;
mod lock;
mod log_attempt;
mod migrate;
mod open;
mod operations;
mod port;
mod quick;
mod readers;
mod resources;
mod run;
mod step;
mod triggers;
mod wait;
mod writer;

#[cfg(test)]
mod tests;

pub use open::Settings;

use crate::error::StoreError;
use crate::model::Installation;
use crate::port::Fut;
use checkpointer::Checkpointer;
use quick::QuickReader;
use readers::Readers;
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};
use writer::{Message, Pending, Writer};

/// The store in one SQLite file. Closed when dropped; [`crate::Store::close`] also checkpoints and says when it is done.
pub struct SqliteStore {
    queue: mpsc::Sender<Message>,
    readers: Arc<Readers>,
    quick: QuickReader,
    installation: Installation,
    turns: Arc<due::Turns>,
    /// Why the writer has given up, once it has.
    dead: watch::Receiver<Option<String>>,
}

impl SqliteStore {
    /// Open the store at this path, or make it with a fresh installation id. The folder has to be there.
    ///
    /// # Errors
    /// [`StoreError::Unusable`]: a newer schema, a changed migration, another program's file, damage, a network file system, an
    /// old SQLite. [`StoreError::Unavailable`]: another process has it, or the disk does not answer.
    pub fn open(path: &Path) -> Result<Arc<Self>, StoreError> {
        Self::open_with(path, Settings::default())
    }

    /// As [`Self::open`], with other bounds.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with(path: &Path, settings: Settings) -> Result<Arc<Self>, StoreError> {
        let open::Opened { lock, writer, checkpointer, readers, quick, installation } = open::open(path, &settings)?;
        let no_thread = |e: std::io::Error| StoreError::Unavailable(format!("no thread for the store: {e}"));
        let checkpointer = Checkpointer::start(checkpointer).map_err(no_thread)?;
        let (queue, messages) = mpsc::channel(settings.write_queue);
        let (tell_dead, dead) = watch::channel(None);
        let run = move || {
            let closed = Writer::new(writer, checkpointer, tell_dead).serve(messages);
            drop(lock);
            if let Some(closed) = closed {
                closed.tell();
            }
        };
        std::thread::Builder::new().name("store-writer".to_owned()).spawn(run).map_err(no_thread)?;
        let quick = QuickReader::start(quick).map_err(no_thread)?;
        Ok(Arc::new(Self { queue, readers: Readers::new(readers), quick, installation, turns: Arc::default(), dead }))
    }

    /// Whether this is the store of that installation (F023).
    ///
    /// # Errors
    /// [`StoreError::Unusable`] where it is another's.
    pub fn expect_installation(&self, id: &str) -> Result<(), StoreError> {
        if self.installation.id == id {
            return Ok(());
        }
        Err(StoreError::Unusable(format!("it belongs to the installation {}, not to {id}", self.installation.id)))
    }

    /// Queue an operation for the writer. Once queued it is done, also where the caller gives up waiting.
    fn write<T, W>(&self, work: W) -> Fut<'_, T>
    where
        W: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        Box::pin(async move {
            let (operation, answer) = Pending::new(work);
            self.queue.try_send(Message::Operation(operation)).map_err(|e| match e {
                mpsc::error::TrySendError::Full(_) => StoreError::Unavailable("too many writes are waiting".to_owned()),
                mpsc::error::TrySendError::Closed(_) => closed(),
            })?;
            answer.await.map_err(|_| closed())?
        })
    }

    /// Read what is committed.
    fn read<T, W>(&self, work: W) -> Fut<'_, T>
    where
        W: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        Box::pin(self.readers.read(work))
    }

    /// Read a few rows of what is committed, together with whoever else asks for a few rows.
    fn look<T, W>(&self, work: W) -> Fut<'_, T>
    where
        W: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        Box::pin(self.quick.read(work))
    }

    /// Commit what is queued, checkpoint, close the file and free its lock.
    async fn shut(&self) -> Result<(), StoreError> {
        self.readers.close();
        self.quick.close().await;
        let (caller, answer) = oneshot::channel();
        self.queue.send(Message::Close(caller)).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}
