//! Questions to a real OpenSSH server: the shim is put there once, a burst shares one connection, answers come back.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod ssh_support;

use sortie::launcher::{Launcher, Sent};
use sortie::ssh::limits::{Limits, SESSIONS};
use sortie_core::failure::FailureKind;
use sortie_protocol::verb::{Refusal, Reply};
use ssh_support::{Sshd, ask, question, quick, stand_in};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

#[tokio::test]
async fn a_question_is_answered_and_the_shim_put_there_once() {
    let sshd = Sshd::start();
    let (launcher, host) = (sshd.launcher(), sshd.host());
    ask(&launcher, &host).await.unwrap();
    let shims = sshd.shims();
    assert_eq!(shims.len(), 1, "{shims:?}");
    ask(&launcher, &host).await.unwrap();
    // Another process of ours finds it there.
    ask(&sshd.launcher(), &host).await.unwrap();
    assert_eq!(sshd.shims(), shims);
    assert_eq!(sshd.counted("questions"), 3);
    assert_eq!(sshd.counted("sessions"), 2, "questions within the idle time share a session");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_shares_one_connection_and_a_few_sessions() {
    let sshd = Sshd::start();
    let (launcher, host) = (Arc::new(sshd.launcher()), sshd.host());
    let mut asks = JoinSet::new();
    for _ in 0..50 {
        let (launcher, host) = (Arc::clone(&launcher), host.clone());
        asks.spawn(async move { ask(&launcher, &host).await });
    }
    while let Some(asked) = asks.join_next().await {
        asked.unwrap().unwrap();
    }
    assert_eq!(sshd.counted("questions"), 50);
    assert_eq!(sshd.logins(), 1, "{}", sshd.log.text());
    assert!(sshd.counted("sessions") <= SESSIONS, "{}", sshd.counted("sessions"));
    assert_eq!(sshd.shims().len(), 1, "one upload");
}

#[tokio::test]
async fn the_connection_closes_when_nothing_came_for_a_while() {
    let sshd = Sshd::start();
    let (launcher, host) = (sshd.launcher(), sshd.host());
    ask(&launcher, &host).await.unwrap();
    let log = sshd.log.clone();
    tokio::task::spawn_blocking(move || log.wait_for("Received disconnect", 1)).await.unwrap();
    ask(&launcher, &host).await.unwrap();
    assert_eq!(sshd.logins(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f089_a_server_that_allows_one_session_gets_one() {
    let sshd = Sshd::with("MaxSessions 1");
    let (launcher, host) = (Arc::new(sshd.launcher()), sshd.host());
    let mut asks = JoinSet::new();
    for _ in 0..20 {
        let (launcher, host) = (Arc::clone(&launcher), host.clone());
        asks.spawn(async move { ask(&launcher, &host).await });
    }
    while let Some(asked) = asks.join_next().await {
        asked.unwrap().unwrap();
    }
    assert_eq!((sshd.counted("questions"), sshd.logins()), (20, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f089_handshakes_dropped_by_max_startups_are_tried_again() {
    // Of the handshakes beyond the first, all are dropped while one is under way. Each launcher makes one at a time.
    let sshd = Sshd::with("MaxStartups 1:100:2");
    let host = sshd.host();
    let mut asks = JoinSet::new();
    for _ in 0..8 {
        let limits = Limits { handshake_tries: 20, handshake_pause: Duration::from_millis(50), ..quick() };
        let (launcher, host) = (sshd.launcher_with(stand_in(), limits), host.clone());
        asks.spawn(async move { ask(&launcher, &host).await });
    }
    while let Some(asked) = asks.join_next().await {
        asked.unwrap().unwrap();
    }
    assert_eq!(sshd.logins(), 8);
    assert!(sshd.log.count("MaxStartups") > 0, "the server never was too busy: {}", sshd.log.text());
}

#[tokio::test]
async fn f086_a_noisy_login_shell_is_listened_past() {
    let sshd = Sshd::start();
    std::fs::write(sshd.path("home/.bashrc"), "yes 'SORTIE/1 Welcome to this machine' | head -c 100000\nprintf 'no newline at the end'\n")
        .unwrap();
    ask(&sshd.launcher(), &sshd.host()).await.unwrap();
    // Proof that the file was read: without end it is refused in bounded time.
    std::fs::write(sshd.path("home/.bashrc"), "yes\n").unwrap();
    let error = ask(&sshd.launcher(), &sshd.host()).await.unwrap_err();
    assert_eq!((error.kind, error.sent), (FailureKind::Refused, Sent::Nothing), "{error}");
    assert!(error.message.contains("prints without end"), "{error}");
}

#[tokio::test]
async fn f084_another_marker_is_its_own_failure_and_other_refusals_are_replies() {
    let sshd = Sshd::start();
    let (launcher, host) = (sshd.launcher(), sshd.host());
    std::fs::create_dir_all(sshd.root()).unwrap();
    std::fs::write(sshd.root().join("misbehave"), "wrong-machine").unwrap();
    let error = ask(&launcher, &host).await.unwrap_err();
    assert_eq!((error.kind, error.sent), (FailureKind::WrongMachine, Sent::Nothing), "{error}");
    std::fs::write(sshd.root().join("misbehave"), "conflict").unwrap();
    let reply = launcher.ask(&host, question()).await.unwrap();
    assert!(matches!(reply, Reply::Refused { refusal: Refusal::Conflict, .. }), "{reply:?}");
}

#[tokio::test]
async fn f091_a_changed_shim_is_replaced_and_a_removed_one_put_back() {
    let sshd = Sshd::start();
    let (launcher, host) = (sshd.launcher(), sshd.host());
    ask(&launcher, &host).await.unwrap();
    let path = sshd.root().join("bin").join(&sshd.shims()[0]);
    std::fs::write(&path, "#!/bin/sh\nexit 1\n").unwrap();
    ask(&sshd.launcher(), &host).await.unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), ssh_support::STAND_IN.as_bytes());
    // This process has verified it before; it is gone when the next session starts.
    std::fs::remove_file(&path).unwrap();
    let log = sshd.log.clone();
    tokio::task::spawn_blocking(move || log.wait_for("Received disconnect", 2)).await.unwrap();
    ask(&launcher, &host).await.unwrap();
    assert_eq!(sshd.shims().len(), 1);
}

#[tokio::test]
async fn a_state_root_that_cannot_be_written_is_said_so() {
    let sshd = Sshd::start();
    let mut host = sshd.host();
    host.state_root = "/proc/nothing/here".into();
    let error = ask(&sshd.launcher_with(stand_in(), quick()), &host).await.unwrap_err();
    assert_eq!((error.kind, error.sent), (FailureKind::Refused, Sent::Nothing));
    assert!(error.message.contains("could not be written"), "{error}");
    host.state_root = "/tmp/a b".into();
    assert_eq!(ask(&sshd.launcher(), &host).await.unwrap_err().kind, FailureKind::Refused);
}
