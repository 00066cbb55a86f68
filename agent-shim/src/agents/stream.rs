//! Reading an agent's stream while it grows, by absolute offsets of the job's output. A supervisor that takes over goes on from
//! the record, or from the beginning, and comes to the same.

use super::limits::{LINE_BYTES, LOOK_BYTES};
use super::seen::Seen;
use super::{claude, codex, gemini, opencode};
use crate::attempt::Attempt;
use crate::output;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sortie_protocol::agent::AgentKind;

/// What is remembered between two supervisors.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Read {
    /// First byte that is not part of what was understood.
    pub offset: u64,
    /// Whether that byte is within a line of which the beginning was passed over.
    pub skipping: bool,
    /// What was understood.
    pub seen: Seen,
}

/// A stream that is read.
pub struct Reader {
    kind: AgentKind,
    read: Read,
    /// The beginning of a line that is not whole yet.
    part: Vec<u8>,
}

impl Reader {
    /// Go on from there.
    pub fn new(kind: AgentKind, read: Read) -> Self {
        Self { kind, read, part: Vec::new() }
    }

    /// What is to be remembered.
    pub fn read(&self) -> &Read {
        &self.read
    }

    /// What was understood.
    pub fn seen(&self) -> &Seen {
        &self.read.seen
    }

    /// Read what has come since, at most a bounded part of it. Says whether there is more to come at once.
    pub fn look(&mut self, attempt: &Attempt) -> std::io::Result<bool> {
        let mut looked = 0;
        while looked < LOOK_BYTES {
            let at = self.read.offset + self.part.len() as u64;
            let range = output::range(attempt, "stdout", at, u64::MAX)?;
            if range.data.is_empty() {
                return Ok(false);
            }
            looked += range.data.len() as u64;
            self.feed(range.offset, &range.data);
        }
        Ok(true)
    }

    /// Everything that is there.
    pub fn look_to_the_end(&mut self, attempt: &Attempt) -> std::io::Result<()> {
        while self.look(attempt)? {}
        // The last line may have lost its end.
        let part = std::mem::take(&mut self.part);
        self.read.offset += part.len() as u64;
        if !self.read.skipping {
            self.line(&part);
        }
        Ok(())
    }

    /// Bytes that stand at this offset. What is missing before them is a gap, and the line that it cuts is lost.
    pub fn feed(&mut self, offset: u64, data: &[u8]) {
        let at = self.read.offset + self.part.len() as u64;
        if offset != at {
            self.part.clear();
            self.read.offset = offset;
            self.read.skipping = true;
        }
        for piece in data.split_inclusive(|b| *b == b'\n') {
            let ends = piece.ends_with(b"\n");
            if self.read.skipping {
                self.read.offset += piece.len() as u64;
                self.read.skipping = !ends;
            } else if !ends && self.part.len() + piece.len() > LINE_BYTES {
                self.read.offset += (std::mem::take(&mut self.part).len() + piece.len()) as u64;
                self.read.skipping = true;
            } else if ends {
                let mut line = std::mem::take(&mut self.part);
                line.extend_from_slice(piece);
                self.read.offset += line.len() as u64;
                self.line(&line);
            } else {
                self.part.extend_from_slice(piece);
            }
        }
    }

    /// What is no JSON object is passed over: warnings, banners, what a tool has written to a terminal.
    fn line(&mut self, line: &[u8]) {
        if self.kind == AgentKind::Command || !line.trim_ascii_start().starts_with(b"{") {
            return;
        }
        let Ok(event) = serde_json::from_slice::<Value>(line) else { return };
        let seen = &mut self.read.seen;
        match self.kind {
            AgentKind::Claude => claude::event(seen, &event),
            AgentKind::Codex => codex::event(seen, &event),
            AgentKind::Gemini => gemini::event(seen, &event),
            AgentKind::Opencode => opencode::event(seen, &event),
            AgentKind::Command => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] =
        b"a banner\n{\"type\":\"thread.started\",\"thread_id\":\"t1\"}\n{\"type\":\"turn.started\"}\n{not json\n\xff\xfe\n\
        {\"type\":\"item.completed\",\"item\":{\"id\":\"i\",\"type\":\"agent_message\",\"text\":\"hi\"}}\n{\"type\":\"new.kind\"}\n";

    #[test]
    fn a_stream_cut_anywhere_reads_the_same() {
        let mut whole = Reader::new(AgentKind::Codex, Read::default());
        whole.feed(0, STREAM);
        assert_eq!((whole.seen().session.as_deref(), whole.seen().turns, whole.seen().text.as_str()), (Some("t1"), 1, "hi"));
        for cut in 0..STREAM.len() {
            let mut reader = Reader::new(AgentKind::Codex, Read::default());
            reader.feed(0, &STREAM[..cut]);
            // A successor knows only what was recorded.
            let mut next = Reader::new(AgentKind::Codex, reader.read().clone());
            let at = next.read().offset;
            next.feed(at, &STREAM[at as usize..]);
            assert_eq!(next.read(), whole.read(), "cut at {cut}");
        }
    }

    #[test]
    fn f103_a_line_without_end_is_passed_over() {
        let mut reader = Reader::new(AgentKind::Codex, Read::default());
        let piece = vec![b'{'; 1 << 20];
        let mut at = 0;
        for _ in 0..20 {
            reader.feed(at, &piece);
            at += piece.len() as u64;
            assert!(reader.part.len() <= LINE_BYTES);
        }
        reader.feed(at, b"}\n{\"type\":\"turn.started\"}\n");
        assert_eq!(reader.seen().turns, 1);
    }

    #[test]
    fn a_gap_costs_the_line_that_it_cuts() {
        let mut reader = Reader::new(AgentKind::Codex, Read::default());
        reader.feed(0, b"{\"type\":\"turn.st");
        reader.feed(1_000, b"arted\"}\n{\"type\":\"turn.started\"}\n");
        assert_eq!((reader.seen().turns, reader.read().offset), (1, 1_032));
    }
}
