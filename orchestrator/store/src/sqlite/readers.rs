//! Connections that read beside the writer. They see what is committed.

use crate::error::StoreError;
use crate::limits;
use rusqlite::Connection;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// A pool of read-only connections.
pub(super) struct Readers {
    /// Idle connections; as many as `free` has permits.
    idle: Mutex<Vec<Connection>>,
    free: Semaphore,
    /// Room for those that read and those that wait.
    room: Semaphore,
}

impl Readers {
    /// A pool of these connections.
    pub(super) fn new(connections: Vec<Connection>) -> Arc<Self> {
        let free = Semaphore::new(connections.len());
        Arc::new(Self { idle: Mutex::new(connections), free, room: Semaphore::new(limits::READ_QUEUE) })
    }

    /// Read on a thread that may block.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] where too many wait or the store is closed; else what `work` returns.
    pub(super) async fn read<T, W>(self: &Arc<Self>, work: W) -> Result<T, StoreError>
    where
        W: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        let pool = Arc::clone(self);
        let _room = pool.room.try_acquire().map_err(|_| StoreError::Unavailable("too many reads are waiting".to_owned()))?;
        pool.free.acquire().await.map_err(|_| closed())?.forget();
        // From here on the permit goes back with the connection, also where the caller gives up or the work panics.
        let lent = Lent { db: pool.take(), pool: Arc::clone(&pool) };
        tokio::task::spawn_blocking(move || {
            let db = lent.db.as_ref().ok_or_else(closed)?;
            // One snapshot for all statements of a read.
            let _snapshot = db.unchecked_transaction()?;
            work(db)
        })
        .await
        .map_err(|e| StoreError::Unavailable(format!("the read did not finish: {e}")))?
    }

    fn take(&self) -> Option<Connection> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    /// Refuse further reads and close what is idle.
    pub(super) fn close(&self) {
        self.free.close();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// A connection that comes back.
struct Lent {
    db: Option<Connection>,
    pool: Arc<Readers>,
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(db) = self.db.take()
            && !self.pool.free.is_closed()
        {
            self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).push(db);
        }
        self.pool.free.add_permits(1);
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}
