//! A chunk of output as it lies in a file: a fixed head, then the bytes. A record that was cut short is known by its digest.

use aws_lc_rs::digest::{Context, SHA256};
use sortie_core::ids::Ms;
use sortie_protocol::log::Stream;

/// What a record begins with.
const MAGIC: [u8; 4] = *b"SLr1";
/// Bytes of a head.
pub const HEAD_BYTES: usize = 36;
/// Largest data of a record, in bytes: nothing larger was ever written, so a larger length is damage.
const DATA_BYTES: u32 = 1 << 20;

/// What is known of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Of this stream.
    pub stream: Stream,
    /// Bytes that follow.
    pub length: u32,
    /// Absolute offset of the first of them in its stream.
    pub offset: u64,
    /// When they came, Unix milliseconds by the server's clock.
    pub at: Ms,
    /// First bytes of the digest of all of the above and the data.
    tag: [u8; 8],
}

impl Head {
    /// Of this data.
    #[must_use]
    pub fn of(stream: Stream, offset: u64, at: Ms, data: &[u8]) -> Self {
        let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
        let mut head = Self { stream, length, offset, at, tag: [0; 8] };
        head.tag = head.digest(data);
        head
    }

    /// As it lies in the file.
    #[must_use]
    pub fn bytes(&self) -> [u8; HEAD_BYTES] {
        let mut out = [0; HEAD_BYTES];
        out[..28].copy_from_slice(&self.signed());
        out[28..].copy_from_slice(&self.tag);
        out
    }

    /// From these bytes; `None` where they are no head.
    #[must_use]
    pub fn parse(bytes: &[u8; HEAD_BYTES]) -> Option<Self> {
        let number = |from: usize| u64::from_le_bytes(bytes[from..from + 8].try_into().unwrap_or_default());
        let packed = u32::from_le_bytes(bytes[4..8].try_into().unwrap_or_default());
        let length = u32::from_le_bytes(bytes[8..12].try_into().unwrap_or_default());
        let stream = Stream::ALL.into_iter().find(|stream| stream.index() as u32 == packed)?;
        let at = i64::from_le_bytes(bytes[20..28].try_into().unwrap_or_default());
        let good = bytes[..4] == MAGIC && length <= DATA_BYTES;
        good.then(|| Self { stream, length, offset: number(12), at, tag: bytes[28..].try_into().unwrap_or_default() })
    }

    /// Whether this is its data.
    #[must_use]
    pub fn holds(&self, data: &[u8]) -> bool {
        data.len() == self.length as usize && self.digest(data) == self.tag
    }

    /// Where its stream goes on after it.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(u64::from(self.length))
    }

    /// Bytes of the whole record.
    #[must_use]
    pub fn size(&self) -> u64 {
        HEAD_BYTES as u64 + u64::from(self.length)
    }

    fn signed(&self) -> [u8; 28] {
        let mut out = [0; 28];
        out[..4].copy_from_slice(&MAGIC);
        out[4..8].copy_from_slice(&(self.stream.index() as u32).to_le_bytes());
        out[8..12].copy_from_slice(&self.length.to_le_bytes());
        out[12..20].copy_from_slice(&self.offset.to_le_bytes());
        out[20..28].copy_from_slice(&self.at.to_le_bytes());
        out
    }

    fn digest(&self, data: &[u8]) -> [u8; 8] {
        let mut hash = Context::new(&SHA256);
        hash.update(&self.signed());
        hash.update(data);
        hash.finish().as_ref()[..8].try_into().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_reads_back_and_knows_its_data() {
        let head = Head::of(Stream::Stderr, 1 << 40, 1_700_000_000_000, b"data");
        assert_eq!(Head::parse(&head.bytes()), Some(head));
        assert!(head.holds(b"data") && !head.holds(b"dat") && !head.holds(b"dato"));
        assert_eq!((head.end(), head.size()), ((1 << 40) + 4, 40));
        let mut bad = head.bytes();
        bad[0] = b'X';
        assert_eq!(Head::parse(&bad), None);
        let mut other = head.bytes();
        other[13] ^= 1;
        assert!(!Head::parse(&other).unwrap().holds(b"data"), "the digest covers the head too");
        assert_eq!(Head::parse(&[0xff; HEAD_BYTES]), None);
    }
}
