//! What a server can ask of us: to look at its key. Everything else is refused.

use super::algorithms;
use super::pins::{Trust, Verdict};
use crate::clock::Clock;
use russh::client::{self, Msg, Session};
use russh::keys::ssh_key::public::KeyData;
use russh::keys::{PublicKey, PublicKeyOrCertificate};
use russh::{Channel, ChannelOpenFailure, Names};
use sortie_keys::host_cert::HostCertFault;
use sortie_keys::revocation::RevocationList;
use std::sync::{Arc, Mutex, PoisonError};

/// What a key exchange showed, and its judgement.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The key that the host proved to hold.
    pub key: PublicKey,
    /// What it is worth.
    pub verdict: Verdict,
    /// The authority that vouched for it, where a certificate was shown.
    pub authority: Option<PublicKey>,
    /// What is wrong with that certificate.
    pub fault: Option<HostCertFault>,
}

/// Where a key exchange leaves what it showed, for the one who waits for it.
#[derive(Clone, Debug, Default)]
pub struct Seen(Arc<Mutex<Option<Shown>>>);

impl Seen {
    /// What was shown, once there was something.
    #[must_use]
    pub fn get(&self) -> Option<Shown> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, shown: Shown) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(shown);
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
    /// What counts for no host, whatever is believed of it.
    pub revoked: Option<RevocationList>,
    /// Where the shown key is noted.
    pub seen: Seen,
    /// For certificates' windows.
    pub clock: Clock,
}

impl Client {
    fn judge(&self, shown: &PublicKeyOrCertificate) -> Shown {
        match shown {
            PublicKeyOrCertificate::PublicKey { key, .. } => {
                let is_revoked = self.revoked.as_ref().is_some_and(|list| list.has_key(key));
                let verdict = if is_revoked { Verdict::Revoked } else { self.trust.judge(key) };
                Shown { key: key.clone(), verdict, authority: None, fault: None }
            }
            PublicKeyOrCertificate::Certificate(certificate) => {
                let of = |key: &KeyData| PublicKey::new(key.clone(), "");
                let now = u64::try_from(self.clock.now_s()).unwrap_or(0);
                let fault = match &self.revoked {
                    Some(list) if list.has_certificate(certificate) => Some(HostCertFault::listed(certificate)),
                    _ => self.trust.judge_certificate(certificate, now).err(),
                };
                let verdict = match &fault {
                    None => Verdict::Accepted,
                    Some(HostCertFault::Revoked { .. } | HostCertFault::Listed { .. }) => Verdict::Revoked,
                    Some(_) => Verdict::Certificate,
                };
                Shown { key: of(certificate.public_key()), verdict, authority: Some(of(certificate.signature_key())), fault }
            }
        }
    }
}

impl client::Handler for Client {
    type Error = ClientError;

    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        let shown = self.judge(key);
        let accepted = shown.verdict == Verdict::Accepted;
        self.seen.set(shown);
        Ok(accepted)
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
