//! Files of a job that are kept: how the shim uploads them, and what a result says of them.
//!
//! `HEAD` and `PUT {artifact_url}/{slot}` with the headers of a callback. The proof covers [`ArtifactMeta`], so name, size
//! and digest; the bytes are covered by the digest. Every `PUT` carries one piece at [`HEADER_OFFSET`]; the server answers
//! 202 with the offset it stands at, 409 with it where the piece does not fit there, and a receipt once it has them all.

use crate::limits::{ARTIFACT_NAME_BYTES, KEPT_FILES};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Header with the hexadecimal JSON of an [`ArtifactMeta`], in every request.
pub const HEADER_META: &str = "sortie-artifact";
/// Header with the offset of a piece, and in answers with the bytes that are there.
pub const HEADER_OFFSET: &str = "upload-offset";
/// The slot of a result document that is too large to be posted. A number is the place in the spec's list; for [`kept_slot`] see there.
pub const RESULT_SLOT: &str = "result";
/// Why a file that was there was not kept, where nothing more is known.
pub const NOT_UPLOADED: &str = "not uploaded yet";

/// What is uploaded. Its exact JSON is what the proof covers and what the receipt is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArtifactMeta {
    /// [`crate::VERSION`].
    pub v: u32,
    /// Must equal the token's `jti` and the path.
    pub attempt: String,
    /// Must equal the path.
    pub slot: String,
    /// As the spec names it.
    pub name: String,
    /// In bytes.
    pub size: u64,
    /// SHA-256 of the bytes, lower-case hex.
    pub sha256: String,
}

/// Name of that document among the artifacts of its attempt. No file can have it.
pub const RESULT_NAME: &str = ":result";

/// Name of the last checkpoint of an attempt's agent among its artifacts: the newest one replaces the one before.
pub const CHECKPOINT_NAME: &str = ":checkpoint";
/// What the slot of a checkpoint begins with; its number follows.
const CHECKPOINT_SLOT: &str = "checkpoint-";

/// The slot of a checkpoint.
#[must_use]
pub fn checkpoint_slot(number: u32) -> String {
    format!("{CHECKPOINT_SLOT}{number}")
}

/// The number of the checkpoint that has this slot; `None` where it is no such slot.
#[must_use]
pub fn checkpoint_number(slot: &str) -> Option<u32> {
    let number = slot.strip_prefix(CHECKPOINT_SLOT)?.parse().ok().filter(|number| *number > 0)?;
    (checkpoint_slot(number) == slot).then_some(number)
}

/// What is wrong with a path below a job's working directory, if anything: it must be plain names with a slash between them,
/// and names that begin with a colon are ours.
#[must_use]
pub fn path_fault(path: &str) -> Option<&'static str> {
    if path.is_empty() || path.len() > ARTIFACT_NAME_BYTES {
        return Some("a path below the working directory has 1 to 1,024 bytes");
    }
    if path.chars().any(char::is_control) {
        return Some("a path below the working directory has no control characters");
    }
    if path.starts_with(':') {
        return Some("a path below the working directory does not begin with a colon");
    }
    let plain = path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    (!plain).then_some("a path below the working directory is relative, without `.`, `..` and empty parts")
}

/// The slot of a file that the job kept by itself: `k` and its number, counted from 0.
#[must_use]
pub fn kept_slot(number: usize) -> String {
    format!("k{number}")
}

/// Whether a slot is one of those, below [`KEPT_FILES`].
#[must_use]
pub fn is_kept_slot(slot: &str) -> bool {
    let number = slot.strip_prefix('k').and_then(|number| number.parse::<usize>().ok());
    number.is_some_and(|number| number < KEPT_FILES && kept_slot(number) == slot)
}

/// The `webhook-id` of an upload.
#[must_use]
pub fn artifact_id(attempt: &str, slot: &str) -> String {
    format!("{attempt}.artifact.{slot}")
}

/// What became of a file that the spec names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactNote {
    /// As the spec names it.
    pub name: String,
    /// Whether it is kept.
    #[serde(flatten)]
    pub fate: ArtifactFate,
}

/// Whether a file is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ArtifactFate {
    /// The server has it.
    Kept(Kept),
    /// It has not.
    Missing {
        /// Why, for people.
        missing: String,
    },
}

impl ArtifactFate {
    /// Not kept.
    #[must_use]
    pub fn missing(why: impl Into<String>) -> Self {
        Self::Missing { missing: why.into() }
    }
}

/// Bytes that the server has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// SHA-256, lower-case hex.
    pub sha256: String,
    /// How many.
    pub size: u64,
}

/// The last that a job said in one of its report files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Higher than every number posted before.
    pub seq: u64,
    /// What it said.
    pub data: Value,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f106_paths_that_leave_are_no_paths() {
        let long = "a".repeat(4_096);
        for bad in
            ["", "/etc/passwd", "..", "../x", "a/../b", "./a", "a/./b", "a//b", "a/", "a\0b", "a\nb", "a/..", "\u{1b}[2J", ":result", &long]
        {
            assert!(path_fault(bad).is_some(), "{bad:?}");
        }
        for good in ["a", "a/b.c", "..a", "a..", "...", "zażółć", "A", "a b", "-rf", "~"] {
            assert_eq!(path_fault(good), None, "{good:?}");
        }
    }

    #[test]
    fn a_slot_is_of_a_checkpoint_to_the_letter() {
        assert_eq!(checkpoint_number(&checkpoint_slot(12)), Some(12));
        for other in
            ["checkpoint-", "checkpoint-0", "checkpoint-01", "checkpoint--1", "checkpoint-4294967296", "result", "1", "checkpoint-1x"]
        {
            assert_eq!(checkpoint_number(other), None, "{other}");
        }
    }

    #[test]
    fn slots_of_kept_files_are_counted_and_written_in_one_way() {
        assert!(is_kept_slot(&kept_slot(0)) && is_kept_slot(&kept_slot(KEPT_FILES - 1)));
        for bad in ["0", "k", "k00", "k+1", "K1", "k-1", "result", &kept_slot(KEPT_FILES)] {
            assert!(!is_kept_slot(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_note_reads_as_kept_or_missing() {
        let kept = ArtifactNote { name: "a".into(), fate: ArtifactFate::Kept(Kept { sha256: "00".into(), size: 1 }) };
        let text = serde_json::to_string(&kept).unwrap();
        assert_eq!(text, r#"{"name":"a","sha256":"00","size":1}"#);
        assert_eq!(serde_json::from_str::<ArtifactNote>(&text).unwrap(), kept);
        let gone = ArtifactNote { name: "a".into(), fate: ArtifactFate::missing("no such file") };
        let text = serde_json::to_string(&gone).unwrap();
        assert_eq!(text, r#"{"name":"a","missing":"no such file"}"#);
        assert_eq!(serde_json::from_str::<ArtifactNote>(&text).unwrap(), gone);
    }
}
