//! What goes wrong on the way to a host, told apart: kind, how much was sent, in bounded time.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod ssh_support;

use sortie::launcher::{AskError, Sent};
use sortie::ssh::limits::Limits;
use sortie_core::failure::FailureKind;
use ssh_support::{Sshd, ask, keygen, misbehaving, quick, stand_in};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

fn told(error: &AskError) -> (FailureKind, Sent) {
    (error.kind, error.sent)
}

const UNREACHABLE: (FailureKind, Sent) = (FailureKind::Unreachable, Sent::Nothing);
const PERHAPS: (FailureKind, Sent) = (FailureKind::Unreachable, Sent::Perhaps);

#[tokio::test]
async fn f081_another_host_key_is_refused_before_the_login() {
    let sshd = Sshd::start();
    let mut host = sshd.host();
    let other = keygen(&sshd.path("other"), "ed25519");
    host.host_keys = vec![other.clone()];
    let error = ask(&sshd.launcher(), &host).await.unwrap_err();
    assert_eq!(told(&error), (FailureKind::HostKey, Sent::Nothing));
    assert_eq!(error.message.matches("SHA256:").count(), 2, "{error}");
    // Revoked, although pinned under another line as well.
    host.host_keys = vec![other, format!("@revoked {}", sshd.host().host_keys[0])];
    let error = ask(&sshd.launcher(), &host).await.unwrap_err();
    assert!(error.kind == FailureKind::HostKey && error.message.contains("revoked"), "{error}");
    assert!(!sshd.log.text().contains("publickey"), "{}", sshd.log.text());
}

#[tokio::test]
async fn f081_a_switch_of_the_host_key_type_is_refused() {
    let sshd = Sshd::with_host_key("rsa", "");
    let mut host = sshd.host();
    host.host_keys = vec![keygen(&sshd.path("other"), "ed25519")];
    let error = ask(&sshd.launcher(), &host).await.unwrap_err();
    assert_eq!(told(&error), (FailureKind::HostKey, Sent::Nothing), "{error}");
    ask(&sshd.launcher(), &sshd.host()).await.unwrap();
}

#[tokio::test]
async fn f083_weak_algorithms_are_not_spoken() {
    for weak in ["KexAlgorithms diffie-hellman-group14-sha1", "Ciphers aes256-cbc", "MACs hmac-sha1\nCiphers aes256-ctr"] {
        let sshd = Sshd::with(weak);
        assert_eq!(told(&ask(&sshd.launcher(), &sshd.host()).await.unwrap_err()), UNREACHABLE, "{weak}");
    }
    let sshd = Sshd::with_host_key("rsa", "HostKeyAlgorithms ssh-rsa");
    assert_eq!(ask(&sshd.launcher(), &sshd.host()).await.unwrap_err().kind, FailureKind::HostKey);
}

#[tokio::test]
async fn f089_a_refused_key_is_offered_once() {
    let sshd = Sshd::start();
    std::fs::write(sshd.path("authorized_keys"), "").unwrap();
    let error = ask(&sshd.launcher(), &sshd.host()).await.unwrap_err();
    assert_eq!(told(&error), (FailureKind::Auth, Sent::Nothing), "{error}");
    assert_eq!(sshd.log.count("Connection from"), 1, "{}", sshd.log.text());
    std::fs::remove_file(sshd.path("id")).unwrap();
    assert_eq!(told(&ask(&sshd.launcher(), &sshd.host()).await.unwrap_err()), (FailureKind::Auth, Sent::Nothing));
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let sshd = Sshd::start();
    let mut host = sshd.host();
    host.port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    assert_eq!(told(&ask(&sshd.launcher(), &host).await.unwrap_err()), UNREACHABLE);
    host.address = "name.invalid".into();
    assert_eq!(told(&ask(&sshd.launcher(), &host).await.unwrap_err()), UNREACHABLE);
}

/// A server that sends `piece` again and again, and reads nothing.
async fn hostile(piece: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut open = JoinSet::new();
        while let Ok((mut tcp, _)) = listener.accept().await {
            open.spawn(async move {
                while !piece.is_empty() && tcp.write_all(piece).await.is_ok() {}
                std::future::pending::<()>().await;
            });
        }
    });
    port
}

#[tokio::test]
async fn f079_hostile_servers_cost_bounded_time() {
    let sshd = Sshd::start();
    let limits = Limits { kex: Duration::from_millis(300), ..quick() };
    // Says nothing; a banner without end, with and without line ends; messages without end after a proper banner.
    let flood: &[u8] = b"SSH-2.0-x\r\n\0\0\0\x0c\x0a\x02\0\0\0\0\0\0\0\0\0\0";
    for piece in [b"".as_slice(), b"xxxxxxxxxxxxxxxx", b"welcome\r\n", flood, b"\0"] {
        let mut host = sshd.host();
        host.port = hostile(piece).await;
        let started = Instant::now();
        let error = ask(&sshd.launcher_with(stand_in(), limits.clone()), &host).await.unwrap_err();
        assert_eq!(told(&error), UNREACHABLE, "{error}");
        assert!(started.elapsed() < Duration::from_secs(5), "{piece:?} took {:?}", started.elapsed());
    }
}

#[tokio::test]
async fn f077_an_answer_that_does_not_come_is_perhaps() {
    let sshd = Sshd::start();
    let limits = Limits { exec: Duration::from_secs(4), ..quick() };
    let launcher = sshd.launcher_with(stand_in(), limits);
    for how in ["die", "cut", "stderr", "flood", "hangup", "other-id", "hang"] {
        let error = ask(&launcher, &misbehaving(&sshd, how)).await.unwrap_err();
        assert_eq!(told(&error), PERHAPS, "{how}: {error}");
        assert!(how != "stderr" || error.message.contains("no room left"), "{error}");
    }
    ask(&launcher, &misbehaving(&sshd, "")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f077_a_session_that_dies_fails_only_the_question_it_had() {
    let sshd = Sshd::with("MaxSessions 1");
    let (launcher, host) = (Arc::new(sshd.launcher()), misbehaving(&sshd, "die-once"));
    let mut asks = JoinSet::new();
    for _ in 0..10 {
        let (launcher, host) = (Arc::clone(&launcher), host.clone());
        asks.spawn(async move { ask(&launcher, &host).await });
    }
    let failed: Vec<AskError> = asks.join_all().await.into_iter().filter_map(Result::err).collect();
    assert_eq!(failed.iter().map(told).collect::<Vec<_>>(), [PERHAPS], "{failed:?}");
    assert_eq!(sshd.counted("questions"), 10);
}

#[tokio::test]
async fn a_login_that_may_run_nothing_is_refused_with_nothing_sent() {
    for forced in ["ForceCommand echo no; exit 1", "ForceCommand /bin/true"] {
        let sshd = Sshd::with(forced);
        let error = ask(&sshd.launcher(), &sshd.host()).await.unwrap_err();
        assert_eq!(told(&error), (FailureKind::Refused, Sent::Nothing), "{error}");
    }
}

#[tokio::test]
async fn f088_nothing_is_forwarded_and_no_terminal_asked_for() {
    let sshd = Sshd::with("LogLevel DEBUG3");
    ask(&sshd.launcher(), &sshd.host()).await.unwrap();
    let log = sshd.log.text();
    for never in ["req pty-req", "req env", "req x11-req", "auth-agent-req", "tcpip-forward request", "req shell", "req subsystem"] {
        assert!(!log.contains(never), "{never}");
    }
    assert!(log.contains("req exec"));
}
