//! Machines on the way: each logged in to by its own key, connections to them shared, failures named.

use crate::ssh_support::{Sshd, ask, keygen, public_line, quick, stand_in, user};
use sortie::launcher::Sent;
use sortie::ssh::enroll::{EnrollRequest, Expected, Place};
use sortie::ssh::limits::Limits;
use sortie::ssh::login::Identities;
use sortie::ssh::{Config, SshLauncher};
use sortie_core::failure::FailureKind;
use sortie_core::host::{Host, JumpHost, Login};
use std::sync::Arc;
use std::time::Duration;

/// A machine on the way, as `host add` would have pinned it.
fn jump(sshd: &Sshd) -> JumpHost {
    JumpHost {
        address: "127.0.0.1".into(),
        port: sshd.port,
        user: user(),
        login: Login::Key(sshd.path("id").display().to_string()),
        host_keys: vec![public_line(&sshd.path("host_key"))],
        ..JumpHost::default()
    }
}

fn behind(last: &Sshd, jumps: &[&Sshd]) -> Host {
    Host { login: Login::Key(last.path("id").display().to_string()), jumps: jumps.iter().map(|sshd| jump(sshd)).collect(), ..last.host() }
}

#[tokio::test]
async fn a_host_is_reached_through_two_machines_each_with_its_own_key() {
    let (first, second, last) = (Sshd::start(), Sshd::start(), Sshd::start());
    let host = behind(&last, &[&first, &second]);
    ask(&last.launcher(), &host).await.unwrap();
    assert_eq!([first.logins(), second.logins(), last.logins()], [1, 1, 1]);
    // Closed in their turn once nothing goes through them.
    for sshd in [&last, &second, &first] {
        let log = sshd.log.clone();
        tokio::task::spawn_blocking(move || log.wait_for("Received disconnect", 1)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_behind_one_machine_share_the_connection_to_it() {
    let (gate, one, two) = (Sshd::start(), Sshd::start(), Sshd::start());
    let launcher = Arc::new(one.launcher_with(stand_in(), Limits { idle: Duration::from_secs(5), ..quick() }));
    let ways = [behind(&one, &[&gate]), behind(&two, &[&gate])];
    let asks: Vec<_> = ways
        .into_iter()
        .map(|host| {
            let launcher = Arc::clone(&launcher);
            tokio::spawn(async move { ask(&launcher, &host).await })
        })
        .collect();
    for asked in asks {
        asked.await.unwrap().unwrap();
    }
    assert_eq!([gate.logins(), one.logins(), two.logins()], [1, 1, 1], "{}", gate.log.text());
}

#[tokio::test]
async fn f081_another_key_on_the_way_is_refused_before_anything_goes_through() {
    let (gate, last) = (Sshd::start(), Sshd::start());
    let mut host = behind(&last, &[&gate]);
    host.jumps[0].host_keys = vec![keygen(&gate.path("other"), "ed25519")];
    let error = ask(&last.launcher(), &host).await.unwrap_err();
    assert_eq!((error.kind, error.sent), (FailureKind::HostKey, Sent::Nothing), "{error}");
    assert!(error.message.contains("on the way") && error.message.contains(&gate.port.to_string()), "{error}");
    assert_eq!([gate.logins(), last.log.count("Connection from")], [0, 0]);
}

#[tokio::test]
async fn a_machine_that_forwards_nothing_or_reaches_nobody_is_named() {
    let (gate, last) = (Sshd::with("AllowTcpForwarding no"), Sshd::start());
    let error = ask(&last.launcher(), &behind(&last, &[&gate])).await.unwrap_err();
    assert_eq!((error.kind, error.sent), (FailureKind::Refused, Sent::Nothing), "{error}");
    assert!(error.message.contains("AllowTcpForwarding"), "{error}");
    let gate = Sshd::start();
    let mut host = behind(&last, &[&gate]);
    // Nobody listens there: the port was free a moment ago.
    host.port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = ask(&last.launcher(), &host).await.unwrap_err();
    assert_eq!((error.kind, error.sent), (FailureKind::Unreachable, Sent::Nothing), "{error}");
    assert!(error.message.contains("the machine before it cannot reach it"), "{error}");
}

#[tokio::test]
async fn a_connection_to_a_machine_on_the_way_that_died_is_replaced() {
    let (gate, last) = (Sshd::start(), Sshd::start());
    let launcher = last.launcher_with(stand_in(), Limits { idle: Duration::from_millis(50), ..quick() });
    let host = behind(&last, &[&gate]);
    for asked in 1..=3 {
        // What was being asked while the connection died may have been heard: that is said, and asked again.
        if let Err(error) = ask(&launcher, &host).await {
            assert_eq!((error.kind, error.sent, asked > 1), (FailureKind::Unreachable, Sent::Perhaps, true), "{error}");
            ask(&launcher, &host).await.unwrap();
        }
        gate.kill_sessions();
        assert!(gate.logins() <= asked);
    }
    assert!(gate.logins() >= 2);
}

#[tokio::test]
async fn f080_every_machine_on_the_way_is_enrolled_by_what_is_expected_of_it() {
    let (gate, last) = (Sshd::start(), Sshd::start());
    let place = |sshd: &Sshd, expected| Place {
        address: "127.0.0.1".into(),
        port: sshd.port,
        user: user(),
        login: Login::Key(sshd.path("id").display().to_string()),
        expected,
        key_name: None,
    };
    let launcher = SshLauncher::new(Config { identities: Identities::default(), limits: quick(), ..Config::new("") });
    let fingerprint = |offered: &str| Some(Expected::Fingerprint(offered.split(' ').next_back().unwrap().to_owned()));
    // Looked at one after the other, the second through the first.
    let first = launcher.scan_behind(&[], &place(&gate, None)).await.unwrap();
    assert_eq!(first.key, public_line(&gate.path("host_key")));
    let known = place(&gate, fingerprint(&first.fingerprint));
    let second = launcher.scan_behind(std::slice::from_ref(&known), &place(&last, None)).await.unwrap();
    assert_eq!(second.key, public_line(&last.path("host_key")));
    let root = Some(last.root().display().to_string());
    let request = |jump: Place| EnrollRequest {
        host: place(&last, fingerprint(&second.fingerprint)),
        jumps: vec![jump],
        root: root.clone(),
        ..EnrollRequest::default()
    };
    let error = launcher.enroll(&request(place(&gate, None))).await.unwrap_err();
    assert_eq!((error.kind, gate.logins() + last.logins()), (FailureKind::HostKey, 1), "{error}");
    let enrolled = launcher.enroll(&request(known)).await.unwrap();
    assert_eq!(enrolled.jumps[0].host_keys, [public_line(&gate.path("host_key"))]);
    assert_eq!(enrolled.host_keys, [public_line(&last.path("host_key"))]);
    let host = Host {
        host_keys: enrolled.host_keys,
        jumps: enrolled.jumps,
        state_root: enrolled.state_root,
        marker: enrolled.marker,
        ..behind(&last, &[])
    };
    // What both show now, for a re-key that was planned.
    for (machine, sshd) in [(0, &gate), (1, &last)] {
        let offered = launcher.scan_host(&host, machine).await.unwrap();
        assert_eq!(offered.iter().map(|key| key.key.clone()).collect::<Vec<_>>(), [public_line(&sshd.path("host_key"))]);
    }
}
