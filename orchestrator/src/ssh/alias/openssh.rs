//! Asking OpenSSH what an alias means: `ssh -G`.

use super::text::{Tokens, jumps};
use super::{AliasError, Resolved};
use crate::ssh::limits::{ALIAS, ALIAS_BYTES};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::AsyncReadExt;
use tokio::process::Command;

/// What OpenSSH tries where no file is named. They are no choice of the user's; the installation's own identity goes before.
const DEFAULT_IDENTITIES: [&str; 7] = [
    "~/.ssh/id_rsa",
    "~/.ssh/id_ecdsa",
    "~/.ssh/id_ecdsa_sk",
    "~/.ssh/id_ed25519",
    "~/.ssh/id_ed25519_sk",
    "~/.ssh/id_xmss",
    "~/.ssh/id_dsa",
];

/// The user's `ssh`, where there is one.
pub(super) fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).filter(|dir| dir.is_absolute()).map(|dir| dir.join("ssh")).find(|file| file.is_file())
}

/// Ask it.
///
/// # Errors
/// It refuses, takes too long, or says what cannot be followed.
pub(super) async fn resolve(program: &Path, alias: &str, config: Option<&Path>) -> Result<Resolved, AliasError> {
    let mut command = Command::new(program);
    command.arg("-G");
    if let Some(config) = config {
        command.arg("-F").arg(config);
    }
    // A group of its own, so that what `Match exec` started can be ended with it.
    command.arg("--").arg(alias).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
    let failed = |error: std::io::Error| AliasError(format!("{} could not be asked about `{alias}`: {error}", program.display()));
    let mut child = command.spawn().map_err(failed)?;
    let group = child.id();
    let mut output = Vec::new();
    let mut said = Vec::new();
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let asking = async {
        if let (Some(out), Some(err)) = (out, err) {
            let (mut out, mut err) = (out.take(ALIAS_BYTES), err.take(ALIAS_BYTES));
            tokio::try_join!(out.read_to_end(&mut output), err.read_to_end(&mut said))?;
        }
        child.wait().await
    };
    let status = tokio::time::timeout(ALIAS, asking).await;
    let Ok(status) = status else {
        if let Some(pid) = group.and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw) {
            let _gone_already = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
        }
        return Err(AliasError(format!("`ssh -G {alias}` gave no answer within {} s (a `Match exec` that hangs?)", ALIAS.as_secs())));
    };
    if !status.map_err(failed)?.success() {
        let why = crate::ssh::fault::printable(&said, 300);
        return Err(AliasError(format!("`ssh -G {alias}` refuses: {why}")));
    }
    read(alias, &String::from_utf8_lossy(&output))
}

/// Read what `ssh -G` prints: a keyword in lower case and its value in each line.
pub(super) fn read(alias: &str, output: &str) -> Result<Resolved, AliasError> {
    let all = |keyword: &str| {
        let keyword = keyword.to_owned();
        output.lines().filter_map(move |line| line.split_once(' ').filter(|(key, _)| *key == keyword).map(|(_, value)| value))
    };
    let one = |keyword: &str| all(keyword).next();
    if let Some(command) = one("proxycommand").filter(|command| !command.eq_ignore_ascii_case("none")) {
        return Err(AliasError(format!(
            "`{alias}` has `ProxyCommand {command}`: commands are not run on the way to a host. Use ProxyJump, or add the host by its address"
        )));
    }
    let missing = |what: &str| AliasError(format!("`ssh -G {alias}` names no {what}"));
    let address = one("hostname").ok_or_else(|| missing("hostname"))?;
    let user = one("user");
    let port = one("port").and_then(|port| port.parse().ok()).filter(|port| *port > 0).ok_or_else(|| missing("port"))?;
    let name = alias.rsplit_once('@').map_or(alias, |(_, name)| name);
    let tokens = Tokens { alias: name, address, user: user.unwrap_or_default() };
    let paths = |values: Vec<&str>| values.into_iter().map(|value| tokens.path(value)).collect::<Result<Vec<_>, _>>();
    let named = all("identityfile").filter(|file| !DEFAULT_IDENTITIES.contains(file) && !file.eq_ignore_ascii_case("none")).collect();
    let known = one("userknownhostsfile").unwrap_or_default().split(' ').filter(|file| !file.is_empty() && *file != "none").collect();
    Ok(Resolved {
        address: address.to_owned(),
        port,
        user: user.map(str::to_owned),
        identities: paths(named)?,
        certificates: paths(all("certificatefile").filter(|file| !file.eq_ignore_ascii_case("none")).collect())?,
        jumps: one("proxyjump").map(jumps).unwrap_or_default(),
        known_hosts: paths(known)?,
        key_name: one("hostkeyalias").filter(|name| *name != "none").map(str::to_owned),
    })
}
