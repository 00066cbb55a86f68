//! TLS from files: the mode of the key, a pair that is none, and a handshake that ends in an answer.

use sortie::config::Tls;
use sortie::http::tls::acceptor;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

const CERTIFICATE: &str = include_str!("fixtures/localhost.pem");
/// Made for these tests and used nowhere else.
const KEY: &str = include_str!("fixtures/localhost.key");

fn files(dir: &Path, mode: u32) -> Tls {
    let tls = Tls { certificate: dir.join("cert.pem"), key: dir.join("key.pem") };
    std::fs::write(&tls.certificate, CERTIFICATE).unwrap();
    std::fs::write(&tls.key, KEY).unwrap();
    std::fs::set_permissions(&tls.key, std::fs::Permissions::from_mode(mode)).unwrap();
    tls
}

#[test]
fn f072_a_key_that_others_can_read_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    for mode in [0o644, 0o640, 0o604, 0o660] {
        let error = acceptor(&files(dir.path(), mode)).err().unwrap();
        assert!(error.message.contains("chmod 600"), "{error}");
    }
    assert!(acceptor(&files(dir.path(), 0o600)).is_ok());
}

#[test]
fn files_that_are_no_pair_name_the_one_at_fault() {
    let dir = tempfile::tempdir().unwrap();
    let good = files(dir.path(), 0o600);
    let swapped = Tls { certificate: good.key.clone(), key: good.key.clone() };
    assert_eq!(acceptor(&swapped).err().unwrap().path, good.key);
    std::fs::write(&good.certificate, "nothing").unwrap();
    assert_eq!(acceptor(&good).err().unwrap().path, good.certificate);
    let missing = Tls { certificate: dir.path().join("none"), key: good.key };
    assert!(acceptor(&missing).is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_over_tls_is_answered() {
    let dir = tempfile::tempdir().unwrap();
    let tls = acceptor(&files(dir.path(), 0o600)).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    let routes = axum::Router::new().route("/", axum::routing::get(async || "over TLS"));
    tokio::spawn(sortie::http::serve(listener, routes, Some(tls), stopped));
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()));
    let stream = TcpStream::connect(address).await.unwrap();
    let mut stream = connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut got = String::new();
    stream.read_to_string(&mut got).await.unwrap();
    assert!(got.starts_with("HTTP/1.1 200") && got.ends_with("over TLS"), "{got}");
}
