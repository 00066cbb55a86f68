//! F079, F088: servers that let us in and then mean harm. Each ends in its time with a failure that says what was wrong, little is
//! read from it, nothing that it asks for is given, and other hosts are served meanwhile.

use crate::relay::Relay;
use crate::ssh_support::{Sshd, ask, misbehaving, quick, stand_in};
use russh::keys::{PrivateKey, load_secret_key};
use russh::server::{self, Auth, Handle, Handler, Msg, PublicKeyOffer, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId};
use sortie::launcher::{AskError, Sent};
use sortie::ssh::limits::{Limits, UNHEARD_BYTES};
use sortie_core::failure::FailureKind;
use sortie_core::host::Host;
use sortie_protocol::limits::NOISE_BYTES;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;

/// The limit of each phase here: long enough for an honest server on a loaded machine.
const SHORT: Duration = Duration::from_secs(4);
/// Far above that, and below what a phase without a limit would take.
const PATIENCE: Duration = Duration::from_secs(60);
/// What may be on its way when a connection is closed: windows of SSH and TCP.
const ON_ITS_WAY: u64 = 24 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Evil {
    SaysNothingToLogins,
    OpensNoChannel,
    SaysNothingToCommands,
    ReadsNothing,
    TakesEmptyPackets,
    SendsRequests,
    SendsDebugMessages,
    OpensChannels,
}

/// What came of channels that the server opened.
#[derive(Default)]
struct Opened {
    taken: AtomicUsize,
    refused: AtomicUsize,
}

struct Server {
    evil: Evil,
    opened: Arc<Opened>,
    channels: Vec<Channel<Msg>>,
}

impl Handler for Server {
    type Error = russh::Error;

    async fn auth_publickey_offered(&mut self, _: &str, _: PublicKeyOffer<'_>) -> Result<Auth, Self::Error> {
        if self.evil == Evil::SaysNothingToLogins {
            std::future::pending::<()>().await;
        }
        Ok(Auth::Accept)
    }

    async fn auth_publickey(&mut self, _: &str, _: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        if self.evil == Evil::SaysNothingToLogins {
            std::future::pending::<()>().await;
        }
        Ok(Auth::Accept)
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: server::ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        if self.evil == Evil::OpensNoChannel {
            std::future::pending::<()>().await;
        }
        self.channels.push(channel);
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(&mut self, id: ChannelId, _: &[u8], session: &mut Session) -> Result<(), Self::Error> {
        session.channel_success(id)?;
        match self.evil {
            Evil::SendsRequests => (0..20_000).try_for_each(|_| session.keepalive_request()),
            Evil::SendsDebugMessages => {
                let message = "x".repeat(32 << 10);
                (0..2 * UNHEARD_BYTES / message.len() as u64).try_for_each(|_| session.debug(true, &message, ""))
            }
            Evil::OpensChannels => {
                tokio::spawn(open_channels(session.handle(), Arc::clone(&self.opened)));
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

async fn open_channels(handle: Handle, opened: Arc<Opened>) {
    loop {
        let tries = [
            handle.channel_open_session().await,
            handle.channel_open_agent().await,
            handle.channel_open_x11("127.0.0.1", 1).await,
            handle.channel_open_forwarded_tcpip("127.0.0.1", 22, "127.0.0.1", 1).await,
            handle.channel_open_direct_tcpip("127.0.0.1", 22, "127.0.0.1", 1).await,
            handle.channel_open_forwarded_streamlocal("/run/socket").await,
            handle.channel_open_direct_streamlocal("/run/socket").await,
        ];
        for try_ in tries {
            match try_ {
                Ok(_) => opened.taken.fetch_add(1, Ordering::Relaxed),
                Err(russh::Error::ChannelOpenFailure(_)) => opened.refused.fetch_add(1, Ordering::Relaxed),
                Err(_) => return,
            };
        }
    }
}

/// Start such a server with this host key; its port.
async fn serve(evil: Evil, key: PrivateKey, opened: Arc<Opened>) -> u16 {
    let mut config = server::Config { keys: vec![key], ..server::Config::default() };
    match evil {
        Evil::ReadsNothing => config.window_size = 0,
        Evil::TakesEmptyPackets => config.maximum_packet_size = 0,
        _ => {}
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = Arc::new(config);
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let (config, server) = (Arc::clone(&config), Server { evil, opened: Arc::clone(&opened), channels: Vec::new() });
            tokio::spawn(async move { server::run_stream(config, tcp, server).await?.await });
        }
    });
    port
}

fn limits() -> Limits {
    Limits { auth: SHORT, open: SHORT, exec: SHORT, write: SHORT, handshake_tries: 1, ..quick() }
}

/// What the messages of each must say.
const CASES: [(Evil, &str); 8] = [
    (Evil::SaysNothingToLogins, "while logging in"),
    (Evil::OpensNoChannel, "while opening a session"),
    (Evil::SaysNothingToCommands, "while starting the shim"),
    (Evil::ReadsNothing, "while starting the shim"),
    (Evil::TakesEmptyPackets, "the connection broke"),
    (Evil::SendsRequests, "while starting the shim"),
    (Evil::SendsDebugMessages, "the connection broke"),
    (Evil::OpensChannels, "while starting the shim"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f079_f088_servers_that_mean_harm_after_the_login_cost_their_time_and_no_other_host() {
    let sshd = Sshd::start();
    let key = || load_secret_key(sshd.path("host_key"), None).unwrap();
    let launcher = Arc::new(sshd.launcher_with(stand_in(), limits()));
    let mut asked = Vec::new();
    for (evil, expected) in CASES {
        let opened = Arc::new(Opened::default());
        let relay = Relay::to(serve(evil, key(), Arc::clone(&opened)).await).await;
        let host = Host { name: format!("{evil:?}"), port: relay.port, ..sshd.host() };
        let launcher = Arc::clone(&launcher);
        let asking = tokio::spawn(async move { tokio::time::timeout(PATIENCE, ask(&launcher, &host)).await });
        asked.push((evil, expected, opened, relay, asking));
    }
    for _ in 0..5 {
        ask(&launcher, &sshd.host()).await.unwrap();
    }
    for (evil, expected, opened, relay, asking) in asked {
        let error = asking.await.unwrap().expect("bounded in time").unwrap_err();
        assert_eq!((error.kind, error.sent), (FailureKind::Unreachable, Sent::Nothing), "{evil:?}: {error}");
        assert!(error.message.contains(expected), "{evil:?}: {error}");
        assert!(relay.down() <= UNHEARD_BYTES + ON_ITS_WAY, "{evil:?}: {} bytes", relay.down());
        let (taken, refused) = (opened.taken.load(Ordering::Relaxed), opened.refused.load(Ordering::Relaxed));
        assert_eq!((taken, refused > 0), (0, evil == Evil::OpensChannels), "{evil:?}");
    }
}

/// What a host does where a shim should run, and what is said then.
async fn forced(command: &str) -> (AskError, u64) {
    let sshd = Sshd::with(&format!("ForceCommand {command}"));
    let relay = Relay::to(sshd.port).await;
    let host = Host { port: relay.port, ..sshd.host() };
    let error = tokio::time::timeout(PATIENCE, ask(&sshd.launcher(), &host)).await.expect("bounded in time").unwrap_err();
    (error, relay.down())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f079_f086_a_gigabyte_on_either_stream_is_not_read() {
    for command in ["head -c 1073741824 /dev/zero", "head -c 1073741824 /dev/zero >&2", "yes >&2", "yes '' | head -c 1073741824"] {
        let (error, down) = forced(command).await;
        assert_eq!((error.kind, error.sent), (FailureKind::Refused, Sent::Nothing), "{command}: {error}");
        assert!(error.message.contains("prints without end"), "{command}: {error}");
        assert!((NOISE_BYTES as u64..ON_ITS_WAY).contains(&down), "{command}: {down} bytes");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f079_an_answer_that_says_it_has_a_gigabyte_or_never_ends_is_not_read() {
    let sshd = Sshd::start();
    let relay = Relay::to(sshd.port).await;
    // A header over the limit; as much as it may be and too much of it; noise, and a flood of errors, in place of the answer.
    for (how, said) in [("huge", "malformed"), ("long", "damaged"), ("flood", "prints without end"), ("stderr-flood", "prints without end")]
    {
        let host = Host { port: relay.port, ..misbehaving(&sshd, how) };
        let before = relay.down();
        let asked = tokio::time::timeout(PATIENCE, ask(&sshd.launcher(), &host)).await;
        let error = asked.expect("bounded in time").unwrap_err();
        assert_eq!((error.kind, error.sent), (FailureKind::Unreachable, Sent::Perhaps), "{how}: {error}");
        assert!(error.message.contains(said), "{how}: {error}");
        assert!(relay.down() - before < ON_ITS_WAY, "{how}: {} bytes", relay.down() - before);
    }
}
