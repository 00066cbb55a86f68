//! A small SSH host inside the program, for `sortie demo` and for tests where no sshd is at hand.
//!
//! It listens on 127.0.0.1 only, lets in exactly one public key, and really runs what it is told to, as the user of this
//! process: it is no sandbox. Nothing but `exec` is served.

mod command;
mod server;

use super::limits::{EMBEDDED_COMMANDS, EMBEDDED_CONNECTIONS};
use super::pins::key_line;
use super::wire::{self, KillSwitch};
use command::Commands;
use russh::keys::ssh_key::private::{Ed25519Keypair, KeypairData};
use russh::keys::{PrivateKey, PublicKey};
use russh::{MethodKind, MethodSet, server as ssh};
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet};

/// A running host. Dropping it ends its connections, not the processes that were started through it: as a real host,
/// it lets them outlive their session.
pub struct EmbeddedHost {
    /// Port on 127.0.0.1.
    pub port: u16,
    /// Its host key, an OpenSSH public key line.
    pub host_key_line: String,
    accepting: AbortHandle,
}

impl EmbeddedHost {
    /// Start on a free port, with a fresh host key. `home` is `HOME` and the working directory of what runs.
    ///
    /// # Errors
    /// No port, no random bytes.
    pub async fn start(home: &Path, authorized: PublicKey) -> io::Result<Self> {
        let key = fresh_key()?;
        let host_key_line = key_line(key.public_key());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let commands = Arc::new(Commands { home: home.to_owned(), permits: Arc::new(Semaphore::new(EMBEDDED_COMMANDS)) });
        let config = Arc::new(ssh::Config {
            methods: MethodSet::from(&[MethodKind::PublicKey][..]),
            auth_rejection_time: Duration::from_millis(100),
            keys: vec![key],
            keepalive_interval: Some(Duration::from_secs(15)),
            inactivity_timeout: None,
            nodelay: true,
            ..ssh::Config::default()
        });
        let accepting = tokio::spawn(accept(listener, config, Arc::new(authorized), commands)).abort_handle();
        Ok(Self { port, host_key_line, accepting })
    }

    /// Stop listening and end all connections. The same as dropping it.
    pub fn shutdown(self) {}
}

impl Drop for EmbeddedHost {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Takes connections, each in a task of its own; aborting this aborts them all.
async fn accept(listener: TcpListener, config: Arc<ssh::Config>, authorized: Arc<PublicKey>, commands: Arc<Commands>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((tcp, _)) if connections.len() < EMBEDDED_CONNECTIONS => {
                    connections.spawn(serve(tcp, Arc::clone(&config), Arc::clone(&authorized), Arc::clone(&commands)));
                }
                Ok(_too_many) => {}
                Err(error) => {
                    tracing::warn!(%error, "the embedded SSH host cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            Some(_ended) = connections.join_next() => {}
        }
    }
}

/// Ends the wire when the task that serves it is aborted.
struct EndsWithTask(Arc<KillSwitch>);

impl Drop for EndsWithTask {
    fn drop(&mut self) {
        self.0.kill();
    }
}

async fn serve(tcp: TcpStream, config: Arc<ssh::Config>, authorized: Arc<PublicKey>, commands: Arc<Commands>) {
    let Ok((wire, switch)) = wire::over_tcp(tcp) else { return };
    let switch = EndsWithTask(Arc::new(switch));
    let handler = server::Server::new(authorized, commands, Arc::clone(&switch.0));
    let result = async { ssh::run_stream(config, wire, handler).await?.await }.await;
    if let Err(error) = result {
        tracing::debug!(%error, "a connection to the embedded SSH host ended");
    }
}

fn fresh_key() -> io::Result<PrivateKey> {
    let mut seed = [0; 32];
    aws_lc_rs::rand::fill(&mut seed).map_err(|_| io::Error::other("the system gave no random bytes"))?;
    PrivateKey::new(KeypairData::Ed25519(Ed25519Keypair::from_seed(&seed)), "").map_err(io::Error::other)
}
