//! Keys and certificates by `ssh-keygen`, and a server that shows one.

use crate::ssh_support::{Sshd, keygen};
use std::path::Path;
use std::process::Command;

/// Sign `key`.pub with a CA; gives nothing, leaves `key`-cert.pub. `more` are options of `ssh-keygen`.
pub fn sign(ca: &Path, key: &Path, more: &[&str]) {
    let public = key.with_extension("pub");
    let output = Command::new("ssh-keygen").args(["-q", "-s"]).arg(ca).args(["-I", "test"]).args(more).arg(&public).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// A CA in the server's folder; its public line.
pub fn authority(sshd: &Sshd, name: &str, kind: &str) -> String {
    keygen(&sshd.path(name), kind)
}

/// A server whose host key has a certificate, signed as `more` says by the CA of the name `ca`; and that CA's line.
pub fn certified(kind: &str, more: &[&str]) -> (Sshd, String) {
    let mut line = String::new();
    let sshd = Sshd::prepared("ed25519", "HostCertificate {dir}/host_key-cert.pub\n", |dir| {
        line = keygen(&dir.join("ca"), kind);
        let mut options = vec!["-h"];
        options.extend(more);
        sign(&dir.join("ca"), &dir.join("host_key"), &options);
    });
    (sshd, line)
}
