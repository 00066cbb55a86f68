//! Which versions of this protocol are spoken, and what a message may ask of its reader.
//!
//! Both sides say [`VERSION`], and read everything from [`OLDEST`] on: a server of today understands the posts of shims that were
//! started under an older one and still supervise jobs, and a shim of today the files of such shims. Optional fields that a reader
//! does not know are ignored. What must not be ignored is named in a field `needs` beside `v`: a reader that does not know one of
//! the names refuses the whole message.

use serde::Deserialize;

/// Version that is written.
pub const VERSION: u32 = 1;
/// Oldest version that is read. It rises once no supervisor of it can run any more: 30 days after the last release of it.
pub const OLDEST: u32 = 1;
/// Names in `needs` that are known here.
pub const KNOWN: &[&str] = &[];

/// Whether a version is read here.
#[must_use]
pub const fn speaks(v: u32) -> bool {
    v >= OLDEST && v <= VERSION
}

/// Why a message is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// Another version.
    Version(u64),
    /// It needs what is not known here.
    Needs(String),
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Version(v) if OLDEST == VERSION => write!(f, "version {v} of the protocol is not spoken here, only version {VERSION}"),
            Self::Version(v) => write!(f, "version {v} of the protocol is not spoken here, only versions {OLDEST} to {VERSION}"),
            Self::Needs(name) => {
                let name: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
                write!(f, "the message needs `{name}`, which is not known here (version {VERSION})")
            }
        }
    }
}

#[derive(Deserialize)]
struct Head {
    v: u64,
    #[serde(default)]
    needs: serde_json::Value,
}

/// Look at the head of a message: a request, an answer, a spec or the body of a callback.
///
/// # Errors
/// [`Mismatch`]. JSON that has no such head passes: whoever reads the whole of it has more to say.
pub fn check(json: &[u8]) -> Result<(), Mismatch> {
    let Ok(Head { v, needs }) = serde_json::from_slice::<Head>(json) else { return Ok(()) };
    if !u32::try_from(v).is_ok_and(speaks) {
        return Err(Mismatch::Version(v));
    }
    let names = match needs {
        serde_json::Value::Null => return Ok(()),
        serde_json::Value::Array(names) => names,
        other => vec![other],
    };
    match names.into_iter().find(|name| !name.as_str().is_some_and(|name| KNOWN.contains(&name))) {
        Some(name) => Err(Mismatch::Needs(name.as_str().map_or_else(|| name.to_string(), str::to_owned))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f114_the_window_is_read_and_what_lies_outside_is_refused() {
        for v in OLDEST..=VERSION {
            assert_eq!(check(format!(r#"{{"v":{v},"unknown":[1],"id":1}}"#).as_bytes()), Ok(()));
        }
        for v in [u64::from(OLDEST) - 1, u64::from(VERSION) + 1, u64::MAX] {
            assert_eq!(check(format!(r#"{{"v":{v}}}"#).as_bytes()), Err(Mismatch::Version(v)));
        }
    }

    #[test]
    fn f114_what_a_message_needs_must_be_known() {
        let needs = br#"{"v":1,"needs":["time_travel"]}"#;
        assert_eq!(check(needs), Err(Mismatch::Needs("time_travel".into())));
        assert_eq!(check(br#"{"v":1,"needs":[]}"#), Ok(()));
        assert_eq!(
            check(br#"{"v":1,"needs":{"a":1}}"#),
            Err(Mismatch::Needs("{\"a\":1}".into())),
            "in another form it is not ignored either"
        );
        assert_eq!(check(b"no JSON"), Ok(()), "for its reader to say");
    }
}
