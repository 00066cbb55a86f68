//! What a server can ask of us: to look at its key. Everything else is refused.

use super::algorithms;
use super::pins::{Trust, Verdict};
use russh::client::{self, Msg, Session};
use russh::keys::{PublicKey, PublicKeyOrCertificate};
use russh::{Channel, ChannelOpenFailure, Names};
use std::sync::{Arc, Mutex, PoisonError};

/// What a key exchange showed, for the error message of the one who waits for it.
#[derive(Clone, Debug, Default)]
pub struct Seen(Arc<Mutex<Option<(PublicKey, Verdict)>>>);

impl Seen {
    /// The key and its judgement, once there was one.
    #[must_use]
    pub fn get(&self) -> Option<(PublicKey, Verdict)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, key: PublicKey, verdict: Verdict) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((key, verdict));
    }
}

/// Why the client ended a connection, beside the library's own reasons.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The library's.
    #[error(transparent)]
    Ssh(#[from] russh::Error),
    /// CVE-2023-48795: neither strict key exchange nor a cipher that needs none.
    #[error("the server's SSH is open to prefix truncation (CVE-2023-48795); update it")]
    Truncatable,
}

/// The client's side of one connection.
pub struct Client {
    /// What is believed about the host's key.
    pub trust: Trust,
    /// Where the shown key is noted.
    pub seen: Seen,
}

impl client::Handler for Client {
    type Error = ClientError;

    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        // Certificates are not offered; one that comes all the same is not what was pinned.
        let PublicKeyOrCertificate::PublicKey { key, .. } = key else { return Ok(false) };
        let verdict = self.trust.judge(key);
        self.seen.set(key.clone(), verdict);
        Ok(verdict == Verdict::Accepted)
    }

    async fn kex_done(&mut self, _secret: Option<&[u8]>, names: &Names, _session: &mut Session) -> Result<(), Self::Error> {
        if algorithms::is_truncation_safe(names) { Ok(()) } else { Err(ClientError::Truncatable) }
    }

    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        _channel: Channel<Msg>,
        _connected_address: &str,
        _connected_port: u32,
        _originator_address: &str,
        _originator_port: u32,
        reply: client::ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        refuse(reply).await
    }

    async fn server_channel_open_forwarded_streamlocal(
        &mut self,
        _channel: Channel<Msg>,
        _socket_path: &str,
        reply: client::ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        refuse(reply).await
    }

    async fn server_channel_open_agent_forward(
        &mut self,
        _channel: Channel<Msg>,
        reply: client::ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        refuse(reply).await
    }

    async fn server_channel_open_session(
        &mut self,
        _channel: Channel<Msg>,
        reply: client::ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        refuse(reply).await
    }

    async fn server_channel_open_direct_tcpip(
        &mut self,
        _channel: Channel<Msg>,
        _host_to_connect: &str,
        _port_to_connect: u32,
        _originator_address: &str,
        _originator_port: u32,
        reply: client::ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        refuse(reply).await
    }

    async fn server_channel_open_direct_streamlocal(
        &mut self,
        _channel: Channel<Msg>,
        _socket_path: &str,
        reply: client::ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        refuse(reply).await
    }

    async fn server_channel_open_x11(
        &mut self,
        _channel: Channel<Msg>,
        _originator_address: &str,
        _originator_port: u32,
        reply: client::ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        refuse(reply).await
    }
}

/// F088: nothing is ever forwarded.
async fn refuse(reply: client::ChannelOpenHandle) -> Result<(), ClientError> {
    reply.reject(ChannelOpenFailure::AdministrativelyProhibited).await;
    Ok(())
}
