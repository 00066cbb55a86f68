//! F089: many launches to one server that bounds logins and sessions, and servers that drop connections before the login.

use crate::relay::Relay;
use crate::ssh_support::{Sshd, ask, quick, stand_in};
use sortie::launcher::Sent;
use sortie::ssh::limits::{HANDSHAKES_PER_HOST, Limits};
use sortie_core::failure::FailureKind;
use sortie_core::host::Host;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Hosts of the inventory that are the same machine, each with a connection of its own.
const HOSTS: usize = 10;
const EACH: usize = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f089_a_hundred_launches_pass_a_server_that_takes_three_logins_and_two_sessions() {
    let sshd = Sshd::with("MaxStartups 3:100:3\nMaxSessions 2\n");
    let relay = Relay::to(sshd.port).await;
    // Patience for drops by chance on a loaded machine; the number of connections is bounded by what is dropped.
    let limits = Limits { handshake_tries: 20, handshake_pause: Duration::from_millis(50), ..quick() };
    let launcher = Arc::new(sshd.launcher_with(stand_in(), limits));
    let mut asks = JoinSet::new();
    for n in 0..HOSTS * EACH {
        let root = format!("{}-{}", sshd.root().display(), n % HOSTS);
        let (launcher, host) = (Arc::clone(&launcher), Host { port: relay.port, state_root: root, ..sshd.host() });
        asks.spawn(async move { ask(&launcher, &host).await });
    }
    while let Some(asked) = asks.join_next().await {
        asked.unwrap().unwrap();
    }
    let lines = |n: usize| std::fs::read_to_string(format!("{}-{n}/questions", sshd.root().display())).unwrap().lines().count();
    assert_eq!((0..HOSTS).map(lines).collect::<Vec<_>>(), [EACH; HOSTS]);
    let dropped = sshd.log.count("drop connection");
    assert_eq!(sshd.logins(), HOSTS, "a connection for each host");
    assert!(relay.links() <= HOSTS + dropped, "{} connections, {dropped} of them dropped", relay.links());
    assert!(relay.most() <= HOSTS + HANDSHAKES_PER_HOST, "{} at once", relay.most());
}

/// A server with a penalty for us, as OpenSSH 9.8 and later have it; connections so far.
async fn penalty() -> (u16, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, links) = (listener.local_addr().unwrap().port(), Arc::new(AtomicU32::new(0)));
    let counted = Arc::clone(&links);
    tokio::spawn(async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            let _gone_already = tcp.write_all(b"Not allowed at this time\r\n").await;
        }
    });
    (port, links)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f089_a_server_that_drops_connections_before_the_login_is_left_alone_and_no_other() {
    let sshd = Sshd::start();
    let (port, links) = penalty().await;
    let host = Host { port, ..sshd.host() };
    let launcher = sshd.launcher();
    let first = ask(&launcher, &host).await.unwrap_err();
    assert_eq!((first.kind, first.sent), (FailureKind::Unreachable, Sent::Nothing), "{first}");
    let tries = Limits::default().handshake_tries;
    assert!(first.message.contains(&format!("{tries} times")) && first.message.contains("PerSourcePenaltyExemptList"), "{first}");
    // Whoever asks, for whichever host behind that address: nobody dials it.
    for root in ["/var/lib/a", "/var/lib/b", "/var/lib/c"] {
        let error = ask(&launcher, &Host { state_root: root.into(), ..host.clone() }).await.unwrap_err();
        assert!(error.kind == FailureKind::Unreachable && error.message.contains("left alone for 1"), "{error}");
    }
    assert_eq!(links.load(Ordering::Relaxed), tries);
    ask(&launcher, &sshd.host()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f089_a_server_that_was_left_alone_is_dialled_again_after_the_pause() {
    let sshd = Sshd::start();
    let (port, links) = penalty().await;
    let host = Host { port, ..sshd.host() };
    let limits = Limits { handshake_tries: 1, penalty: Duration::from_millis(400), ..quick() };
    let launcher = sshd.launcher_with(stand_in(), limits);
    while links.load(Ordering::Relaxed) < 3 {
        ask(&launcher, &host).await.unwrap_err();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
