//! One connection to the embedded host: who is let in, and what they may ask for.

use super::command::Commands;
use crate::ssh::wire::KillSwitch;
use russh::keys::PublicKey;
use russh::server::{Auth, Handler, Msg, PublicKeyOffer, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId};
use std::collections::HashMap;
use std::sync::Arc;

/// The server's side of one connection.
pub struct Server {
    authorized: Arc<PublicKey>,
    commands: Arc<Commands>,
    switch: Arc<KillSwitch>,
    /// Channels on which nothing runs yet.
    waiting: HashMap<ChannelId, Channel<Msg>>,
}

/// Channels of one connection that may wait for their exec request.
const WAITING: usize = 16;

impl Server {
    /// For a connection that was just accepted.
    pub fn new(authorized: Arc<PublicKey>, commands: Arc<Commands>, switch: Arc<KillSwitch>) -> Self {
        Self { authorized, commands, switch, waiting: HashMap::new() }
    }

    fn judge(&self, key: &PublicKey) -> Auth {
        if key.key_data() == self.authorized.key_data() { Auth::Accept } else { Auth::reject() }
    }
}

impl Handler for Server {
    type Error = russh::Error;

    async fn auth_publickey_offered(&mut self, _user: &str, offer: PublicKeyOffer<'_>) -> Result<Auth, Self::Error> {
        Ok(self.judge(offer.public_key))
    }

    async fn auth_publickey(&mut self, _user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        Ok(self.judge(key.public_key))
    }

    async fn auth_succeeded(&mut self, _session: &mut Session) -> Result<(), Self::Error> {
        self.switch.trusted();
        Ok(())
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: russh::server::ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        // A handle that is dropped refuses.
        if self.waiting.len() < WAITING {
            self.waiting.insert(channel.id(), channel);
            reply.accept().await;
        }
        Ok(())
    }

    async fn exec_request(&mut self, id: ChannelId, command: &[u8], session: &mut Session) -> Result<(), Self::Error> {
        let started = self.waiting.remove(&id).map(|channel| Arc::clone(&self.commands).start(channel, command, session.handle()));
        match started {
            Some(Ok(())) => session.channel_success(id),
            Some(Err(_)) | None => session.channel_failure(id),
        }
    }

    async fn channel_close(&mut self, id: ChannelId, _session: &mut Session) -> Result<(), Self::Error> {
        self.waiting.remove(&id);
        Ok(())
    }
}
