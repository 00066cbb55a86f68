//! Where a host is and what is passed on the way: from options, or from an alias of ssh_config.

use super::add::LoginArgs;
use super::expected::{ExpectedArgs, absolute};
use super::target::Target;
use crate::envelope::Problem;
use crate::error_code::ErrorCode;
use crate::ssh::alias::{AliasError, Aliases, Resolved};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// What was asked for.
pub struct Asked<'a> {
    pub target: &'a str,
    pub config: Option<PathBuf>,
    pub login: &'a LoginArgs,
    pub expected: &'a ExpectedArgs,
    pub jump: &'a [String],
    pub jump_fingerprints: &'a [String],
    pub jump_identity: Option<&'a PathBuf>,
}

/// One machine, as the API takes it.
pub struct Machine {
    pub target: Target,
    pub login: Value,
    pub expected: Value,
    pub key_name: Option<String>,
}

impl Machine {
    /// As a machine on the way.
    #[must_use]
    pub fn into_json(self) -> Value {
        let Target { user, address, port } = self.target;
        json!({ "address": address, "port": port, "user": user, "login": self.login, "expected": self.expected, "key_name": self.key_name })
    }
}

/// The way to a host.
pub struct Way {
    pub alias: Option<String>,
    pub host: Machine,
    pub jumps: Vec<Machine>,
}

/// Find it.
///
/// # Errors
/// `usage`: what is not understood, and where it stands.
pub async fn resolve(asked: Asked<'_>) -> Result<Way, Problem> {
    let by_alias = asked.config.is_some() || Target::is_bare(asked.target);
    let config = asked.config.as_deref().map(absolute).transpose()?;
    let mut aliases = Aliases::new(config);
    let host = if by_alias { aliases.resolve(asked.target).await.map_err(not_read)? } else { literal(asked.target)? };
    let names = if asked.jump.is_empty() { host.jumps.clone() } else { asked.jump.to_vec() };
    let jumps = if by_alias || names.iter().any(|name| Target::is_bare(name)) {
        aliases.way(&names).await.map_err(not_read)?
    } else {
        names.iter().map(|name| literal(name)).collect::<Result<_, _>>()?
    };
    if asked.jump_fingerprints.len() > jumps.len() {
        let message = format!("{} fingerprints for {} machines on the way", asked.jump_fingerprints.len(), jumps.len());
        return Err(Problem::new(ErrorCode::Usage, message));
    }
    let alias = by_alias.then(|| asked.target.rsplit_once('@').map_or(asked.target, |(_, name)| name).to_owned());
    let jumps = jumps.into_iter().enumerate().map(|(at, jump)| asked.jump(jump, at)).collect::<Result<_, _>>()?;
    Ok(Way { alias, host: asked.host(host)?, jumps })
}

fn not_read(error: AliasError) -> Problem {
    Problem::new(ErrorCode::Usage, error.0)
}

fn literal(text: &str) -> Result<Resolved, Problem> {
    let Target { user, address, port } = Target::parse(text)?;
    Ok(Resolved { address, port, user: Some(user), ..Resolved::default() })
}

impl Asked<'_> {
    fn host(&self, read: Resolved) -> Result<Machine, Problem> {
        let login = if self.login.is_given() { login(self.login)? } else { named(&read) };
        let name = read.key_name.clone().unwrap_or_else(|| read.address.clone());
        let expected = if self.expected.is_given() { self.expected.body(&name, read.port)? } else { known(&read) };
        Ok(Machine { target: target(&read)?, login, expected, key_name: read.key_name })
    }

    fn jump(&self, read: Resolved, at: usize) -> Result<Machine, Problem> {
        let login = match self.jump_identity {
            Some(path) => json!({ "identity": absolute(path)? }),
            None if !read.identities.is_empty() => named(&read),
            None => login(self.login)?,
        };
        let name = read.key_name.clone().unwrap_or_else(|| read.address.clone());
        let expected = match self.jump_fingerprints.get(at) {
            Some(fingerprint) => json!({ "fingerprint": fingerprint }),
            None if self.expected.is_for_all() => self.expected.body(&name, read.port)?,
            None => known(&read),
        };
        Ok(Machine { target: target(&read)?, login, expected, key_name: read.key_name })
    }
}

fn target(read: &Resolved) -> Result<Target, Problem> {
    let none = || Problem::new(ErrorCode::Usage, format!("who logs in to {}? Name a user, or set USER", read.address));
    let user = read.user.clone().or_else(|| std::env::var("USER").ok()).ok_or_else(none)?;
    Ok(Target { user, address: read.address.clone(), port: read.port })
}

fn login(given: &LoginArgs) -> Result<Value, Problem> {
    let path = |path: &Option<PathBuf>| path.as_deref().map(absolute).transpose();
    let LoginArgs { identity, certificate, agent, agent_key } = given;
    Ok(json!({ "identity": path(identity)?, "certificate": path(certificate)?, "agent": agent, "agent_key": agent_key }))
}

/// The first key that the alias names and that is there, with its certificate; the installation's own where there is none.
fn named(read: &Resolved) -> Value {
    let there = |paths: &[PathBuf]| paths.iter().find(|path| path.is_file()).cloned();
    let Some(identity) = there(&read.identities) else { return json!({}) };
    let beside = PathBuf::from(format!("{}-cert.pub", identity.display()));
    let certificate = there(&read.certificates).or_else(|| Path::is_file(&beside).then_some(beside));
    json!({ "identity": identity, "certificate": certificate })
}

/// The known_hosts files of an alias that are there.
fn known(read: &Resolved) -> Value {
    let files: Vec<&PathBuf> = read.known_hosts.iter().filter(|path| path.is_file()).collect();
    if files.is_empty() { Value::Null } else { json!({ "known_hosts": files }) }
}
