//! Who signs for a login: a private key of ours, or the ssh-agent.

use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::signature::Signer as _;
use russh::keys::ssh_key::private::KeypairData;
use russh::keys::{HashAlg, PrivateKey};
use std::sync::Arc;
use tokio::net::UnixStream;

/// Signs the login.
pub(super) enum Signer {
    /// A private key from a file.
    Key(Arc<PrivateKey>),
    /// The agent.
    Agent(Box<AgentClient<UnixStream>>),
}

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub(super) enum SignError {
    /// The connection is gone.
    #[error(transparent)]
    Ssh(#[from] russh::Error),
    /// The key cannot sign.
    #[error("the key cannot sign")]
    Key,
    /// The agent did not.
    #[error(transparent)]
    Agent(russh::AgentAuthError),
}

impl From<russh::SendError> for SignError {
    fn from(_: russh::SendError) -> Self {
        Self::Ssh(russh::Error::SendError)
    }
}

impl russh::Signer for Signer {
    type Error = SignError;

    /// Gives back what was to be signed with the signature behind it, as the library wants it.
    async fn auth_sign(&mut self, key: &AgentIdentity, hash: Option<HashAlg>, mut to_sign: Vec<u8>) -> Result<Vec<u8>, SignError> {
        match self {
            Self::Agent(agent) => agent.auth_sign(key, hash, to_sign).await.map_err(SignError::Agent),
            Self::Key(private) => {
                let signature = match private.key_data() {
                    KeypairData::Rsa(pair) => (pair, hash).try_sign(&to_sign),
                    _ => private.try_sign(&to_sign),
                };
                let signature = signature.map_err(|_| SignError::Key)?;
                let blob = Vec::<u8>::try_from(signature).map_err(|_| SignError::Key)?;
                to_sign.extend_from_slice(&u32::try_from(blob.len()).map_err(|_| SignError::Key)?.to_be_bytes());
                to_sign.extend_from_slice(&blob);
                Ok(to_sign)
            }
        }
    }
}
