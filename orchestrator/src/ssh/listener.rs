//! Finds words and frames in what a session writes to standard output, and skips the rest, within bounds (F086).

use super::limits::LINE_BYTES;
use super::script;
use sha2::{Digest, Sha256};
use sortie_protocol::bytes::to_hex;
use sortie_protocol::frame::{self, Header};
use sortie_protocol::limits::NOISE_BYTES;

/// Something meant for us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// From the remote command.
    Word(script::Word),
    /// The payload of a frame from the shim; its digest is verified.
    Frame(Vec<u8>),
}

/// Why a session cannot be listened to any longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// More noise than any login shell makes, on either stream.
    #[error("the host's login shell prints without end; only {NOISE_BYTES} bytes are skipped")]
    Noise,
    /// A frame with this session's nonce that breaks its form.
    #[error("the host sent a malformed frame")]
    Malformed,
    /// A frame whose payload is not what its header says.
    #[error("the host sent a damaged frame")]
    Damaged,
}

/// Reads one session's standard output, whatever pieces it comes in.
pub struct Listener {
    nonce: String,
    line: Vec<u8>,
    /// The current line is over its limit: noise up to its end.
    skipping: bool,
    payload: Option<(Header, Vec<u8>)>,
    /// Bytes skipped since something was heard.
    noise: usize,
}

impl Listener {
    /// For a session with this nonce.
    #[must_use]
    pub fn new(nonce: &str) -> Self {
        Self { nonce: nonce.to_owned(), line: Vec::new(), skipping: false, payload: None, noise: 0 }
    }

    /// Take the next bytes; what was completed by them is appended to `heard`.
    ///
    /// # Errors
    /// [`Broken`]: the session is of no use any more.
    pub fn take(&mut self, mut bytes: &[u8], heard: &mut Vec<Heard>) -> Result<(), Broken> {
        while !bytes.is_empty() {
            bytes = match self.payload.take() {
                Some((header, payload)) => self.take_payload(header, payload, bytes, heard)?,
                None => self.take_line(bytes, heard)?,
            };
        }
        Ok(())
    }

    fn take_payload<'a>(
        &mut self,
        header: Header,
        mut payload: Vec<u8>,
        bytes: &'a [u8],
        heard: &mut Vec<Heard>,
    ) -> Result<&'a [u8], Broken> {
        // The payload and the newline after it.
        let wanted = header.length + 1 - payload.len();
        let (part, rest) = bytes.split_at(wanted.min(bytes.len()));
        payload.extend_from_slice(part);
        if payload.len() <= header.length {
            self.payload = Some((header, payload));
            return Ok(rest);
        }
        if payload.pop() != Some(b'\n') || to_hex(&Sha256::digest(&payload)) != header.digest {
            return Err(Broken::Damaged);
        }
        self.noise = 0;
        heard.push(Heard::Frame(payload));
        Ok(rest)
    }

    fn take_line<'a>(&mut self, bytes: &'a [u8], heard: &mut Vec<Heard>) -> Result<&'a [u8], Broken> {
        let Some(end) = bytes.iter().position(|b| *b == b'\n') else {
            self.grow(bytes)?;
            return Ok(&[]);
        };
        self.grow(&bytes[..end])?;
        let line = std::mem::take(&mut self.line);
        if !std::mem::take(&mut self.skipping) {
            self.take_whole_line(&line, heard)?;
        }
        Ok(&bytes[end + 1..])
    }

    fn grow(&mut self, part: &[u8]) -> Result<(), Broken> {
        self.noise += part.len() + 1;
        if self.noise > NOISE_BYTES {
            return Err(Broken::Noise);
        }
        if self.skipping || self.line.len() + part.len() > LINE_BYTES {
            self.skipping = true;
            self.line.clear();
        } else {
            self.line.extend_from_slice(part);
        }
        Ok(())
    }

    /// Noise without a newline may stand before our words on a line, never behind them.
    fn take_whole_line(&mut self, line: &[u8], heard: &mut Vec<Heard>) -> Result<(), Broken> {
        let line = String::from_utf8_lossy(line);
        let line = line.trim_end_matches('\r');
        if let Some((_, rest)) = line.split_once(&format!("{} {} ", script::MAGIC, self.nonce)) {
            self.noise = 0;
            heard.push(Heard::Word(script::parse_word(rest)));
        } else if let Some(at) = line.find(&format!("{} {} ", frame::MAGIC, self.nonce)) {
            let header = frame::parse_header(&line[at..]).map_err(|_| Broken::Malformed)?;
            self.payload = Some((header, Vec::new()));
        }
        Ok(())
    }
}

/// A request as it goes to the shim: header, payload, newline.
#[must_use]
pub fn framed(nonce: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = frame::header(nonce, payload.len(), &to_hex(&Sha256::digest(payload))).into_bytes();
    bytes.reserve_exact(payload.len() + 1);
    bytes.extend_from_slice(payload);
    bytes.push(b'\n');
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use script::Word;

    const NONCE: &str = "abcdefgh";

    fn listen(pieces: &[&[u8]]) -> Result<Vec<Heard>, Broken> {
        let (mut listener, mut heard) = (Listener::new(NONCE), Vec::new());
        for piece in pieces {
            listener.take(piece, &mut heard)?;
        }
        Ok(heard)
    }

    #[test]
    fn words_and_frames_are_found_in_noise_however_they_are_cut() {
        let mut stream = b"Welcome!\nno newline hereSORTIE-SH/1 abcdefgh ready /r\nnoise\n".to_vec();
        stream.extend(framed(NONCE, b"{\"a\":\n1}"));
        stream.extend(framed("othernonce", b"{}"));
        stream.extend(framed(NONCE, b""));
        let expected =
            vec![Heard::Word(Word::Ready { root: "/r".into() }), Heard::Frame(b"{\"a\":\n1}".to_vec()), Heard::Frame(Vec::new())];
        assert_eq!(listen(&[&stream]).unwrap(), expected);
        for size in 1..stream.len() {
            let pieces: Vec<&[u8]> = stream.chunks(size).collect();
            assert_eq!(listen(&pieces).unwrap(), expected, "pieces of {size}");
        }
    }

    #[test]
    fn f086_noise_and_lines_without_end_are_bounded() {
        let piece = vec![b'x'; 1000];
        let (mut listener, mut heard) = (Listener::new(NONCE), Vec::new());
        let taken = (0..10_000).take_while(|_| listener.take(&piece, &mut heard).is_ok()).count();
        assert!((NOISE_BYTES / 1001 - 1..=NOISE_BYTES / 1000).contains(&taken), "{taken}");
        assert!(listener.line.capacity() <= 2 * LINE_BYTES);
        let newlines = vec![b'\n'; NOISE_BYTES + 1];
        assert_eq!(listen(&[&newlines]), Err(Broken::Noise));
    }

    #[test]
    fn a_changed_byte_or_a_huge_length_is_refused() {
        let mut bytes = framed(NONCE, b"hello");
        let at = bytes.len() - 3;
        bytes[at] ^= 1;
        assert_eq!(listen(&[&bytes]), Err(Broken::Damaged));
        let huge = frame::header(NONCE, sortie_protocol::limits::FRAME_BYTES + 1, &"0".repeat(64));
        assert_eq!(listen(&[huge.as_bytes()]), Err(Broken::Malformed));
    }
}
