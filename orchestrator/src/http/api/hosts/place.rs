//! Machines as requests name them: where, how to log in, what they must show.

use crate::envelope::Problem;
use crate::error_code::ErrorCode;
use crate::ssh::enroll::{Expected, Place};
use crate::ssh::limits::JUMPS;
use crate::ssh::login::AGENT_HELD;
use serde::Deserialize;
use sortie_core::host::Login;
use std::path::PathBuf;

/// How to log in. Paths are absolute, on the server's machine.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LoginBody {
    /// A private key; without it the installation's own.
    pub(super) identity: Option<String>,
    /// An OpenSSH user certificate of that key.
    pub(super) certificate: Option<String>,
    /// With the ssh-agent at the server's `SSH_AUTH_SOCK`.
    #[serde(default)]
    pub(super) agent: bool,
    /// Which of the agent's keys, `SHA256:...`.
    pub(super) agent_key: Option<String>,
}

/// What a machine must show.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ExpectedBody {
    Fingerprint(String),
    Keys(Vec<String>),
    /// Lines of authorities, and of revoked keys.
    Authorities(Vec<String>),
    KnownHosts(Files),
    TrustOnFirstUse(bool),
}

/// One path or several.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Files {
    One(PathBuf),
    Many(Vec<PathBuf>),
}

/// A machine on the way to a host.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JumpBody {
    address: String,
    #[serde(default = "ssh_port")]
    port: u16,
    user: String,
    #[serde(default)]
    login: LoginBody,
    expected: Option<ExpectedBody>,
    key_name: Option<String>,
}

pub(super) const fn ssh_port() -> u16 {
    22
}

fn usage<T>(message: impl Into<String>) -> Result<T, Problem> {
    Err(Problem::new(ErrorCode::Usage, message.into()))
}

impl LoginBody {
    /// What is meant.
    ///
    /// # Errors
    /// `usage`: both a file and the agent, or a path that is not absolute.
    pub(super) fn login(&self) -> Result<Login, Problem> {
        let absolute = |path: &Option<String>, what: &str| match path {
            Some(path) if !path.starts_with('/') => usage(format!("the {what} is an absolute path on the server's machine")),
            path => Ok(path.clone()),
        };
        let (identity, certificate) = (absolute(&self.identity, "identity")?, absolute(&self.certificate, "certificate")?);
        let agent = self.agent || self.agent_key.is_some();
        Ok(match (identity, certificate, agent) {
            (Some(_), _, true) => return usage("a host is logged in to by a key or by the agent, not by both"),
            (identity, Some(certificate), false) => Login::Certificate { key: identity.unwrap_or_default(), certificate },
            (None, Some(certificate), true) => Login::Certificate { key: AGENT_HELD.to_owned(), certificate },
            (identity, None, false) => Login::Key(identity.unwrap_or_default()),
            (None, None, true) => match &self.agent_key {
                Some(fingerprint) if !fingerprint.starts_with("SHA256:") => {
                    return usage("the agent's key is named by its fingerprint, SHA256:..., as `ssh-add -l` shows it");
                }
                Some(fingerprint) => Login::AgentKey(fingerprint.trim_end_matches('=').to_owned()),
                None => Login::Agent,
            },
        })
    }
}

impl ExpectedBody {
    /// As the launcher takes it; nothing where nothing is said.
    pub(super) fn expected(&self) -> Option<Expected> {
        match self.clone() {
            Self::Fingerprint(text) => Some(Expected::Fingerprint(text)),
            Self::Keys(lines) => Some(Expected::Keys(lines)),
            Self::Authorities(lines) => Some(Expected::Authorities(lines)),
            Self::KnownHosts(Files::One(path)) => Some(Expected::KnownHosts(vec![path])),
            Self::KnownHosts(Files::Many(paths)) => Some(Expected::KnownHosts(paths)),
            Self::TrustOnFirstUse(trusted) => trusted.then_some(Expected::TrustOnFirstUse),
        }
    }
}

/// Machines on the way, checked.
///
/// # Errors
/// `usage`: too many, or one without address, user or port.
pub(super) fn jumps(asked: &[JumpBody]) -> Result<Vec<Place>, Problem> {
    if asked.len() > JUMPS {
        return usage(format!("at most {JUMPS} machines are passed on the way to a host"));
    }
    let place = |jump: &JumpBody| {
        let JumpBody { address, port, user, login, expected, key_name } = jump;
        place(address, *port, user, login, expected.as_ref(), key_name.as_deref())
    };
    asked.iter().map(place).collect()
}

/// A machine, checked.
///
/// # Errors
/// `usage`.
pub(super) fn place(
    address: &str,
    port: u16,
    user: &str,
    login: &LoginBody,
    expected: Option<&ExpectedBody>,
    key_name: Option<&str>,
) -> Result<Place, Problem> {
    if address.is_empty() || user.is_empty() || port == 0 {
        return usage("a host, and a machine on the way to it, needs an address, a user and a port");
    }
    let key_name = key_name.filter(|name| !name.is_empty()).map(str::to_owned);
    let expected = expected.and_then(ExpectedBody::expected);
    Ok(Place { address: address.to_owned(), port, user: user.to_owned(), login: login.login()?, expected, key_name })
}
