//! Logging in: by a key file or the ssh-agent, bare or with a user certificate, with exactly one identity (F089: servers count
//! each offer as a try).

use super::connection::Endpoint;
use super::fault::nothing;
use super::handler::Client;
use super::sign::{SignError, Signer};
use crate::launcher::AskError;
use russh::client::{AuthResult, Handle};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{Algorithm, HashAlg, PrivateKeyWithHashAlg, PublicKey};
use sortie_core::failure::FailureKind;
use sortie_core::host::Login;
use sortie_keys::ssh::{Identity, IdentityError};
use sortie_keys::user_cert::UserCertificate;
use std::path::PathBuf;

/// `Login::Certificate.key` where the ssh-agent holds the key.
pub const AGENT_HELD: &str = "agent";

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
pub struct Credential {
    key: PublicKey,
    /// Shown instead of the bare key.
    certificate: Option<UserCertificate>,
    signer: Signer,
}

impl Identities {
    /// Find the identity for a login. `now` in Unix seconds, for the window of a certificate.
    ///
    /// # Errors
    /// `auth`: no such file, a passphrase, a certificate that does not fit or has run out, or several keys to choose from.
    /// `unreachable`: the ssh-agent is gone or holds nothing now (F090): what waits for the host waits on.
    pub async fn credential(&self, login: &Login, now: u64) -> Result<Credential, AskError> {
        let credential = match login {
            Login::Key(path) => self.file(path).await?,
            Login::Agent => self.agent(self.agent_key.as_deref()).await?,
            Login::AgentKey(fingerprint) => self.agent(Some(fingerprint)).await?,
            Login::Certificate { key, certificate } => {
                let path = PathBuf::from(certificate);
                let loaded = tokio::task::spawn_blocking(move || UserCertificate::load(&path)).await;
                let certificate = loaded.map_err(|_| auth("the certificate could not be read"))?;
                let certificate = certificate.map_err(|error| auth(format!("the user certificate cannot be used: {error}")))?;
                let fingerprint = certificate.key().fingerprint(HashAlg::Sha256).to_string();
                let found = if key == AGENT_HELD { self.agent(Some(&fingerprint)).await? } else { self.file(key).await? };
                Credential { certificate: Some(certificate), ..found }
            }
        };
        if let Some(certificate) = &credential.certificate {
            certificate.check(&credential.key, now).map_err(|error| auth(format!("the user certificate cannot be used: {error}")))?;
        }
        Ok(credential)
    }

    async fn file(&self, path: &str) -> Result<Credential, AskError> {
        let path = if path.is_empty() { self.key.clone() } else { PathBuf::from(path) };
        let load = tokio::task::spawn_blocking(move || Identity::load(&path, None)).await;
        match load {
            Ok(Ok(identity)) => {
                let key = identity.public_key().clone();
                Ok(Credential { key, certificate: None, signer: Signer::Key(identity.private_key()) })
            }
            Ok(Err(error @ IdentityError::NeedsPassphrase(_))) => {
                Err(auth(format!("{error}: add it to an ssh-agent and let the host log in with that, or name a key without")))
            }
            Ok(Err(error)) => Err(auth(format!("the SSH key cannot be used: {error}"))),
            Err(_) => Err(auth("the SSH key could not be read")),
        }
    }

    async fn agent(&self, wanted: Option<&str>) -> Result<Credential, AskError> {
        let socket = self.agent_socket.clone().or_else(|| std::env::var_os("SSH_AUTH_SOCK").map(PathBuf::from));
        let socket = socket.ok_or_else(|| auth("no ssh-agent: SSH_AUTH_SOCK is not set where the server runs"))?;
        let gone = |error: &dyn std::fmt::Display| {
            waits(format!("the ssh-agent at {} gives no answer ({error}); the host is not asked without it", socket.display()))
        };
        let mut agent = AgentClient::connect_uds(&socket).await.map_err(|error| gone(&error))?;
        let identities = agent.request_identities().await.map_err(|error| gone(&error))?;
        let (key, certificate) = choose(identities, wanted)?;
        Ok(Credential { key, certificate, signer: Signer::Agent(Box::new(agent)) })
    }
}

/// One key, and the certificate of it that the agent holds, where it does. A certificate goes before the bare key.
fn choose(held: Vec<AgentIdentity>, wanted: Option<&str>) -> Result<(PublicKey, Option<UserCertificate>), AskError> {
    let mut found: Vec<(PublicKey, Option<UserCertificate>)> = Vec::new();
    for identity in held {
        let (key, certificate) = match identity {
            AgentIdentity::PublicKey { key, .. } => (key, None),
            AgentIdentity::Certificate { certificate, .. } => {
                let certificate = UserCertificate::new(certificate);
                (certificate.key(), Some(certificate))
            }
        };
        match found.iter_mut().find(|(known, _)| known.key_data() == key.key_data()) {
            Some((_, known)) => *known = certificate.or_else(|| known.take()),
            None => found.push((key, certificate)),
        }
    }
    let print = |(key, _): &(PublicKey, Option<UserCertificate>)| key.fingerprint(HashAlg::Sha256).to_string();
    if let Some(wanted) = wanted {
        found.retain(|one| print(one) == wanted);
    }
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(waits(wanted.map_or_else(
            || "the ssh-agent holds no key; the host is not asked without one (`ssh-add`)".to_owned(),
            |wanted| format!("the ssh-agent does not hold {wanted}; the host is not asked without it (`ssh-add`)"),
        ))),
        _ => {
            let held = found.iter().map(print).collect::<Vec<_>>().join(", ");
            Err(auth(format!("the ssh-agent holds several keys ({held}); choose one, since servers count each offer as a failed try")))
        }
    }
}

/// Log in with one identity.
///
/// # Errors
/// `auth` where the host refuses it; `unreachable` where the ssh-agent does not sign. Second: whether the connection went
/// away instead of an answer.
pub async fn log_in(handle: &mut Handle<Client>, endpoint: &Endpoint, credential: Credential) -> Result<(), (AskError, bool)> {
    let user = endpoint.user.clone();
    let Credential { key, certificate, signer } = credential;
    let hash = rsa_hash(handle, endpoint, &key.algorithm()).await?;
    let fingerprint = key.fingerprint(HashAlg::Sha256).to_string();
    let certified = certificate.is_some();
    let result = match (certificate, signer) {
        (Some(certificate), mut signer) => {
            handle.authenticate_certificate_with(user, certificate.certificate().clone(), hash, &mut signer).await
        }
        (None, Signer::Key(private)) => {
            handle.authenticate_publickey(user, PrivateKeyWithHashAlg::new(private, hash)).await.map_err(SignError::Ssh)
        }
        (None, mut agent @ Signer::Agent(_)) => handle.authenticate_publickey_with(user, key, hash, &mut agent).await,
    };
    let result = result.map_err(|error| match error {
        SignError::Ssh(error) => (gone(endpoint, &error), true),
        SignError::Key => (auth(format!("{endpoint}: the key {fingerprint} could not sign")), false),
        SignError::Agent(error) => (waits(format!("{endpoint}: the ssh-agent did not sign: {error}")), false),
    })?;
    match result {
        AuthResult::Success => Ok(()),
        AuthResult::Failure { remaining_methods, .. } if remaining_methods.is_empty() && handle.is_closed() => {
            Err((gone(endpoint, &"connection closed"), true))
        }
        AuthResult::Failure { partial_success: true, .. } => {
            Err((auth(format!("{endpoint}: the host wants a second factor after the key {fingerprint}")), false))
        }
        AuthResult::Failure { .. } if certified => {
            let message = format!(
                "{endpoint}: the host refused the certificate of the key {fingerprint}; it must be made out to `{}` (or a name that the \
                 host maps) by an authority of its TrustedUserCAKeys",
                endpoint.user
            );
            Err((auth(message), false))
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

/// Something on our side that comes back: nothing was sent, and what waits for the host waits on.
fn waits(message: impl Into<String>) -> AskError {
    nothing(FailureKind::Unreachable, message)
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
        let held = |keys: &[&PublicKey]| -> Vec<AgentIdentity> {
            keys.iter().map(|key| AgentIdentity::PublicKey { key: (*key).clone(), comment: String::new() }).collect()
        };
        let print = b.fingerprint(HashAlg::Sha256).to_string();
        assert_eq!(choose(held(&[&a]), None).unwrap().0, a);
        assert_eq!(choose(held(&[&a, &b]), Some(&print)).unwrap().0, b);
        assert!(choose(held(&[&a, &b]), None).unwrap_err().message.contains(&print));
        // F090: a key that is not held now may be held again.
        assert_eq!(choose(held(&[&a]), Some(&print)).unwrap_err().kind, FailureKind::Unreachable);
        assert_eq!(choose(vec![], None).unwrap_err().kind, FailureKind::Unreachable);
    }
}
