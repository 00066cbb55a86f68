//! Secrets and connections of the installation: sealed at rest, resolved at the edge, named everywhere else.

pub mod connection;
pub mod limits;
pub mod mask;
pub mod usages;

use connection::Connection;
use sortie_core::ids::Ms;
use sortie_keys::{KeyRing, SealContext, SealError, Sealed, Secret};
use sortie_store::model::vault::SecretRow;
use sortie_store::{Store, StoreError};
use std::sync::Arc;

/// The vault of an installation. Cheap to clone.
#[derive(Clone)]
pub struct Vault {
    store: Arc<dyn Store>,
    ring: KeyRing,
    installation: String,
}

/// Why a secret or a connection is not to be had. Never says anything of a value.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// There is none of that name.
    #[error("there is no {what} `{name}`")]
    Missing {
        /// `secret` or `connection`.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// It is there and does not open.
    #[error("the secret `{name}`: {error}")]
    Sealed {
        /// Its name.
        name: String,
        /// Why.
        error: SealError,
    },
    /// It is there and makes no sense.
    #[error("the connection `{name}`: {message}")]
    Connection {
        /// Its name.
        name: String,
        /// What is wrong.
        message: String,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl VaultError {
    /// Whether it may be there later without anybody doing anything.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_retryable())
    }
}

impl Vault {
    /// The vault over this store and these keys.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, ring: KeyRing, installation: impl Into<String>) -> Self {
        Self { store, ring, installation: installation.into() }
    }

    /// Set a secret; gives its version, and whether that is new: the same value again changes nothing.
    ///
    /// # Errors
    /// [`VaultError`]; [`StoreError::Conflict`] where somebody else sets it at the same time.
    pub async fn set(&self, name: &str, value: &Secret, actor: &str, at: Ms) -> Result<(u64, bool), VaultError> {
        if let Some(row) = self.store.secret(name).await?
            && self.open(&row).is_ok_and(|present| present == *value)
        {
            return Ok((row.version, false));
        }
        let version = self.store.next_secret_version(name).await?;
        let Sealed { root, bytes } = self.seal(name, version, value)?;
        let row = SecretRow { name: name.to_owned(), version, root, sealed: bytes, at, actor: actor.to_owned() };
        self.store.put_secret(row).await?;
        Ok((version, true))
    }

    /// The value of a secret.
    ///
    /// # Errors
    /// [`VaultError`].
    pub async fn secret(&self, name: &str) -> Result<Secret, VaultError> {
        let row = self.store.secret(name).await?;
        self.open(&row.ok_or_else(|| VaultError::Missing { what: "secret", name: name.to_owned() })?)
    }

    /// A connection, its secrets not resolved.
    ///
    /// # Errors
    /// [`VaultError`].
    pub async fn connection(&self, name: &str) -> Result<Connection, VaultError> {
        let row = self.store.connection(name).await?;
        let row = row.ok_or_else(|| VaultError::Missing { what: "connection", name: name.to_owned() })?;
        Connection::from_row(&row).map_err(|message| VaultError::Connection { name: name.to_owned(), message })
    }

    /// Seal anew what is sealed under another root than the active one; gives how many were. A process that dies in between leaves
    /// each secret whole under one root or the other.
    ///
    /// # Errors
    /// The first secret that does not open; those before it are done.
    pub async fn reseal(&self) -> Result<usize, VaultError> {
        let active = self.ring.root_generation();
        let mut done = 0;
        for row in self.store.secrets().await?.into_iter().filter(|row| row.root != active) {
            let value = self.open(&row)?;
            let Sealed { root, bytes } = self.seal(&row.name, row.version, &value)?;
            done += usize::from(self.store.reseal_secret(SecretRow { root, sealed: bytes, ..row }).await?);
        }
        Ok(done)
    }

    fn seal(&self, name: &str, version: u64, value: &Secret) -> Result<Sealed, VaultError> {
        let context = SealContext { installation: &self.installation, name, version };
        self.ring.seal(&context, value).map_err(|error| VaultError::Sealed { name: name.to_owned(), error })
    }

    fn open(&self, row: &SecretRow) -> Result<Secret, VaultError> {
        let context = SealContext { installation: &self.installation, name: &row.name, version: row.version };
        let sealed = Sealed { root: row.root, bytes: row.sealed.clone() };
        self.ring.open_sealed(&context, &sealed).map_err(|error| VaultError::Sealed { name: row.name.clone(), error })
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
