//! TLS by certificate files. They may be renewed while the server runs: a change is picked up with the next connection.

use super::limits::TLS_LOOK;
use crate::config::Tls;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Largest certificate chain or key that is read, in bytes.
const FILE_BYTES: u64 = 1 << 20;

/// Why certificate and key cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {message}", path.display())]
pub struct TlsError {
    /// Which file.
    pub path: PathBuf,
    /// What is wrong and what to do.
    pub message: String,
}

/// Accepts TLS 1.2 and 1.3, HTTP/1.1 only. Cheap to clone.
#[derive(Clone)]
pub struct Acceptor(Arc<Shared>);

struct Shared {
    files: Tls,
    current: Mutex<Current>,
}

struct Current {
    config: Arc<ServerConfig>,
    stamps: [Option<Stamp>; 2],
    looked: Instant,
}

/// What tells one state of a file from another.
type Stamp = (u64, i64, i64, u64);

/// An acceptor from the configured files.
///
/// # Errors
/// [`TlsError`] naming the file: unreadable, open to others, not PEM, or not a pair.
pub fn acceptor(files: &Tls) -> Result<Acceptor, TlsError> {
    let stamps = stamps(files);
    let config = load(files)?;
    let current = Mutex::new(Current { config, stamps, looked: Instant::now() });
    Ok(Acceptor(Arc::new(Shared { files: files.clone(), current })))
}

impl Acceptor {
    /// Shake hands.
    ///
    /// # Errors
    /// As the peer or the network gives reason.
    pub async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        TlsAcceptor::from(self.config()).accept(stream).await
    }

    /// What connections are accepted with now.
    fn config(&self) -> Arc<ServerConfig> {
        let mut current = self.0.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.looked.elapsed() >= TLS_LOOK {
            current.looked = Instant::now();
            self.reload(&mut current);
        }
        Arc::clone(&current.config)
    }

    /// Takes changed files over where they can be used; what was good stays otherwise.
    fn reload(&self, current: &mut Current) {
        let stamps = stamps(&self.0.files);
        if stamps == current.stamps {
            return;
        }
        match load(&self.0.files) {
            Ok(config) => {
                tracing::info!("the TLS certificate was renewed");
                *current = Current { config, stamps, looked: current.looked };
            }
            Err(error) => tracing::error!(%error, "the changed TLS files cannot be used; the old ones stay"),
        }
    }
}

fn stamps(files: &Tls) -> [Option<Stamp>; 2] {
    [&files.certificate, &files.key].map(|path| {
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.ino(), metadata.mtime(), metadata.mtime_nsec(), metadata.len()))
    })
}

fn load(files: &Tls) -> Result<Arc<ServerConfig>, TlsError> {
    let error = |path: &Path, message: String| TlsError { path: path.to_owned(), message };
    let chain = read(&files.certificate, false)?;
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(&chain).collect::<Result<_, _>>().map_err(|e| error(&files.certificate, format!("not PEM: {e}")))?;
    if chain.is_empty() {
        return Err(error(&files.certificate, "holds no certificate".to_owned()));
    }
    let key = read(&files.key, true)?;
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(|e| error(&files.key, format!("holds no private key in PEM: {e}")))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| error(&files.key, e.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|e| error(&files.key, format!("does not go with the certificate: {e}")))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn read(path: &Path, private: bool) -> Result<Vec<u8>, TlsError> {
    let error = |message: String| TlsError { path: path.to_owned(), message };
    let file = File::open(path).map_err(|e| error(e.to_string()))?;
    let mode = file.metadata().map_err(|e| error(e.to_string()))?.mode() & 0o777;
    if private && mode & 0o077 != 0 {
        return Err(error(format!("mode {mode:o} lets others read the key; run `chmod 600 {}`", path.display())));
    }
    let mut bytes = Vec::new();
    file.take(FILE_BYTES).read_to_end(&mut bytes).map_err(|e| error(e.to_string()))?;
    Ok(bytes)
}
