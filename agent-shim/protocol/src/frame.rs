//! Frames on the shim's stdin and stdout: one header line, the payload, a newline.
//!
//! ```text
//! SORTIE/1 <nonce> <length> <sha-256 of the payload, hex>\n<payload>\n
//! ```
//!
//! The nonce is chosen by the orchestrator for each session and repeated in every answer, so that noise of login
//! shells on stdout is never taken for a frame (F086). A payload cut short or changed fails its digest: refused, nothing done.

use crate::limits::FRAME_BYTES;

/// First word of a header line.
pub const MAGIC: &str = "SORTIE/1";

/// A parsed header line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Chosen per session by the orchestrator: 8 to 64 of `[0-9a-z]`.
    pub nonce: String,
    /// Bytes of the payload, at most [`FRAME_BYTES`].
    pub length: usize,
    /// SHA-256 of the payload, lower-case hex.
    pub digest: String,
}

/// Why a header line was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// Not a header at all (noise).
    NotAFrame,
    /// A header that breaks its form or a limit.
    Malformed(&'static str),
}

/// The header line for a payload, newline included.
#[must_use]
pub fn header(nonce: &str, length: usize, digest_hex: &str) -> String {
    format!("{MAGIC} {nonce} {length} {digest_hex}\n")
}

/// Read a header line (without its newline).
///
/// # Errors
/// [`FrameError::NotAFrame`] for lines that do not start with [`MAGIC`]; [`FrameError::Malformed`] for the rest.
pub fn parse_header(line: &str) -> Result<Header, FrameError> {
    let mut words = line.trim_end_matches('\r').split(' ');
    if words.next() != Some(MAGIC) {
        return Err(FrameError::NotAFrame);
    }
    let (Some(nonce), Some(length), Some(digest), None) = (words.next(), words.next(), words.next(), words.next()) else {
        return Err(FrameError::Malformed("a frame header has four words"));
    };
    if !(8..=64).contains(&nonce.len()) || !nonce.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()) {
        return Err(FrameError::Malformed("the nonce is 8 to 64 lower-case letters and digits"));
    }
    let length =
        length.parse().ok().filter(|n| *n <= FRAME_BYTES).ok_or(FrameError::Malformed("the length is no number or over the limit"))?;
    if digest.len() != 64 || !digest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(FrameError::Malformed("the digest is 64 hexadecimal digits"));
    }
    Ok(Header { nonce: nonce.to_owned(), length, digest: digest.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_survives_and_noise_does_not() {
        let line = header("abcdef0123", 7, &"0".repeat(64));
        assert_eq!(parse_header(line.trim_end()).unwrap().length, 7);
        assert_eq!(parse_header("Welcome to Ubuntu"), Err(FrameError::NotAFrame));
        assert!(matches!(parse_header("SORTIE/1 abcdef0123 99999999999 00"), Err(FrameError::Malformed(_))));
    }
}
