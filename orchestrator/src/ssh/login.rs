//! Logging in: by a key file or the ssh-agent, with exactly one identity (F089: servers count each offer as a try).

use super::connection::Endpoint;
use super::fault::nothing;
use super::handler::Client;
use crate::launcher::AskError;
use russh::client::{AuthResult, Handle};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{Algorithm, HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey};
use sortie_core::failure::FailureKind;
use sortie_core::host::Login;
use sortie_keys::ssh::{Identity, IdentityError};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::UnixStream;

/// Where identities come from.
#[derive(Clone, Debug, Default)]
pub struct Identities {
    /// The installation's own key, for hosts that name none.
    pub key: PathBuf,
    /// Socket of the ssh-agent; `SSH_AUTH_SOCK` where there is none.
    pub agent_socket: Option<PathBuf>,
    /// Which of the agent's keys to offer, `SHA256:...`; needed where it holds more than one.
    pub agent_key: Option<String>,
}

/// What a login is tried with, read before the host is reached.
pub enum Credential {
    /// A private key from a file.
    Key(Arc<PrivateKey>),
    /// The agent, and the one key it is to sign with.
    Agent(Box<AgentClient<UnixStream>>, PublicKey),
}

impl Identities {
    /// Find the identity for a login.
    ///
    /// # Errors
    /// `auth`: no such file, a passphrase, no agent, or no or several keys in it.
    pub async fn credential(&self, login: &Login) -> Result<Credential, AskError> {
        match login {
            Login::Key(path) => {
                let path = if path.is_empty() { self.key.clone() } else { PathBuf::from(path) };
                let load = tokio::task::spawn_blocking(move || Identity::load(&path, None)).await;
                match load {
                    Ok(Ok(identity)) => Ok(Credential::Key(identity.private_key())),
                    Ok(Err(error @ IdentityError::NeedsPassphrase(_))) => {
                        Err(auth(format!("{error}: add it to an ssh-agent and let the host log in with that, or name a key without")))
                    }
                    Ok(Err(error)) => Err(auth(format!("the SSH key cannot be used: {error}"))),
                    Err(_) => Err(auth("the SSH key could not be read")),
                }
            }
            Login::Agent => self.agent(self.agent_key.as_deref()).await,
            Login::AgentKey(fingerprint) => self.agent(Some(fingerprint)).await,
            Login::Certificate { .. } => Err(auth("user certificates are not offered")),
        }
    }

    async fn agent(&self, wanted: Option<&str>) -> Result<Credential, AskError> {
        let socket = self.agent_socket.clone().or_else(|| std::env::var_os("SSH_AUTH_SOCK").map(PathBuf::from));
        let socket = socket.ok_or_else(|| auth("no ssh-agent: SSH_AUTH_SOCK is not set"))?;
        let gone = |error: &dyn std::fmt::Display| auth(format!("the ssh-agent at {} gives no answer: {error}", socket.display()));
        let mut agent = AgentClient::connect_uds(&socket).await.map_err(|error| gone(&error))?;
        let identities = agent.request_identities().await.map_err(|error| gone(&error))?;
        let keys = identities.into_iter().filter_map(|identity| match identity {
            AgentIdentity::PublicKey { key, .. } => Some(key),
            AgentIdentity::Certificate { .. } => None,
        });
        let key = choose(keys.collect(), wanted)?;
        Ok(Credential::Agent(Box::new(agent), key))
    }
}

fn choose(mut keys: Vec<PublicKey>, wanted: Option<&str>) -> Result<PublicKey, AskError> {
    let print = |key: &PublicKey| key.fingerprint(HashAlg::Sha256).to_string();
    if let Some(wanted) = wanted {
        keys.retain(|key| print(key) == wanted);
    }
    match keys.len() {
        1 => Ok(keys.remove(0)),
        0 => Err(auth(
            wanted.map_or_else(|| "the ssh-agent holds no key".to_owned(), |wanted| format!("the ssh-agent does not hold {wanted}")),
        )),
        _ => {
            let held = keys.iter().map(print).collect::<Vec<_>>().join(", ");
            Err(auth(format!("the ssh-agent holds several keys ({held}); choose one, since servers count each offer as a failed try")))
        }
    }
}

/// Log in with one identity.
///
/// # Errors
/// `auth` where the host refuses it. Second: whether the connection went away instead of an answer.
pub async fn log_in(handle: &mut Handle<Client>, endpoint: &Endpoint, credential: Credential) -> Result<(), (AskError, bool)> {
    let user = endpoint.user.clone();
    let (result, fingerprint) = match credential {
        Credential::Key(key) => {
            let hash = rsa_hash(handle, endpoint, &key.algorithm()).await?;
            let fingerprint = key.fingerprint(HashAlg::Sha256).to_string();
            let result = handle.authenticate_publickey(user, PrivateKeyWithHashAlg::new(key, hash)).await;
            (result.map_err(|error| (gone(endpoint, &error), true))?, fingerprint)
        }
        Credential::Agent(mut agent, key) => {
            let hash = rsa_hash(handle, endpoint, &key.algorithm()).await?;
            let fingerprint = key.fingerprint(HashAlg::Sha256).to_string();
            let result = handle.authenticate_publickey_with(user, key, hash, &mut *agent).await;
            (result.map_err(|error| (auth(format!("{endpoint}: the ssh-agent did not sign: {error}")), false))?, fingerprint)
        }
    };
    match result {
        AuthResult::Success => Ok(()),
        AuthResult::Failure { remaining_methods, .. } if remaining_methods.is_empty() && handle.is_closed() => {
            Err((gone(endpoint, &"connection closed"), true))
        }
        AuthResult::Failure { partial_success: true, .. } => {
            Err((auth(format!("{endpoint}: the host wants a second factor after the key {fingerprint}")), false))
        }
        AuthResult::Failure { .. } => {
            let message =
                format!("{endpoint}: the host refused the key {fingerprint}; add its public half to ~/.ssh/authorized_keys there");
            Err((auth(message), false))
        }
    }
}

/// For RSA, the best SHA-2 signature that the server takes: SHA-1 is not offered (F083). Others need none.
async fn rsa_hash(handle: &Handle<Client>, endpoint: &Endpoint, key: &Algorithm) -> Result<Option<HashAlg>, (AskError, bool)> {
    if !matches!(key, Algorithm::Rsa { .. }) {
        return Ok(None);
    }
    match handle.best_supported_rsa_hash().await {
        Ok(Some(Some(hash))) => Ok(Some(hash)),
        // No EXT_INFO: servers since 2017 take SHA-512 all the same.
        Ok(None) => Ok(Some(HashAlg::Sha512)),
        Ok(Some(None)) => Err((auth(format!("{endpoint}: the host takes RSA with SHA-1 only; use an Ed25519 key")), false)),
        Err(error) => Err((gone(endpoint, &error), true)),
    }
}

fn auth(message: impl Into<String>) -> AskError {
    nothing(FailureKind::Auth, message)
}

fn gone(endpoint: &Endpoint, error: &dyn std::fmt::Display) -> AskError {
    nothing(FailureKind::Unreachable, format!("{endpoint}: the connection broke while logging in ({error})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    const B: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB9dG4kjRhQTtWTVzd2t27+t0DEHBPW7iOD23TUiYLio";

    #[test]
    fn f089_one_identity_is_chosen_or_none() {
        let [a, b] = [A, B].map(|line| PublicKey::from_openssh(line).unwrap());
        let print = b.fingerprint(HashAlg::Sha256).to_string();
        assert_eq!(choose(vec![a.clone()], None).unwrap(), a);
        assert_eq!(choose(vec![a.clone(), b.clone()], Some(&print)).unwrap(), b);
        assert!(choose(vec![a.clone(), b], None).unwrap_err().message.contains(&print));
        assert_eq!(choose(vec![a], Some(&print)).unwrap_err().kind, FailureKind::Auth);
        assert_eq!(choose(vec![], None).unwrap_err().kind, FailureKind::Auth);
    }
}
