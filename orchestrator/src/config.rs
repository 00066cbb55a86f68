//! Where an installation lives, and how it is configured.

use crate::outbound::policy::Policy;
use serde::{Deserialize, Serialize};
use sortie_core::plan::NotifyRule;
use sortie_protocol::spec::Trust;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The folder of an installation: `$SORTIE_HOME`, mode 0700.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home(PathBuf);

impl Home {
    /// The folder at this path.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// `config.toml`.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.0.join("config.toml")
    }

    /// Signing keys and roots.
    #[must_use]
    pub fn keys(&self) -> PathBuf {
        self.0.join("keys")
    }

    /// The installation's own SSH identity.
    #[must_use]
    pub fn identity(&self) -> PathBuf {
        self.0.join("ssh").join("id_ed25519")
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.0.join("sortie.db")
    }

    /// What jobs and steps have kept.
    #[must_use]
    pub fn resources(&self) -> PathBuf {
        self.0.join("resources")
    }

    /// Output of jobs.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.0.join("logs")
    }

    /// The operator's bearer token, mode 0600.
    #[must_use]
    pub fn operator_token(&self) -> PathBuf {
        self.0.join("operator.token")
    }

    /// Former public URLs: audiences of tokens that may still be open.
    #[must_use]
    pub fn audiences(&self) -> PathBuf {
        self.0.join("audiences.json")
    }
}

/// `config.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the callback server listens.
    pub listen: SocketAddr,
    /// Where the operator API listens; loopback unless you mean it.
    pub operator_listen: SocketAddr,
    /// The base URL under which VMs reach the callback server. Signed into every token and URL.
    pub public_url: String,
    /// Whether callbacks may go over plain HTTP. Only for networks you trust whole.
    #[serde(default)]
    pub plain_http: bool,
    /// Certificate chain and key of the callback server (PEM); without them it speaks HTTP, for a proxy in front.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// CA certificates (PEM) that the shims are to trust for `public_url`, instead of their system's roots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_ca: Option<PathBuf>,
    /// What the server itself may send to.
    #[serde(default, skip_serializing_if = "Outbound::is_default")]
    pub outbound: Outbound,
    /// Who is told of what, where a flow says nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notify: Vec<NotifyRule>,
    /// Shims to put on hosts of their machine type instead of those inside this program: one file, or a list.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "one_or_many")]
    pub shim: Vec<PathBuf>,
    /// Keys and certificates that count for no host and no machine on the way: a key revocation list of `ssh-keygen -k`, or lines of
    /// public keys, as OpenSSH's `RevokedHostKeys`. Read for every connection; where it cannot be read nothing is connected to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_host_keys: Option<PathBuf>,
}

/// What the server itself may send to, beside public addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outbound {
    /// Networks (`10.0.0.0/8`), addresses and names of hosts.
    #[serde(default)]
    pub allow: Vec<String>,
}

impl Outbound {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

fn one_or_many<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<PathBuf>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Given {
        One(PathBuf),
        Many(Vec<PathBuf>),
    }
    Given::deserialize(from).map(|given| match given {
        Given::One(path) => vec![path],
        Given::Many(paths) => paths,
    })
}

/// TLS by files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Certificate chain, PEM.
    pub certificate: PathBuf,
    /// Private key, PEM, mode 0600.
    pub key: PathBuf,
}

/// Why a configuration was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}: {error}; run `sortie init` first, or set SORTIE_HOME")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file is not of the form.
    #[error("{path}: {message}")]
    Form {
        /// Which file.
        path: PathBuf,
        /// What is wrong and where.
        message: String,
    },
}

impl Config {
    /// The configuration of a fresh installation: everything on loopback.
    #[must_use]
    pub fn fresh() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7433)),
            operator_listen: SocketAddr::from(([127, 0, 0, 1], 7434)),
            public_url: "http://127.0.0.1:7433".to_owned(),
            plain_http: true,
            tls: None,
            callback_ca: None,
            outbound: Outbound::default(),
            notify: Vec::new(),
            shim: Vec::new(),
            revoked_host_keys: None,
        }
    }

    /// Read and check `config.toml`.
    ///
    /// # Errors
    /// [`ConfigError`] naming the file and what is wrong.
    pub fn load(home: &Home) -> Result<Self, ConfigError> {
        let path = home.config();
        let text = std::fs::read_to_string(&path).map_err(|error| ConfigError::Read { path: path.clone(), error })?;
        let form = |message: String| ConfigError::Form { path: path.clone(), message };
        let config: Self = toml::from_str(&text).map_err(|error| form(error.to_string()))?;
        config.check().map_err(form)?;
        Ok(config)
    }

    /// What cannot be right about it.
    ///
    /// # Errors
    /// For people: what is wrong and what to do.
    pub fn check(&self) -> Result<(), String> {
        let url = url::Url::parse(&self.public_url).map_err(|error| format!("public_url `{}`: {error}", self.public_url))?;
        match url.scheme() {
            "https" => {}
            "http" if self.plain_http => {}
            "http" => return Err("public_url is http: use https, or set plain_http = true for a network you trust whole".to_owned()),
            other => return Err(format!("public_url must be http or https, not {other}")),
        }
        if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
            return Err("public_url may have a host, a port and a path, nothing else".to_owned());
        }
        Policy::parse(&self.outbound.allow)?;
        Ok(())
    }

    /// The public URL without a trailing slash: `aud` of every token.
    #[must_use]
    pub fn audience(&self) -> &str {
        self.public_url.trim_end_matches('/')
    }

    /// How shims are to judge the callback server.
    ///
    /// # Errors
    /// When `callback_ca` cannot be read.
    pub fn trust(&self) -> Result<Trust, ConfigError> {
        if self.audience().starts_with("http://") {
            return Ok(Trust::PlainHttp);
        }
        match &self.callback_ca {
            None => Ok(Trust::System),
            Some(path) => std::fs::read_to_string(path).map(Trust::Ca).map_err(|error| ConfigError::Read { path: path.clone(), error }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_configuration_survives_its_file_and_bad_ones_are_named() {
        let text = toml::to_string(&Config::fresh()).unwrap();
        assert_eq!(toml::from_str::<Config>(&text).unwrap(), Config::fresh());
        let plain = Config { plain_http: false, ..Config::fresh() };
        assert!(plain.check().unwrap_err().contains("https"));
        let query = Config { public_url: "https://a.example/?x=1".to_owned(), ..Config::fresh() };
        assert!(query.check().is_err());
    }
}
