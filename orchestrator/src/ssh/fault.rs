//! From what went wrong to what the driver is told: kind, how much was sent, and words for people.

use super::handler::{ClientError, Shown};
use super::pins::{Trust, Verdict, fingerprint};
use crate::launcher::{AskError, Sent};
use sortie_core::failure::FailureKind;

/// A failure before the request was sent: the host has not seen it.
#[must_use]
pub fn nothing(kind: FailureKind, message: impl Into<String>) -> AskError {
    AskError { kind, sent: Sent::Nothing, message: message.into() }
}

/// A failure after the first byte of the request was given to the channel: only the host knows what it did.
///
/// The kind says that the host could not be heard; `sent` says that this is no proof of anything.
#[must_use]
pub fn perhaps(message: impl Into<String>) -> AskError {
    AskError { kind: FailureKind::Unreachable, sent: Sent::Perhaps, message: message.into() }
}

/// A phase of reaching a host, as messages name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Name look-up and TCP connect, or a channel through the machine before.
    Connect,
    /// Up to the server's first words.
    Banner,
    /// Key exchange.
    Kex,
    /// Login.
    Auth,
    /// Channel open.
    Open,
    /// The remote command up to its first word.
    Exec,
}

impl Phase {
    /// For people: what was being done.
    #[must_use]
    pub const fn doing(self) -> &'static str {
        match self {
            Self::Connect => "connecting",
            Self::Banner => "waiting for its SSH banner",
            Self::Kex => "exchanging keys",
            Self::Auth => "logging in",
            Self::Open => "opening a session",
            Self::Exec => "starting the shim",
        }
    }
}

/// A phase that took too long.
#[must_use]
pub fn timed_out(at: &str, phase: Phase, limit: std::time::Duration) -> AskError {
    nothing(FailureKind::Unreachable, format!("{at}: no answer within {} ms while {}", limit.as_millis(), phase.doing()))
}

/// A connection that did not come to a login. Second: whether the server may only have been too busy (`MaxStartups`, a
/// penalty box), so that trying again after a pause is of use.
#[must_use]
pub fn handshake(at: &str, trust: &Trust, seen: Option<Shown>, error: &ClientError) -> (AskError, bool) {
    if let Some(shown) = seen.filter(|shown| shown.verdict != Verdict::Accepted) {
        return (host_key(at, trust, &shown), false);
    }
    match error {
        ClientError::Ssh(russh::Error::NoCommonAlgo { kind: russh::AlgorithmKind::Key, ours, theirs }) => {
            let message = format!(
                "{at}: the host offers keys of type {} only, but {} is on record (types {}). Nothing was sent. If the host was set up \
                 anew, check its new fingerprint and add it again (`sortie host add`)",
                theirs.join(", "),
                trust.describe(),
                ours.join(", "),
            );
            (nothing(FailureKind::HostKey, message), false)
        }
        ClientError::Ssh(russh::Error::WrongServerSig) => {
            (nothing(FailureKind::HostKey, format!("{at}: the host could not prove its key; something is in between")), false)
        }
        ClientError::Ssh(error @ (russh::Error::Disconnect | russh::Error::HUP)) => {
            (nothing(FailureKind::Unreachable, format!("{at}: the host ended the connection before the login ({error})")), true)
        }
        ClientError::Ssh(russh::Error::IO(error)) => {
            let busy = matches!(
                error.kind(),
                std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe | std::io::ErrorKind::UnexpectedEof
            );
            (nothing(FailureKind::Unreachable, format!("{at}: the connection broke before the login ({error})")), busy)
        }
        error => (nothing(FailureKind::Unreachable, format!("{at}: no SSH connection: {error}")), false),
    }
}

fn host_key(at: &str, trust: &Trust, shown: &Shown) -> AskError {
    let Shown { key, verdict, fault, .. } = shown;
    let shown = fingerprint(key);
    let why = fault.as_ref().map(ToString::to_string).unwrap_or_default();
    let message = match verdict {
        Verdict::Revoked if fault.is_some() => {
            format!("{at}: the host shows {shown} with a certificate, and {why}. Nothing was sent. Do not add it again before you know why")
        }
        Verdict::Revoked => {
            format!("{at}: the host shows {shown}, which is revoked. Nothing was sent. Do not add it again before you know why")
        }
        Verdict::Certificate => format!("{at}: the host shows {shown}, but {why}; {} is on record. Nothing was sent", trust.describe()),
        Verdict::Unknown => format!(
            "{at}: the host shows {shown}, and nothing is known of it. Compare it on the host's console (`ssh-keygen -lf \
             /etc/ssh/ssh_host_ed25519_key.pub`) and name it: --host-key-fingerprint {}",
            shown.split(' ').next_back().unwrap_or_default()
        ),
        Verdict::Other | Verdict::Accepted => format!(
            "{at}: the host shows {shown}, but {} is on record: another machine, or someone in between. Nothing was sent. If the host \
             was set up anew, check the new fingerprint on its console and add it again (`sortie host add`)",
            trust.describe()
        ),
    };
    nothing(FailureKind::HostKey, message)
}

/// Text of a host for a message: printable, one line, at most `limit` characters.
#[must_use]
pub fn printable(bytes: &[u8], limit: usize) -> String {
    let text: String = String::from_utf8_lossy(bytes).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let skip = words.chars().count().saturating_sub(limit);
    words.chars().skip(skip).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssh::pins::Pins;
    use russh::keys::PublicKey;

    const A: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    const B: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB9dG4kjRhQTtWTVzd2t27+t0DEHBPW7iOD23TUiYLio";

    fn trust() -> Trust {
        Trust::Pinned(Pins::parse(&[A]).unwrap())
    }

    #[test]
    fn f081_another_key_is_said_with_both_fingerprints_and_is_not_tried_again() {
        let shown = PublicKey::from_openssh(B).unwrap();
        let error = ClientError::Ssh(russh::Error::UnknownKey);
        let seen = Shown { key: shown.clone(), verdict: Verdict::Other, authority: None, fault: None };
        let (fault, again) = handshake("vm:22", &trust(), Some(seen), &error);
        assert_eq!((fault.kind, fault.sent, again), (FailureKind::HostKey, Sent::Nothing, false));
        assert!(fault.message.contains(&fingerprint(&shown)) && fault.message.contains(&trust().describe()), "{}", fault.message);
    }

    #[test]
    fn another_key_type_is_a_matter_of_the_host_key() {
        let error = russh::Error::NoCommonAlgo {
            kind: russh::AlgorithmKind::Key,
            ours: vec!["ssh-ed25519".into()],
            theirs: vec!["rsa-sha2-256".into()],
        };
        let (fault, again) = handshake("vm:22", &trust(), None, &ClientError::Ssh(error));
        assert_eq!((fault.kind, again), (FailureKind::HostKey, false));
        let error = russh::Error::NoCommonAlgo { kind: russh::AlgorithmKind::Cipher, ours: vec![], theirs: vec![] };
        assert_eq!(handshake("vm:22", &trust(), None, &ClientError::Ssh(error)).0.kind, FailureKind::Unreachable);
    }

    #[test]
    fn only_a_dropped_handshake_is_tried_again() {
        let reset = russh::Error::IO(std::io::ErrorKind::ConnectionReset.into());
        assert!(handshake("vm:22", &trust(), None, &ClientError::Ssh(reset)).1);
        assert!(handshake("vm:22", &trust(), None, &ClientError::Ssh(russh::Error::Disconnect)).1);
        assert!(!handshake("vm:22", &trust(), None, &ClientError::Ssh(russh::Error::Version)).1);
    }

    #[test]
    fn text_of_a_host_is_made_harmless_and_its_end_is_kept() {
        assert_eq!(printable(b"\x1b[31mred\x07\r\n  tail", 8), "red tail");
    }
}
