//! The embedded host serves the same launcher, with the shim that is embedded in the program.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod ssh_support;

use sortie::launcher::{Launcher, Sent};
use sortie::ssh::embedded::EmbeddedHost;
use sortie::ssh::enroll::{EnrollRequest, Expected, Place};
use sortie::ssh::login::Identities;
use sortie::ssh::{Config, SshLauncher};
use sortie_core::failure::FailureKind;
use sortie_core::host::{CallbackMode, Host};
use sortie_keys::ssh::Identity;
use sortie_protocol::verb::{Reply, Verb};
use ssh_support::Sshd;
use std::path::Path;

fn request(port: u16, expected: Option<Expected>, root: Option<String>) -> EnrollRequest {
    let host = Place { address: "127.0.0.1".into(), port, user: ssh_support::user(), expected, ..Place::default() };
    EnrollRequest { host, root, ..EnrollRequest::default() }
}

fn launcher(key: &Path) -> SshLauncher {
    let mut config = Config::new(key);
    config.limits = ssh_support::quick();
    SshLauncher::new(config)
}

async fn enroll_and_ask(launcher: &SshLauncher, request: EnrollRequest) -> Host {
    let enrolled = launcher.enroll(&request).await.unwrap();
    let host = Host {
        name: "vm".into(),
        address: request.host.address,
        port: request.host.port,
        user: request.host.user,
        login: request.host.login,
        host_keys: enrolled.host_keys,
        state_root: enrolled.state_root,
        marker: enrolled.marker,
        labels: vec![],
        callbacks: CallbackMode::Push,
        slots: None,
        added_at: 0,
        ..Host::default()
    };
    let reply = launcher.ask(&host, Verb::Status { attempts: vec![format!("att_{}", "0".repeat(36))], seal: false }).await.unwrap();
    assert!(matches!(&reply, Reply::Status(views) if views.len() == 1), "{reply:?}");
    let now = || i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
    let report = launcher.test(&host, &now).await.unwrap();
    assert!(!report.uploaded && report.clock_skew_ms.abs() < 5_000, "{report:?}");
    assert_eq!(report.facts.marker, host.marker);
    let mut other = host.clone();
    other.marker = "0".repeat(host.marker.len());
    let error = launcher.ask(&other, Verb::Doctor { create_marker: false }).await.unwrap_err();
    assert_eq!((error.kind, error.sent), (FailureKind::WrongMachine, Sent::Nothing), "{error}");
    host
}

#[tokio::test]
async fn the_embedded_host_is_enrolled_tested_and_asked() {
    let dir = tempfile::tempdir().unwrap();
    let identity = Identity::generate(&dir.path().join("id"), "test").unwrap();
    let embedded = EmbeddedHost::start(dir.path(), identity.public_key().clone()).await.unwrap();
    let launcher = launcher(&dir.path().join("id"));
    let keys = Expected::Keys(vec![embedded.host_key_line.clone()]);
    let host = enroll_and_ask(&launcher, request(embedded.port, Some(keys), None)).await;
    assert!(Path::new(&host.state_root).starts_with(dir.path()), "{}", host.state_root);
    // Another key is not let in.
    Identity::generate(&dir.path().join("other"), "test").unwrap();
    let other = Config { identities: Identities { key: dir.path().join("other"), ..Identities::default() }, ..Config::new("") };
    let error = SshLauncher::new(other).ask(&host, Verb::Doctor { create_marker: false }).await.unwrap_err();
    assert_eq!((error.kind, error.sent), (FailureKind::Auth, Sent::Nothing), "{error}");
}

#[tokio::test]
async fn f080_a_real_host_is_added_only_with_what_was_expected() {
    let sshd = Sshd::start();
    let launcher = launcher(&sshd.path("id"));
    let offered = launcher.scan("127.0.0.1", sshd.port).await.unwrap();
    assert_eq!(offered.key, sshd.host().host_keys[0]);
    let root = Some(sshd.root().display().to_string());
    let fingerprint = offered.fingerprint.split(' ').next_back().unwrap().to_owned();
    let error = launcher.enroll(&request(sshd.port, None, root.clone())).await.unwrap_err();
    assert_eq!((error.kind, error.sent), (FailureKind::HostKey, Sent::Nothing));
    assert!(error.message.contains(&format!("--host-key-fingerprint {fingerprint}")), "{error}");
    let wrong = Expected::Fingerprint(format!("SHA256:{}", "A".repeat(43)));
    assert_eq!(launcher.enroll(&request(sshd.port, Some(wrong), root.clone())).await.unwrap_err().kind, FailureKind::HostKey);
    assert_eq!(sshd.logins(), 0);
    std::fs::write(sshd.path("known_hosts"), format!("[127.0.0.1]:{} {}\n", sshd.port, offered.key)).unwrap();
    let marker = |host: Host| host.marker;
    let first = marker(enroll_and_ask(&launcher, request(sshd.port, Some(Expected::Fingerprint(fingerprint)), root.clone())).await);
    let known = Expected::KnownHosts(vec![sshd.path("known_hosts")]);
    let second = marker(enroll_and_ask(&launcher, request(sshd.port, Some(known), root)).await);
    assert_eq!(first, second, "adding a host again keeps its marker");
}
