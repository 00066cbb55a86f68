//! Resources: kept bytes with a name, `res://RUN/SUBJECT/NAME` ([`Reference`]).
//!
//! ```text
//! SORTIE_HOME/resources/blobs/ab/ab12...   bytes by their SHA-256, each once however many names it has ([`blobs`])
//! SORTIE_HOME/resources/parts/             uploads on their way ([`parts`])
//! ```
//!
//! | if the process dies after | what is left | and then |
//! | --- | --- | --- |
//! | a piece of an upload | a part | the shim goes on from its end |
//! | the blob's row | a row without bytes and name | goes with a collection |
//! | the blob | bytes without a name | the repeat names them, or they go with a collection after a grace |
//! | the name | all of it | the repeat finds the same |
//! | (collection) the bytes are gone | a row without bytes and name | the next collection forgets it |
//!
//! Bytes are touched, kept and named while [`Resources`] holds its gate shared; a collection holds it alone for each batch that
//! it removes. One process has the store, so one gate is enough; more nodes will need the grace to be a promise between them.

pub mod blobs;
pub mod collect;
pub mod keep;
pub mod limits;
pub mod parts;
mod reference;
pub mod upload;

pub use keep::{KeepError, NewResource, keep_text};
pub use reference::{Reference, SCHEME};

use crate::clock::Clock;
use blobs::Blobs;
use parts::Parts;
use sortie_store::Store;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::RwLock;

/// Everything that is kept. Shared by all who keep and fetch.
pub struct Resources {
    store: Arc<dyn Store>,
    blobs: Blobs,
    parts: Parts,
    clock: Clock,
    gate: RwLock<()>,
}

impl Resources {
    /// In this folder, which is made where it is not there.
    ///
    /// # Errors
    /// As the system says.
    pub fn open(folder: &Path, store: Arc<dyn Store>, clock: Clock) -> std::io::Result<Arc<Self>> {
        let blobs = folder.join("blobs");
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&blobs)?;
        let (blobs, parts) = (Blobs::local(&blobs)?, Parts::new(folder.join("parts"))?);
        Ok(Arc::new(Self { store, blobs, parts, clock, gate: RwLock::new(()) }))
    }

    /// The bytes.
    #[must_use]
    pub const fn blobs(&self) -> &Blobs {
        &self.blobs
    }
}

#[cfg(test)]
mod tests;
