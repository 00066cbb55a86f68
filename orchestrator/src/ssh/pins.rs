//! What is believed about a host's key, and the judgement of the key that it shows.

use super::algorithms;
use russh::keys::{Algorithm, Certificate, HashAlg, PublicKey};
use sortie_keys::host_cert::{self, HostCertFault};
use sortie_keys::known_hosts::{HostKeyVerdict, KnownHosts};
use sortie_keys::pin::Pin;

/// Keys that a host may prove, authorities that may vouch for it, and keys that it must not show.
#[derive(Clone, Debug, Default)]
pub struct Pins {
    accepted: Vec<Pin>,
    revoked: Vec<Pin>,
    authorities: Vec<Pin>,
    /// What certificates must be made out to.
    name: String,
}

impl Pins {
    /// From `Host.host_keys`: OpenSSH public key lines; a line that starts with `@revoked ` names a key to refuse.
    ///
    /// # Errors
    /// For people: the line that is none, or that no key is left to accept.
    pub fn parse<S: AsRef<str>>(lines: &[S]) -> Result<Self, String> {
        Self::with_authorities::<S, &str>(lines, &[], "")
    }

    /// The same, with authorities (`Host.host_cas`) that may vouch for this name. Then no key need be pinned, and one that is
    /// not pinned is refused all the same.
    ///
    /// # Errors
    /// As [`Pins::parse`].
    pub fn with_authorities<S: AsRef<str>, T: AsRef<str>>(lines: &[S], authorities: &[T], name: &str) -> Result<Self, String> {
        let mut pins = Self { name: name.to_owned(), ..Self::default() };
        for line in authorities.iter().map(|line| line.as_ref().trim()) {
            pins.authorities.push(pin(line)?);
        }
        for line in lines.iter().map(|line| line.as_ref().trim()) {
            let (list, text) = match line.strip_prefix("@revoked ") {
                Some(text) => (&mut pins.revoked, text),
                None => (&mut pins.accepted, line),
            };
            list.push(pin(text)?);
        }
        pins.accepted.retain(|pin| !pins.revoked.contains(pin));
        pins.authorities.retain(|pin| !pins.revoked.contains(pin));
        if Pin::algorithms(&pins.accepted).is_empty() && pins.authorities.is_empty() {
            return Err("no usable host key is pinned; add the host again with its fingerprint".to_owned());
        }
        Ok(pins)
    }

    /// Keys that are accepted, without the revoked.
    #[must_use]
    pub fn accepted(&self) -> &[Pin] {
        &self.accepted
    }
}

fn pin(line: &str) -> Result<Pin, String> {
    line.parse().map_err(|error| format!("{error}: {:?}", line.chars().take(60).collect::<String>()))
}

/// What is believed about a host before it is asked.
#[derive(Clone, Debug)]
pub enum Trust {
    /// It was added: these keys and no others.
    Pinned(Pins),
    /// The operator named this fingerprint, `SHA256:...`.
    Fingerprint(String),
    /// The operator named a known_hosts file, which has it under this name and port.
    KnownHosts {
        /// The file.
        file: KnownHosts,
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
        /// What certificates must be made out to: the name, or the `HostKeyAlias` under which it is recorded.
        name: String,
    },
    /// The operator takes whatever key it shows, this once.
    FirstUse,
    /// Nothing: the key is looked at, and the connection ends there. With the algorithms that are asked for, or all.
    OnlyLook(Option<Vec<Algorithm>>),
}

/// What a shown key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Believed.
    Accepted,
    /// Refused by name.
    Revoked,
    /// Another than is believed.
    Other,
    /// Nothing is known of this host.
    Unknown,
    /// A certificate that does not hold.
    Certificate,
}

impl Trust {
    /// Judge a key that a server has proved to hold.
    #[must_use]
    pub fn judge(&self, key: &PublicKey) -> Verdict {
        match self {
            Self::Pinned(pins) if matches!(Pin::check(&pins.revoked, key), HostKeyVerdict::Valid { .. }) => Verdict::Revoked,
            Self::Pinned(pins) => verdict(&Pin::check(&pins.accepted, key)),
            Self::Fingerprint(expected) if *expected == sha256(key) => Verdict::Accepted,
            Self::Fingerprint(_) => Verdict::Other,
            Self::KnownHosts { file, host, port, .. } => verdict(&file.check(host, *port, key)),
            Self::FirstUse => Verdict::Accepted,
            Self::OnlyLook(_) => Verdict::Unknown,
        }
    }

    /// Judge a certificate whose key a server has proved to hold. `now` in Unix seconds.
    ///
    /// # Errors
    /// What is wrong with it; where no authority is trusted, that.
    pub fn judge_certificate(&self, certificate: &Certificate, now: u64) -> Result<(), HostCertFault> {
        match self {
            Self::Pinned(pins) => host_cert::judge(certificate, &pins.authorities, &pins.revoked, &pins.name, now),
            Self::KnownHosts { file, host, port, name } => {
                let pins = |keys: Vec<PublicKey>| keys.iter().map(Pin::new).collect::<Vec<_>>();
                let (authorities, revoked) = (pins(file.authorities_for(host, *port)), pins(file.revoked_for(host, *port)));
                host_cert::judge(certificate, &authorities, &revoked, name, now)
            }
            Self::Fingerprint(_) | Self::FirstUse | Self::OnlyLook(_) => host_cert::judge(certificate, &[], &[], "", now),
        }
    }

    /// Whether host certificates are asked for: only where an authority is trusted.
    #[must_use]
    pub fn takes_certificates(&self) -> bool {
        match self {
            Self::Pinned(pins) => !pins.authorities.is_empty(),
            Self::KnownHosts { file, host, port, .. } => !file.authorities_for(host, *port).is_empty(),
            Self::Fingerprint(_) | Self::FirstUse | Self::OnlyLook(_) => false,
        }
    }

    /// Host-key algorithms to ask for: those of the keys on record, so that a server cannot switch to another type (F081).
    #[must_use]
    pub fn algorithms(&self) -> Vec<Algorithm> {
        match self {
            Self::Pinned(pins) => Pin::algorithms(&pins.accepted),
            Self::KnownHosts { file, host, port, .. } => {
                let recorded = file.algorithms_for(host, *port);
                // A host that is known by an authority alone shows a certificate, or nothing that is believed.
                if recorded.is_empty() && !self.takes_certificates() { algorithms::any_host_key() } else { recorded }
            }
            Self::OnlyLook(Some(only)) => only.clone(),
            Self::Fingerprint(_) | Self::FirstUse | Self::OnlyLook(None) => algorithms::any_host_key(),
        }
    }

    /// What is believed, for messages.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Pinned(pins) => {
                let keys = pins.accepted.iter().map(|pin| fingerprint(pin.public_key()));
                let by = pins.authorities.iter().map(|pin| format!("a certificate by {}", fingerprint(pin.public_key())));
                keys.chain(by).collect::<Vec<_>>().join(" or ")
            }
            Self::Fingerprint(expected) => expected.clone(),
            Self::KnownHosts { file, host, port, .. } => {
                let recorded = file.recorded_for(host, *port);
                let keys = recorded.iter().map(|key| format!("{} {} (line {})", key.algorithm, key.fingerprint, key.line));
                let authorities = file.authorities_for(host, *port);
                let by = authorities.iter().map(|key| format!("a certificate by {}", fingerprint(key)));
                keys.chain(by).collect::<Vec<_>>().join(" or ")
            }
            Self::FirstUse | Self::OnlyLook(_) => "nothing".to_owned(),
        }
    }
}

fn verdict(verdict: &HostKeyVerdict) -> Verdict {
    match verdict {
        HostKeyVerdict::Valid { .. } => Verdict::Accepted,
        HostKeyVerdict::Revoked { .. } => Verdict::Revoked,
        HostKeyVerdict::Changed { .. } => Verdict::Other,
        HostKeyVerdict::Unknown => Verdict::Unknown,
    }
}

/// Lines that name keys to refuse (`@revoked ...`), and the others.
#[must_use]
pub fn split_revoked(lines: &[String]) -> (Vec<String>, Vec<String>) {
    lines.iter().cloned().partition(|line| line.trim_start().starts_with("@revoked "))
}

/// The line of a key, without comment.
#[must_use]
pub fn key_line(key: &PublicKey) -> String {
    Pin::new(key).to_string()
}

/// `ssh-ed25519 SHA256:...`.
#[must_use]
pub fn fingerprint(key: &PublicKey) -> String {
    format!("{} {}", key.algorithm(), sha256(key))
}

fn sha256(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    const B: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB9dG4kjRhQTtWTVzd2t27+t0DEHBPW7iOD23TUiYLio";

    fn key(line: &str) -> PublicKey {
        PublicKey::from_openssh(line).unwrap()
    }

    #[test]
    fn a_comment_makes_no_difference_and_a_revoked_key_is_refused() {
        let trust = Trust::Pinned(Pins::parse(&[format!("{A} root@vm"), format!("@revoked {B}")]).unwrap());
        assert_eq!(trust.judge(&key(&format!("{A} other"))), Verdict::Accepted);
        assert_eq!(trust.judge(&key(B)), Verdict::Revoked);
        assert_eq!(Trust::Pinned(Pins::parse(&[A]).unwrap()).judge(&key(B)), Verdict::Other);
    }

    #[test]
    fn f081_only_pinned_types_are_asked_for() {
        assert_eq!(Trust::Pinned(Pins::parse(&[A]).unwrap()).algorithms(), [Algorithm::Ed25519]);
    }

    #[test]
    fn nothing_to_accept_is_an_error() {
        assert!(Pins::parse::<&str>(&[]).is_err());
        assert!(Pins::parse(&[A.to_owned(), format!("@revoked {A}")]).is_err(), "pinned and revoked");
        assert!(Pins::parse(&["ssh-ed25519 nonsense"]).is_err());
    }

    #[test]
    fn f080_looking_is_not_believing() {
        assert_eq!(Trust::OnlyLook(None).judge(&key(A)), Verdict::Unknown);
        assert_eq!(Trust::Fingerprint(sha256(&key(A))).judge(&key(A)), Verdict::Accepted);
        assert_eq!(Trust::Fingerprint(sha256(&key(A))).judge(&key(B)), Verdict::Other);
        let file = KnownHosts::parse(format!("vm {A}\n").as_bytes());
        let at = |host: &str| Trust::KnownHosts { file: file.clone(), host: host.to_owned(), port: 22, name: host.to_owned() };
        assert_eq!(
            [at("vm").judge(&key(A)), at("vm").judge(&key(B)), at("other").judge(&key(A))],
            [Verdict::Accepted, Verdict::Other, Verdict::Unknown]
        );
    }
}
