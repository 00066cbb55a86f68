//! The one place that builds adapters and ties them together.

use crate::clock::Clock;
use crate::config::{Config, ConfigError, Home};
use crate::driver::{Driver, Evaluators, Parts};
use crate::launcher::Launcher;
use crate::launchers::Launchers;
use crate::launchers::local::LocalLauncher;
use crate::limits;
use crate::logs::Logs;
use crate::resources::Resources;
use crate::shim::Shim;
use crate::ssh::{Config as SshConfig, SshLauncher};
use crate::triggers::hooks::SecretOf;
use crate::triggers::scheduler::Bell;
use crate::vault::{Vault, VaultError};
use crate::worker::mailbox::Mailboxes;
use sortie_keys::{CachedVerifier, KeyRing, RingError};
use sortie_store::model::Installation;
use sortie_store::sqlite::SqliteStore;
use sortie_store::{Store, StoreError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Everything a part of the running program may need. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// Where the installation lives.
    pub home: Home,
    /// How it is configured.
    pub config: Arc<Config>,
    /// Who it is.
    pub installation: Installation,
    /// Its store.
    pub store: Arc<dyn Store>,
    /// Keys and the tokens verified lately.
    pub tokens: Arc<CachedVerifier>,
    /// Reaches hosts.
    pub launcher: Arc<dyn Launcher>,
    /// Adds and tests hosts.
    pub ssh: Arc<SshLauncher>,
    /// Asks shims of this machine.
    pub local: Arc<LocalLauncher>,
    /// Questions that wait for workers.
    pub workers: Arc<Mailboxes>,
    /// Delivers inputs and does due work.
    pub driver: Driver,
    /// The clock.
    pub clock: Clock,
    /// Wakes the loop of schedules.
    pub bell: Bell,
    /// Looks up secrets of webhooks.
    pub secrets: SecretOf,
}

/// Why an installation could not be opened. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The keys.
    #[error(transparent)]
    Keys(#[from] RingError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The folder or the shim.
    #[error("{path}: {message}")]
    Path {
        /// Which.
        path: PathBuf,
        /// What is wrong and what to do.
        message: String,
    },
}

impl App {
    /// Open an installation that `sortie init` made.
    ///
    /// # Errors
    /// [`OpenError`], saying what is wrong, where, and what to do.
    pub async fn open(home: Home) -> Result<Self, OpenError> {
        let config = Config::load(&home)?;
        Self::open_with(home, config).await
    }

    /// As [`App::open`], with a configuration that is in no file.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open_with(home: Home, config: Config) -> Result<Self, OpenError> {
        private_folder(home.path())?;
        // This very program, also after its file was replaced by a newer one.
        let program = PathBuf::from("/proc/self/exe");
        let ring = KeyRing::open(&home.keys())?;
        let store: Arc<dyn Store> = SqliteStore::open(&home.store())?;
        let installation = store.installation().await?;
        let audiences = remember_audience(&home, config.audience())?;
        let mut ssh = SshConfig::new(home.identity());
        for path in config.shim.iter().rev() {
            ssh.shims.put(Shim::from_file(path).map_err(|error| path_error(path, error))?);
        }
        ssh.revoked.clone_from(&config.revoked_host_keys);
        let (local, workers) = (Arc::new(LocalLauncher::new(&ssh.shims)), Arc::new(Mailboxes::default()));
        let ssh = Arc::new(SshLauncher::new(ssh));
        let launcher: Arc<dyn Launcher> = Arc::new(Launchers { ssh: ssh.clone(), local: local.clone(), worker: workers.clone() });
        let tokens = Arc::new(CachedVerifier::new(ring));
        let clock = Clock::system();
        let config = Arc::new(config);
        let resources =
            Resources::open(&home.resources(), Arc::clone(&store), clock).map_err(|error| path_error(&home.resources(), error))?;
        let logs = Logs::open(&home.logs(), Arc::clone(&store), clock).map_err(|error| path_error(&home.logs(), error))?;
        let driver = Driver::new(Parts {
            store: Arc::clone(&store),
            tokens: Arc::clone(&tokens),
            launcher: Arc::clone(&launcher),
            evaluators: Evaluators::new(program, limits::EVALUATORS),
            resources,
            logs,
            clock,
            config: Arc::clone(&config),
            installation: installation.clone(),
            audiences,
        });
        let vault = Vault::new(Arc::clone(&store), tokens.ring().clone(), installation.id.clone());
        let secrets = secrets_of(Arc::new(vault));
        Ok(Self { home, config, installation, store, tokens, launcher, ssh, local, workers, driver, clock, bell: Bell::default(), secrets })
    }
}

/// Secrets of webhooks, from the vault. One that is not there is no error: its deliveries are not believed.
fn secrets_of(vault: Arc<Vault>) -> SecretOf {
    Arc::new(move |name| {
        let vault = Arc::clone(&vault);
        Box::pin(async move {
            match vault.secret(&name).await {
                Ok(secret) => Ok(Some(secret.expose().to_vec())),
                Err(VaultError::Missing { .. }) => Ok(None),
                Err(error) => Err(error.to_string()),
            }
        })
    })
}

/// Keys and tokens live in it: nobody else may look.
fn private_folder(path: &Path) -> Result<(), OpenError> {
    use std::os::unix::fs::PermissionsExt;
    let metadata =
        std::fs::metadata(path).map_err(|error| path_error(path, format!("{error}; run `sortie init` first, or set SORTIE_HOME")))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(path_error(path, format!("mode {mode:o} lets others look; run `chmod 700 {}`", path.display())));
    }
    Ok(())
}

fn path_error(path: &Path, message: impl ToString) -> OpenError {
    OpenError::Path { path: path.to_owned(), message: message.to_string() }
}

/// Audiences of tokens that are taken: the present public URL first, then former ones.
fn remember_audience(home: &Home, audience: &str) -> Result<Vec<String>, OpenError> {
    let path = home.audiences();
    let known: Vec<String> = match std::fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| path_error(&path, error))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(path_error(&path, error)),
    };
    if known.first().is_some_and(|first| first == audience) {
        return Ok(known);
    }
    let former = known.into_iter().filter(|url| url != audience).take(limits::FORMER_AUDIENCES);
    let all: Vec<String> = std::iter::once(audience.to_owned()).chain(former).collect();
    let temporary = path.with_extension("new");
    std::fs::write(&temporary, serde_json::json!(all).to_string()).map_err(|error| path_error(&temporary, error))?;
    std::fs::rename(&temporary, &path).map_err(|error| path_error(&path, error))?;
    Ok(all)
}
