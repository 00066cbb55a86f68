//! Making an installation: folder, configuration, keys, identity, operator token, store.

use crate::clock::Clock;
use crate::config::{Config, Home};
use sortie_keys::ssh::{Identity, IdentityError};
use sortie_keys::{KeyRing, RingError, Secret};
use sortie_store::sqlite::SqliteStore;
use sortie_store::{Store, StoreError};
use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// What was made.
pub struct Created {
    /// The installation's SSH identity; its public line goes to the hosts.
    pub identity: Identity,
    /// Id of the installation.
    pub installation: String,
}

/// Why nothing was made, or not all.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// There is something already.
    #[error("{0} exists already; nothing was changed")]
    Exists(PathBuf),
    /// A file could not be written.
    #[error("{path}: {error}")]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The configuration cannot be right.
    #[error("{0}")]
    Config(String),
    /// The keys.
    #[error(transparent)]
    Keys(#[from] RingError),
    /// The SSH identity.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Make an installation in a folder that has none.
///
/// # Errors
/// [`SetupError`]; an installation that is there already is left alone.
pub async fn create(home: &Home, config: &Config) -> Result<Created, SetupError> {
    config.check().map_err(SetupError::Config)?;
    if home.config().exists() {
        return Err(SetupError::Exists(home.config()));
    }
    private_folder(home.path())?;
    private_folder(&home.path().join("ssh"))?;
    KeyRing::create(&home.keys(), Clock::system().now())?;
    let identity = Identity::generate(&home.identity(), "sortie")?;
    private_file(&home.operator_token(), random_token().expose())?;
    let store = SqliteStore::open(&home.store())?;
    let installation = store.installation().await?;
    store.close().await?;
    // Last: with it the installation is whole.
    let text = toml::to_string(config).map_err(|error| SetupError::Config(error.to_string()))?;
    private_file(&home.config(), text.as_bytes())?;
    Ok(Created { identity, installation: installation.id })
}

/// An operator's token: 32 random bytes as text.
#[must_use]
pub fn random_token() -> Secret {
    Secret::new(data_encoding::BASE64URL_NOPAD.encode(&crate::driver::entropy().0))
}

fn private_folder(path: &Path) -> Result<(), SetupError> {
    match DirBuilder::new().recursive(true).mode(0o700).create(path) {
        Ok(()) => Ok(()),
        Err(error) => Err(SetupError::Write { path: path.to_owned(), error }),
    }
}

fn private_file(path: &Path, bytes: &[u8]) -> Result<(), SetupError> {
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|error| SetupError::Write { path: path.to_owned(), error })
}
