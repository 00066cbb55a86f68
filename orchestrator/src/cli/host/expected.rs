//! What a machine must show, as options say it.

use crate::cli::context::read_text;
use crate::envelope::Problem;
use crate::error_code::ErrorCode;
use crate::ssh::pins::key_line;
use clap::Args;
use serde_json::{Value, json};
use sortie_keys::known_hosts::KnownHosts;
use std::path::{Path, PathBuf};

#[derive(Args, Clone, Default)]
#[group(multiple = false)]
/// What the host must prove.
pub struct ExpectedArgs {
    /// Fingerprint of the host key, as `ssh-keygen -l` shows it
    #[arg(long, value_name = "SHA256:...")]
    pub host_key_fingerprint: Option<String>,
    /// File of public key lines, one of which the host must show
    #[arg(long, value_name = "FILE")]
    pub host_key_file: Option<PathBuf>,
    /// Authority whose host certificates are believed: a public key line, a file of them, or a known_hosts file with
    /// @cert-authority lines; the certificate must be made out to the address (or the alias' HostKeyAlias)
    #[arg(long, value_name = "FILE|LINE")]
    pub host_ca: Option<String>,
    /// known_hosts file that has the host, and the machines on the way to it
    #[arg(long, value_name = "FILE")]
    pub known_hosts: Option<PathBuf>,
    /// Believe whatever it shows now; recorded in the audit log
    #[arg(long)]
    pub trust_on_first_use: bool,
}

impl ExpectedArgs {
    /// Whether anything was said.
    #[must_use]
    pub fn is_given(&self) -> bool {
        self.host_key_fingerprint.is_some() || self.host_key_file.is_some() || self.is_for_all()
    }

    /// Whether what was said is meant for the machines on the way too.
    #[must_use]
    pub fn is_for_all(&self) -> bool {
        self.host_ca.is_some() || self.known_hosts.is_some() || self.trust_on_first_use
    }

    /// As the API takes it, for the machine of this name and port; null where nothing was said.
    ///
    /// # Errors
    /// A file that cannot be read, or that has no authority for the machine.
    pub fn body(&self, name: &str, port: u16) -> Result<Value, Problem> {
        Ok(match self {
            Self { host_key_fingerprint: Some(text), .. } => json!({ "fingerprint": text }),
            Self { host_key_file: Some(path), .. } => json!({ "keys": key_lines(&read_text(path)?) }),
            Self { host_ca: Some(given), .. } => json!({ "authorities": authorities(given, name, port)? }),
            Self { known_hosts: Some(path), .. } => json!({ "known_hosts": absolute(path)? }),
            Self { trust_on_first_use: true, .. } => json!({ "trust_on_first_use": true }),
            _ => Value::Null,
        })
    }
}

/// The lines of a file of public keys.
pub fn key_lines(file: &str) -> Vec<String> {
    file.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

/// Lines of authorities for a machine: given as such, in a file, or behind `@cert-authority` of a known_hosts file, whose
/// `@revoked` keys come with them.
///
/// # Errors
/// No such file, or nothing for the machine in it.
pub fn authorities(given: &str, name: &str, port: u16) -> Result<Vec<String>, Problem> {
    let is_line =
        |text: &str| ["ssh-", "ecdsa-", "sk-", "@cert-authority"].iter().any(|start| text.starts_with(start)) && text.contains(' ');
    let text = if is_line(given) { given.to_owned() } else { read_text(Path::new(given))? };
    let lines = key_lines(&text);
    let (marked, mut found): (Vec<String>, Vec<String>) = lines.into_iter().partition(|line| line.starts_with('@'));
    let known = KnownHosts::parse(marked.join("\n").as_bytes());
    found.extend(known.authorities_for(name, port).iter().map(key_line));
    if found.is_empty() {
        return Err(Problem::new(ErrorCode::Usage, format!("--host-ca names no authority for `{name}`")));
    }
    found.extend(known.revoked_for(name, port).iter().map(|key| format!("@revoked {}", key_line(key))));
    Ok(found)
}

/// An absolute path.
///
/// # Errors
/// `usage`.
pub fn absolute(path: &Path) -> Result<PathBuf, Problem> {
    std::path::absolute(path).map_err(|error| Problem::new(ErrorCode::Usage, format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_are_read_from_lines_files_and_known_hosts() {
        let ca = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
        let lost = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB9dG4kjRhQTtWTVzd2t27+t0DEHBPW7iOD23TUiYLio";
        assert_eq!(authorities(ca, "vm", 22).unwrap(), [ca]);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("known");
        std::fs::write(&path, format!("# of the site\n@cert-authority *.example {ca}\n@revoked * {lost}\n")).unwrap();
        let given = path.to_str().unwrap();
        assert_eq!(authorities(given, "vm.example", 22).unwrap(), [ca.to_owned(), format!("@revoked {lost}")]);
        assert!(authorities(given, "elsewhere", 22).unwrap_err().message.contains("no authority"));
    }
}
