//! One line: `[marker] hosts type base64 [comment]`, separated by spaces and tabs in any number.

use super::pattern::Hosts;
use crate::encoding::sha256;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

/// What a line is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marker {
    /// A host key.
    None,
    /// A key that signs host certificates.
    CertAuthority,
    /// A key that is never to be trusted again.
    Revoked,
}

/// A line that names a key.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) number: usize,
    pub(super) marker: Marker,
    pub(super) hosts: Hosts,
    pub(super) algorithm: String,
    /// The key as it goes over the wire.
    pub(super) blob: Vec<u8>,
}

impl Line {
    /// Nothing for a blank line or a comment. An error where the line cannot be understood.
    pub(super) fn parse(number: usize, raw: &[u8]) -> Result<Option<Self>, ()> {
        let text = std::str::from_utf8(raw).map_err(|_| ())?;
        let mut words = text.split([' ', '\t', '\r']).filter(|word| !word.is_empty());
        let Some(first) = words.next() else { return Ok(None) };
        let (marker, hosts) = match first {
            comment if comment.starts_with('#') => return Ok(None),
            "@cert-authority" => (Marker::CertAuthority, words.next().ok_or(())?),
            "@revoked" => (Marker::Revoked, words.next().ok_or(())?),
            marker if marker.starts_with('@') => return Err(()),
            hosts => (Marker::None, hosts),
        };
        let algorithm = words.next().ok_or(())?.to_owned();
        let blob = STANDARD.decode(words.next().ok_or(())?).map_err(|_| ())?;
        if algorithm_of(&blob) != Some(algorithm.as_bytes()) {
            return Err(());
        }
        Ok(Some(Self { number, marker, hosts: Hosts::parse(hosts).ok_or(())?, algorithm, blob }))
    }
}

/// The name that a key's bytes begin with. It has to be the one on the line.
fn algorithm_of(blob: &[u8]) -> Option<&[u8]> {
    let (length, rest) = blob.split_first_chunk::<4>()?;
    rest.get(..u32::from_be_bytes(*length) as usize)
}

/// As `ssh-keygen -l` shows it.
pub(super) fn fingerprint(blob: &[u8]) -> String {
    format!("SHA256:{}", STANDARD_NO_PAD.encode(sha256(blob)))
}
