//! Where requests begin and end, by the strict letter of RFC 9112, checked on the raw bytes before they are parsed.
//!
//! Parsers are lenient in different ways, and a proxy and a server that disagree about the end of a request let one be
//! smuggled in another (F066). So here: CR LF only, no folded lines, one `Host`, at most one `Content-Length`, no
//! `Transfer-Encoding` at all. Whatever passes can be read in one way only.

use super::limits::HEAD_BYTES;

/// Heads are refused by the HTTP parser at [`HEAD_BYTES`]; this is the bound of the buffer here.
const LINE_BYTES: usize = 2 * HEAD_BYTES;

/// Follows the bytes of one connection.
#[derive(Debug, Default)]
pub(super) struct Framing {
    line: Vec<u8>,
    lines: usize,
    hosts: usize,
    length: Option<u64>,
    body_left: u64,
}

impl Framing {
    /// Take note of the next bytes.
    ///
    /// # Errors
    /// The index of the first byte that must not be passed on.
    pub(super) fn follow(&mut self, chunk: &[u8]) -> Result<(), usize> {
        let mut at = 0;
        while at < chunk.len() {
            if self.body_left > 0 {
                let taken = self.body_left.min((chunk.len() - at) as u64);
                self.body_left -= taken;
                at += usize::try_from(taken).unwrap_or(usize::MAX);
                continue;
            }
            let byte = chunk[at];
            if byte == b'\n' {
                self.end_of_line().ok_or(at)?;
            } else if byte == 0 || self.line.last() == Some(&b'\r') || self.line.len() >= LINE_BYTES {
                return Err(at);
            } else {
                self.line.push(byte);
            }
            at += 1;
        }
        Ok(())
    }

    fn end_of_line(&mut self) -> Option<()> {
        let line = std::mem::take(&mut self.line);
        let line = line.strip_suffix(b"\r")?;
        match (self.lines, line.is_empty()) {
            (0, true) => return None, // white space before a request
            (0, false) => {}
            (_, false) => self.header(line)?,
            (_, true) => {
                let (hosts, length) = (self.hosts, self.length);
                *self = Self { body_left: length.unwrap_or(0), ..Self::default() };
                return (hosts == 1).then_some(());
            }
        }
        self.lines += 1;
        Some(())
    }

    fn header(&mut self, line: &[u8]) -> Option<()> {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.is_empty() || name.iter().any(|byte| *byte <= b' ') {
            return None; // folded, or white space before the colon
        }
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            return None;
        }
        if name.eq_ignore_ascii_case(b"host") {
            self.hosts += 1;
            return (self.hosts == 1).then_some(());
        }
        if name.eq_ignore_ascii_case(b"content-length") {
            let digits = !value.is_empty() && value.len() <= 18 && value.iter().all(u8::is_ascii_digit);
            if !digits || self.length.is_some() {
                return None;
            }
            self.length = std::str::from_utf8(value).ok()?.parse().ok();
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\nHost: a\r\n\r\n";

    #[test]
    fn plain_requests_pass_however_they_are_cut() {
        for size in 1..=GOOD.len() {
            let mut framing = Framing::default();
            assert!(GOOD.chunks(size).all(|chunk| framing.follow(chunk).is_ok()), "{size}");
        }
    }

    #[test]
    fn f066_whatever_two_parsers_could_read_differently_is_refused() {
        let bad: [&[u8]; 16] = [
            b"POST / HTTP/1.1\nHost: a\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: a\n\r\n",
            b"POST / HTTP/1.1\r\nHost: a\r\n\n",
            b"\r\nPOST / HTTP/1.1\r\nHost: a\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
            b"POST / HTTP/1.1\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc",
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\nabc",
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n",
        ];
        for bytes in bad {
            let mut framing = Framing::default();
            assert!(framing.follow(bytes).is_err(), "{}", bytes.escape_ascii());
        }
    }
}
