//! Aliases of the user's ssh_config: read once, when a host is added; what they mean is pinned in the host's row.
//!
//! Where OpenSSH is installed it is asked itself (`ssh -G`): nobody else knows all of what the file may say. That runs the
//! commands of `Match exec` lines, as every `ssh ALIAS` does. Elsewhere a parser of our own reads what it understands, and
//! refuses the rest by file and line rather than guess.

mod file;
mod openssh;
mod text;

use super::limits::JUMPS;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What an alias means, for one machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolved {
    /// Name or address to connect to.
    pub address: String,
    /// TCP port.
    pub port: u16,
    /// Login name; the local user's without one.
    pub user: Option<String>,
    /// Private keys that are named for it, in order; none where the file names none.
    pub identities: Vec<PathBuf>,
    /// User certificates that are named for it.
    pub certificates: Vec<PathBuf>,
    /// Machines on the way, as the file names them: `[USER@]HOST[:PORT]`.
    pub jumps: Vec<String>,
    /// known_hosts files.
    pub known_hosts: Vec<PathBuf>,
    /// `HostKeyAlias`.
    pub key_name: Option<String>,
}

/// Why an alias cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AliasError(pub String);

/// Reads aliases, each once as long as its files stay as they are.
#[derive(Debug, Default)]
pub struct Aliases {
    /// Another file than the user's and the system's.
    config: Option<PathBuf>,
    /// Where OpenSSH is not to be asked (tests).
    by_parser: bool,
    read: HashMap<String, (Vec<Option<SystemTime>>, Resolved)>,
}

impl Aliases {
    /// With the user's and the system's ssh_config, or with this file alone.
    #[must_use]
    pub fn new(config: Option<PathBuf>) -> Self {
        Self { config, ..Self::default() }
    }

    /// The same without OpenSSH.
    #[must_use]
    pub fn by_parser(config: Option<PathBuf>) -> Self {
        Self { config, by_parser: true, ..Self::default() }
    }

    /// The files, the user's first.
    fn files(&self) -> Vec<PathBuf> {
        match &self.config {
            Some(config) => vec![config.clone()],
            None => home().map(|home| home.join(".ssh/config")).into_iter().chain([PathBuf::from("/etc/ssh/ssh_config")]).collect(),
        }
    }

    /// What `[USER@]ALIAS` means, without the machines on the way.
    ///
    /// # Errors
    /// What is not understood, with file and line where it is known.
    pub async fn resolve(&mut self, alias: &str) -> Result<Resolved, AliasError> {
        let plain = !alias.is_empty() && !alias.starts_with('-') && alias.chars().all(|c| c.is_ascii_graphic());
        if !plain {
            return Err(AliasError(format!("`{}` is no name of a host", alias.escape_default())));
        }
        if let Some(config) = self.config.as_ref().filter(|config| !config.is_file()) {
            return Err(AliasError(format!("{} is no file", config.display())));
        }
        let changed = |path: &PathBuf| std::fs::metadata(path).and_then(|meta| meta.modified()).ok();
        let times: Vec<_> = self.files().iter().map(changed).collect();
        if let Some((_, resolved)) = self.read.get(alias).filter(|(read, _)| *read == times) {
            return Ok(resolved.clone());
        }
        let resolved = match openssh::program().filter(|_| !self.by_parser) {
            Some(program) => openssh::resolve(&program, alias, self.config.as_deref()).await?,
            None => file::resolve(alias, &self.files())?,
        };
        self.read.insert(alias.to_owned(), (times, resolved.clone()));
        Ok(resolved)
    }

    /// The machines on the way to one, nearest first, each read as an alias of its own. As with OpenSSH, the first may have
    /// machines before it; those of the others are named by the list itself.
    ///
    /// # Errors
    /// As [`Aliases::resolve`], and where there are too many.
    pub async fn way(&mut self, jumps: &[String]) -> Result<Vec<Resolved>, AliasError> {
        let mut names = jumps.to_vec();
        let mut way = Vec::new();
        let mut at = 0;
        while let Some(name) = names.get(at).cloned() {
            let jump =
                text::Jump::parse(&name).ok_or_else(|| AliasError(format!("ProxyJump {name}: not of the form [USER@]HOST[:PORT]")))?;
            let read = self.resolve(&jump.host).await?;
            if at == 0 && !read.jumps.is_empty() && way.is_empty() {
                if names.len() + read.jumps.len() > JUMPS {
                    return Err(AliasError(format!("ProxyJump: more than {JUMPS} machines on the way (or a circle)")));
                }
                names.splice(0..0, read.jumps.iter().cloned());
                continue;
            }
            way.push(Resolved { user: jump.user.or(read.user), port: jump.port.unwrap_or(read.port), jumps: vec![], ..read });
            at += 1;
            if way.len() > JUMPS {
                return Err(AliasError(format!("ProxyJump: more than {JUMPS} machines on the way")));
            }
        }
        Ok(way)
    }
}

fn home() -> Option<PathBuf> {
    std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute())
}

/// `~/x` below the home; other paths as they stand.
fn at_home(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), home()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => Path::new(path).to_owned(),
    }
}

#[cfg(test)]
#[path = "alias_tests.rs"]
mod tests;
