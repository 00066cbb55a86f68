//! `res://RUN/SUBJECT/NAME`: what a flow, a person and a link call a resource.
//!
//! RUN is the id of the run. SUBJECT is what of it the bytes come from: the id of an attempt (`att_...`) for files and result
//! documents of jobs, `call-N` for a step that the server performs. NAME is the artifact's name with everything but ASCII
//! letters, digits, `-`, `_`, `~`, `.` and `/` percent-encoded as UTF-8; a result document is called `:result`. There is one
//! spelling for each resource. A reference is no secret and no right: whoever fetches needs a token or a signed link.

use sortie_core::ids::RunId;
use std::fmt;

/// What starts every reference.
pub const SCHEME: &str = "res://";

/// What stands in a name as it is.
const ESCAPED: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'~').remove(b'.').remove(b'/');

/// The name of a resource in the whole installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Its run.
    pub run: RunId,
    /// What of the run it comes from.
    pub subject: String,
    /// Its name there.
    pub name: String,
}

impl Reference {
    /// The resource that a text names, if it is one in its one spelling.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix(SCHEME)?.splitn(3, '/');
        let run = RunId::parse(parts.next()?).ok()?;
        let subject = parts.next().filter(|subject| is_subject(subject))?.to_owned();
        let name = percent_encoding::percent_decode_str(parts.next()?).decode_utf8().ok()?.into_owned();
        let reference = Self { run, subject, name };
        (!reference.name.is_empty() && reference.to_string() == text).then_some(reference)
    }

    /// Its id in a signed link: the reference, as one segment of a path.
    #[must_use]
    pub fn link_id(&self) -> String {
        data_encoding::BASE64URL_NOPAD.encode(self.to_string().as_bytes())
    }

    /// The subject of a step that the server performs.
    #[must_use]
    pub fn of_call(call: u32) -> String {
        format!("call-{call}")
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = percent_encoding::utf8_percent_encode(&self.name, ESCAPED);
        write!(f, "{SCHEME}{}/{}/{name}", self.run, self.subject)
    }
}

fn is_subject(text: &str) -> bool {
    !text.is_empty() && text.len() <= 64 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use sortie_core::ids::Entropy;

    fn run() -> RunId {
        RunId::new(1_700_000_000_000, &Entropy([1; 32]), 0)
    }

    #[test]
    fn f106_a_reference_has_one_spelling() {
        for name in ["report.txt", "out/a b.json", "zażółć", ":result", "..", "../../etc/passwd", "A", "a%2fb", "a?b#c", "x\ny"] {
            let reference = Reference { run: run(), subject: Reference::of_call(3), name: name.to_owned() };
            let text = reference.to_string();
            assert_eq!(Reference::parse(&text), Some(reference), "{text}");
            assert!(text.is_ascii() && !text.contains([' ', '?', '#', '\n']), "{text}");
        }
        let good = format!("res://{}/call-3/a", run());
        assert!(Reference::parse(&good).is_some());
        for bad in [
            good.replace("res:", "RES:"),
            good.replace("/a", "/%61"),
            good.replace("/a", "/"),
            good.replace("/a", "/%ff"),
            good.replace("/call-3", ""),
            good.replace("call-3", "call 3"),
            good.replace("call-3", "."),
            good.replace("run_", "att_"),
            String::new(),
        ] {
            assert_eq!(Reference::parse(&bad), None, "{bad}");
        }
    }
}
