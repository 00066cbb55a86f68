//! A temporary folder on a real disk, and installations in it.

use anyhow::{Context, ensure};
use sortie::config::{Config, Home};
use sortie::setup;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// `TMPFS_MAGIC` of statfs(2).
const TMPFS: i64 = 0x0102_1994;

/// Where everything of a measurement lies. Removed at its end.
pub struct Place(TempDir);

impl Place {
    /// A folder below this one, or below the system's.
    ///
    /// # Errors
    /// Where it is in memory: a commit costs nothing there.
    pub fn new(below: Option<PathBuf>) -> anyhow::Result<Self> {
        let below = below.unwrap_or_else(std::env::temp_dir);
        let folder = tempfile::Builder::new().prefix("sortie-bench-").tempdir_in(&below).context("no temporary folder")?;
        let kind = rustix::fs::statfs(folder.path())?.f_type;
        ensure!(kind != TMPFS, "{} is in memory; give a folder on a disk with --folder", below.display());
        Ok(Self(folder))
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Remove it.
    ///
    /// # Errors
    /// As the system says.
    pub fn clean_up(self) -> anyhow::Result<()> {
        self.0.close().context("the temporary folder could not be removed")
    }
}

/// Make an installation that listens on free ports of loopback.
///
/// # Errors
/// As `sortie init`.
pub async fn installation(folder: &Path) -> anyhow::Result<(Home, Config, setup::Created)> {
    let (listen, operator_listen) = (free()?, free()?);
    let config = Config { listen, operator_listen, public_url: format!("http://{listen}"), plain_http: true, ..Config::fresh() };
    let home = Home::new(folder);
    let created = setup::create(&home, &config).await?;
    Ok((home, config, created))
}

/// A free port of loopback.
///
/// # Errors
/// Where there is none.
pub fn free() -> std::io::Result<SocketAddr> {
    TcpListener::bind(("127.0.0.1", 0))?.local_addr()
}
