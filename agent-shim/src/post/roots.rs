//! The system's CA certificates, read from the files that distributions keep them in.

use crate::limits::CA_BUNDLE_BYTES;
use std::io::Read as _;
use std::path::Path;
use ureq::tls::{Certificate, PemItem, parse_pem};

/// Bundles, the first that holds a certificate wins: Debian and Alpine, Fedora and RHEL, SUSE, Arch, OpenSSL's own.
const BUNDLES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ca-certificates/extracted/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
/// Directories of single certificates, where there is no bundle.
const DIRECTORIES: [&str; 2] = ["/etc/ssl/certs", "/etc/pki/tls/certs"];

/// The system's roots; empty where none are found.
pub fn system() -> Vec<Certificate<'static>> {
    let named = std::env::var_os("SSL_CERT_FILE").map(std::path::PathBuf::from);
    let bundles = named.into_iter().chain(BUNDLES.iter().map(Into::into));
    let directories = DIRECTORIES.iter().map(Path::new);
    let bundle = bundles.map(|path| file(&path)).find(|found| !found.is_empty());
    bundle.or_else(|| directories.map(directory).find(|found| !found.is_empty())).unwrap_or_default()
}

/// The certificates in a PEM text; what else is in it is passed over.
pub fn parse(pem: &[u8]) -> Vec<Certificate<'static>> {
    parse_pem(pem).filter_map(|item| if let Ok(PemItem::Certificate(found)) = item { Some(found) } else { None }).collect()
}

fn file(path: &Path) -> Vec<Certificate<'static>> {
    let mut pem = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(CA_BUNDLE_BYTES).read_to_end(&mut pem));
    if read.is_ok() { parse(&pem) } else { Vec::new() }
}

fn directory(path: &Path) -> Vec<Certificate<'static>> {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| path.is_file()).flat_map(|path| file(&path)).collect()
}
