//! A parser of our own, for machines without OpenSSH: what it does not understand it refuses, by file and line.

use super::text::{Tokens, glob, jumps, takes};
use super::{AliasError, Resolved, at_home};
use crate::ssh::limits::{ALIAS_BYTES, ALIAS_FILES};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Keywords that change neither where a connection goes nor as whom, nor what the host must show.
const OF_NO_MATTER: [&str; 45] = [
    "addkeystoagent",
    "addressfamily",
    "batchmode",
    "bindaddress",
    "bindinterface",
    "checkhostip",
    "ciphers",
    "clearallforwardings",
    "compression",
    "connectionattempts",
    "connecttimeout",
    "controlmaster",
    "controlpath",
    "controlpersist",
    "dynamicforward",
    "escapechar",
    "exitonforwardfailure",
    "forwardagent",
    "forwardx11",
    "forwardx11trusted",
    "gssapiauthentication",
    "gssapidelegatecredentials",
    "hashknownhosts",
    "identitiesonly",
    "identityagent",
    "ipqos",
    "kexalgorithms",
    "localforward",
    "loglevel",
    "macs",
    "passwordauthentication",
    "permitlocalcommand",
    "preferredauthentications",
    "pubkeyauthentication",
    "remoteforward",
    "requesttty",
    "sendenv",
    "serveralivecountmax",
    "serveraliveinterval",
    "setenv",
    "streamlocalbindunlink",
    "stricthostkeychecking",
    "tcpkeepalive",
    "updatehostkeys",
    "visualhostkey",
];

/// Values as they are found: the first of each counts.
#[derive(Default)]
struct Found {
    hostname: Option<String>,
    port: Option<u16>,
    user: Option<String>,
    identities: Vec<String>,
    certificates: Vec<String>,
    jumps: Option<String>,
    known_hosts: Option<Vec<String>>,
    key_name: Option<String>,
    files: usize,
}

/// Read an alias from these files, the first counting most. Files that are not there say nothing.
///
/// # Errors
/// What is not understood, with file and line.
pub(super) fn resolve(alias: &str, files: &[PathBuf]) -> Result<Resolved, AliasError> {
    let (user, name) = alias.rsplit_once('@').map_or((None, alias), |(user, name)| (Some(user.to_owned()), name));
    let mut found = Found { user, ..Found::default() };
    for file in files {
        found.read(file, name, true)?;
    }
    let nothing = Tokens { alias: name, address: name, user: "" };
    let address = found.hostname.as_deref().map_or(Ok(name.to_owned()), |hostname| nothing.expand(hostname, "hn"))?;
    let local = std::env::var("USER").unwrap_or_default();
    let tokens = Tokens { alias: name, address: &address, user: found.user.as_deref().unwrap_or(&local) };
    let paths = |values: &[String]| -> Result<Vec<PathBuf>, AliasError> {
        values.iter().filter(|value| !value.eq_ignore_ascii_case("none")).map(|value| tokens.path(value)).collect()
    };
    let default_known = vec!["~/.ssh/known_hosts".to_owned(), "~/.ssh/known_hosts2".to_owned()];
    Ok(Resolved {
        port: found.port.unwrap_or(22),
        identities: paths(&found.identities)?,
        certificates: paths(&found.certificates)?,
        jumps: found.jumps.as_deref().map(jumps).unwrap_or_default(),
        known_hosts: paths(&found.known_hosts.unwrap_or(default_known))?,
        key_name: found.key_name,
        user: found.user.clone(),
        address,
    })
}

impl Found {
    /// Read one file. `active`: whether its first lines count, before any `Host`.
    fn read(&mut self, path: &Path, name: &str, mut active: bool) -> Result<(), AliasError> {
        self.files += 1;
        if self.files > ALIAS_FILES {
            return Err(AliasError(format!("{}: more than {ALIAS_FILES} files are included", path.display())));
        }
        let text = match std::fs::File::open(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(AliasError(format!("{}: {error}", path.display()))),
            Ok(file) => {
                let mut text = String::new();
                file.take(ALIAS_BYTES).read_to_string(&mut text).map_err(|error| AliasError(format!("{}: {error}", path.display())))?;
                text
            }
        };
        for (number, line) in text.lines().enumerate() {
            let refuse = |what: String| AliasError(format!("{} line {}: {what}", path.display(), number + 1));
            let Some((keyword, values)) = words(line).map_err(refuse)? else { continue };
            match keyword.as_str() {
                "host" => active = takes(values.iter().map(String::as_str), name),
                "match" => {
                    return Err(refuse(
                        "`Match` is not read here, and may change everything; install OpenSSH, or add the host by its address".into(),
                    ));
                }
                "include" if active => {
                    for value in &values {
                        for file in included(value, path).map_err(|error| refuse(error.0))? {
                            self.read(&file, name, true)?;
                        }
                    }
                }
                _ if !active => {}
                keyword => self.take(keyword, &values).map_err(refuse)?,
            }
        }
        Ok(())
    }

    fn take(&mut self, keyword: &str, values: &[String]) -> Result<(), String> {
        let one = || match values {
            [value] => Ok(value.clone()),
            _ => Err(format!("`{keyword}` takes one value")),
        };
        match keyword {
            "hostname" => first(&mut self.hostname, one()?),
            "port" => {
                let port = one()?.parse().ok().filter(|port| *port > 0).ok_or("`Port` is a number from 1 to 65535")?;
                first(&mut self.port, port);
            }
            "user" => first(&mut self.user, one()?),
            "identityfile" => self.identities.push(one()?),
            "certificatefile" => self.certificates.push(one()?),
            "proxyjump" => first(&mut self.jumps, one()?),
            "userknownhostsfile" => first(&mut self.known_hosts, values.to_vec()),
            "hostkeyalias" => first(&mut self.key_name, one()?),
            "proxycommand" if values.len() == 1 && values[0].eq_ignore_ascii_case("none") => {}
            "proxycommand" => {
                return Err(
                    "`ProxyCommand`: commands are not run on the way to a host. Use ProxyJump, or add the host by its address".into()
                );
            }
            other if OF_NO_MATTER.contains(&other) => {}
            other => return Err(format!("`{other}` is not understood here; install OpenSSH, or add the host by its address")),
        }
        Ok(())
    }
}

fn first<T>(place: &mut Option<T>, value: T) {
    if place.is_none() {
        *place = Some(value);
    }
}

/// A line as keyword (lower case) and values: `Keyword value ...` or `Keyword=value`, values in double quotes or not.
fn words(line: &str) -> Result<Option<(String, Vec<String>)>, String> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let end = line.find(|c: char| c.is_whitespace() || c == '=').ok_or("a keyword without a value")?;
    let (keyword, rest) = line.split_at(end);
    let rest = rest.trim_start();
    let mut rest = rest.strip_prefix('=').unwrap_or(rest).trim();
    let mut values = Vec::new();
    while !rest.is_empty() && !rest.starts_with('#') {
        let (value, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').ok_or("a quote that does not end")?,
            None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        values.push(value.to_owned());
        rest = after.trim_start();
    }
    if values.is_empty() { Err("a keyword without a value".to_owned()) } else { Ok(Some((keyword.to_ascii_lowercase(), values))) }
}

/// The files of an `Include`: `~/`, absolute, or beside the user's file; `*` and `?` in the last part of the path only.
fn included(value: &str, from: &Path) -> Result<Vec<PathBuf>, AliasError> {
    let nothing = Tokens { alias: "", address: "", user: "" };
    let path = at_home(&nothing.expand(value, "")?);
    let path = if path.is_absolute() { path } else { from.parent().unwrap_or(Path::new("/")).join(path) };
    let (Some(dir), Some(last)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return Err(AliasError(format!("`Include {value}` is no path")));
    };
    if dir.to_string_lossy().contains(['*', '?', '[']) || last.contains('[') {
        return Err(AliasError(format!("`Include {value}`: only `*` and `?` in the last part are read")));
    }
    if !last.contains(['*', '?']) {
        return Ok(vec![path]);
    }
    let fits = |name: &str| glob(last.as_bytes(), name.as_bytes()) && (last.starts_with('.') || !name.starts_with('.'));
    let entries =
        std::fs::read_dir(dir).map(|entries| entries.filter_map(Result::ok).filter(|entry| entry.file_name().to_str().is_some_and(fits)));
    let mut files: Vec<PathBuf> =
        entries.map(|entries| entries.map(|entry| entry.path()).take(ALIAS_FILES + 1).collect()).unwrap_or_default();
    files.sort();
    Ok(files)
}
