//! Known secret values are masked in what is shown or kept: as they are, and as base64, percent-escapes, JSON and hex spell them (F105).
//!
//! This is a net, not a boundary: a job that wants to can spell its secrets in any way it likes.

use super::limits::{MASKED_BYTES, MASKED_LINE_BYTES};
use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};
use serde_json::Value;
use sortie_keys::Secret;
use std::collections::BTreeSet;
use std::ops::Range;

/// What most programs escape in a query.
const QUERY: AsciiSet =
    percent_encoding::CONTROLS.add(b' ').add(b'"').add(b'%').add(b'&').add(b'=').add(b'+').add(b'#').add(b'?').add(b'<').add(b'>');
/// The ways to escape for a URL.
static SETS: [&AsciiSet; 3] = [&UNRESERVED, NON_ALPHANUMERIC, &QUERY];
/// What stands for a masked value.
pub const MASK: &str = "[secret]";
/// RFC 3986: what needs no escape.
const UNRESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Masks a set of values. Without values it changes nothing and costs nothing.
#[derive(Clone, Default)]
pub struct Masker {
    found: Option<AhoCorasick>,
    patterns: Vec<Vec<u8>>,
}

impl std::fmt::Debug for Masker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Masker(of {} patterns)", self.patterns.len())
    }
}

impl Masker {
    /// For these values. Those under [`MASKED_BYTES`] are not masked.
    #[must_use]
    pub fn new<'a>(values: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut patterns = BTreeSet::new();
        for value in values {
            for part in parts(value.expose()) {
                spellings(part, &mut patterns);
            }
        }
        let patterns: Vec<Vec<u8>> = patterns.into_iter().collect();
        if patterns.is_empty() {
            return Self::default();
        }
        // Too large to build is not possible: patterns are bounded by the secrets of one job.
        let found = AhoCorasick::builder().match_kind(MatchKind::Standard).build(&patterns).ok();
        Self { found, patterns }
    }

    /// Whether there is nothing to mask.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// A text with every value replaced by [`MASK`].
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        if self.is_empty() {
            return text.to_owned();
        }
        let mut out = Vec::with_capacity(text.len());
        let mut at = 0;
        for Range { start, end } in self.ranges(text.as_bytes()) {
            out.extend_from_slice(&text.as_bytes()[at..start]);
            out.extend_from_slice(MASK.as_bytes());
            at = end;
        }
        out.extend_from_slice(&text.as_bytes()[at..]);
        String::from_utf8_lossy(&out).into_owned()
    }

    /// A value with every text in it masked, keys too. A number that is a value becomes [`MASK`].
    #[must_use]
    pub fn json(&self, value: Value) -> Value {
        if self.is_empty() {
            return value;
        }
        match value {
            Value::String(text) => Value::String(self.text(&text)),
            Value::Array(items) => Value::Array(items.into_iter().map(|item| self.json(item)).collect()),
            Value::Object(fields) => Value::Object(fields.into_iter().map(|(key, value)| (self.text(&key), self.json(value))).collect()),
            Value::Number(number) => {
                let text = number.to_string();
                if self.ranges(text.as_bytes()).is_empty() { Value::Number(number) } else { Value::String(MASK.to_owned()) }
            }
            plain => plain,
        }
    }

    /// Bytes with every value replaced by as many stars, so that offsets stay what they are.
    pub fn stars(&self, bytes: &mut [u8]) {
        for range in self.ranges(bytes) {
            bytes[range].fill(b'*');
        }
    }

    /// Bytes at the end that may be the beginning of a value.
    #[must_use]
    pub fn pending(&self, bytes: &[u8]) -> usize {
        let longest = self.patterns.iter().map(Vec::len).max().unwrap_or(0);
        let from = bytes.len().saturating_sub(longest.saturating_sub(1));
        let begins = |tail: &[u8]| self.patterns.iter().any(|pattern| pattern.len() > tail.len() && pattern.starts_with(tail));
        (from..bytes.len()).find(|start| begins(&bytes[*start..])).map_or(0, |start| bytes.len() - start)
    }

    /// How many bytes can go out before more is known: neither the beginning of a value nor a part of one stays behind the cut, so
    /// that whoever comes back with the rest needs to remember nothing.
    #[must_use]
    pub fn settled(&self, bytes: &[u8]) -> usize {
        let cut = bytes.len() - self.pending(bytes);
        self.ranges(bytes).into_iter().find(|range| range.start < cut && range.end > cut).map_or(cut, |range| range.start)
    }

    /// Where values are, overlapping ones put together.
    fn ranges(&self, bytes: &[u8]) -> Vec<Range<usize>> {
        let Some(found) = &self.found else { return Vec::new() };
        let mut found: Vec<Range<usize>> = found.find_overlapping_iter(bytes).map(|found| found.range()).collect();
        found.sort_by_key(|range| range.start);
        let mut merged: Vec<Range<usize>> = Vec::new();
        for range in found {
            match merged.last_mut() {
                Some(last) if range.start < last.end => last.end = last.end.max(range.end),
                _ => merged.push(range),
            }
        }
        merged
    }
}

/// Masks a stream that comes in chunks: what may be the beginning of a value waits for the next one.
pub struct StreamMasker {
    masker: Masker,
    /// What waits, as it came.
    held: Vec<u8>,
    /// Bytes of it that belong to a value which was seen whole.
    masked: usize,
}

impl StreamMasker {
    /// Of a stream from its beginning.
    #[must_use]
    pub fn new(masker: Masker) -> Self {
        Self { masker, held: Vec::new(), masked: 0 }
    }

    /// The next chunk; gives what can be shown, with stars for values.
    pub fn push(&mut self, chunk: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(chunk);
        let keep = self.masker.pending(&self.held);
        self.give(self.held.len() - keep)
    }

    /// The end: what waited was no value after all.
    pub fn end(&mut self) -> Vec<u8> {
        self.give(self.held.len())
    }

    fn give(&mut self, count: usize) -> Vec<u8> {
        let ranges = self.masker.ranges(&self.held);
        let mut shown = self.held.clone();
        self.masker.stars(&mut shown);
        shown[..self.masked].fill(b'*');
        // What stays of a value that goes out is known to belong to it, although its beginning is gone.
        let crossing = ranges.iter().find(|range| range.start < count && range.end > count).map_or(0, |range| range.end);
        self.masked = self.masked.max(crossing).saturating_sub(count);
        shown.truncate(count);
        self.held.drain(..count);
        shown
    }
}

/// The value, without white space at its ends too, and its longer lines.
fn parts(value: &[u8]) -> Vec<&[u8]> {
    let mut parts = vec![value, value.trim_ascii()];
    if value.trim_ascii().contains(&b'\n') {
        parts.extend(value.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| line.len() >= MASKED_LINE_BYTES));
    }
    parts.retain(|part| part.len() >= MASKED_BYTES);
    parts
}

/// How a value may be spelled.
fn spellings(value: &[u8], into: &mut BTreeSet<Vec<u8>>) {
    into.insert(value.to_vec());
    into.extend(base64_inside(value));
    into.insert(data_encoding::HEXLOWER.encode(value).into_bytes());
    into.insert(data_encoding::HEXUPPER.encode(value).into_bytes());
    for set in SETS {
        let escaped = percent_encoding::percent_encode(value, set).to_string();
        into.insert(escaped.replace("%20", "+").into_bytes());
        into.insert(lower_escapes(&escaped).into_bytes());
        into.insert(escaped.into_bytes());
    }
    if let Ok(text) = std::str::from_utf8(value) {
        let quoted = Value::String(text.to_owned()).to_string();
        let inner = &quoted[1..quoted.len() - 1];
        into.insert(inner.as_bytes().to_vec());
        into.insert(inner.replace('/', "\\/").into_bytes());
        into.insert(ascii_json(inner).into_bytes());
        into.insert(ascii_json(&inner.replace('/', "\\/")).into_bytes());
        // A JSON text inside of a JSON text.
        let twice = Value::String(inner.to_owned()).to_string();
        into.insert(twice.as_bytes()[1..twice.len() - 1].to_vec());
    }
    into.retain(|pattern| pattern.len() >= MASKED_BYTES);
}

/// What of the base64 of a longer text is the value's alone, wherever it stands in it: three alignments, two alphabets.
fn base64_inside(value: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for before in 0..3_usize {
        let padded = [&vec![0; before][..], value].concat();
        let (from, to) = ((before * 8).div_ceil(6), padded.len() * 8 / 6);
        for encoded in [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)] {
            found.extend(encoded.as_bytes().get(from..to).map(<[u8]>::to_vec));
        }
    }
    found
}

/// `%2F` as `%2f`.
fn lower_escapes(escaped: &str) -> String {
    let mut parts = escaped.split('%');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let (digits, rest) = part.split_at_checked(2).unwrap_or((part, ""));
        format!("{text}%{}{rest}", digits.to_ascii_lowercase())
    })
}

/// JSON that keeps to ASCII, as some writers do.
fn ascii_json(inner: &str) -> String {
    let mut units = [0; 2];
    inner
        .chars()
        .map(
            |c| if c.is_ascii() { c.to_string() } else { c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect() },
        )
        .collect()
}

#[cfg(test)]
#[path = "mask_tests.rs"]
mod tests;
