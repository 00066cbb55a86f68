//! The engine under test: `sortie_core::decide` behind the SQLite store, as the driver uses it.

use sortie_core::effect::WorkClass;
use sortie_core::ids::{Entropy, Ms};
use sortie_core::input::{Input, InputBody, Scope};
use sortie_store::model::{Claim, Delivered, Delivery};
use sortie_store::sqlite::SqliteStore;
use sortie_store::{Store, StoreError};
use std::sync::Arc;

/// Longer than any play.
pub const LEASE_MS: u64 = 40 * 24 * 3_600_000;

/// One store for many plays; in memory where the machine has such a folder, since the disk is not what is tested here.
pub struct Engine {
    pub store: Arc<dyn Store>,
    _folder: tempfile::TempDir,
}

impl Engine {
    pub async fn open() -> Self {
        let memory = std::path::Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let store: Arc<dyn Store> = SqliteStore::open(&folder.path().join("model.db")).unwrap();
        Self { store, _folder: folder }
    }

    pub async fn close(self) {
        self.store.close().await.unwrap();
    }

    pub async fn deliver(
        &self,
        at: Ms,
        entropy: Entropy,
        scope: Scope,
        body: InputBody,
        done: Option<Claim>,
    ) -> Result<Delivered, StoreError> {
        self.store.deliver(Delivery { scope, input: Input { at, entropy, body }, done, body: Some(b"{}".to_vec()) }).await
    }

    /// One piece of work that is due. What another play has left behind is not there: plays end with nothing due.
    pub async fn claim(&self, now: Ms, class: WorkClass) -> Vec<Claim> {
        self.store.claim(class, now, LEASE_MS, 1).await.unwrap()
    }

    /// Claimed work is done, if the claim still holds: putting it again has taken it away.
    pub async fn finish(&self, claim: Claim) {
        match self.store.finish(claim).await {
            Ok(()) | Err(StoreError::Fenced) => {}
            Err(error) => panic!("{error}"),
        }
    }
}
