//! What a job says while it runs: the files behind `$SORTIE_PROGRESS` and `$SORTIE_CHECKPOINT`, which it replaces atomically.
//!
//! Only the newest content counts: it is read when it is posted, and what was overwritten in between is never sent.

use crate::attempt::{Attempt, Child};
use crate::clock;
use crate::limits::RESULT_DEPTH;
use crate::{agents, files};
use serde_json::Value;
use sortie_protocol::artifact::Report;
use sortie_protocol::callback::CallbackKind;
use sortie_protocol::limits::REPORT_BYTES;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

/// Kind, name of the variable, name of the file.
pub const REPORTS: [(CallbackKind, &str, &str); 2] =
    [(CallbackKind::Progress, "SORTIE_PROGRESS", "progress.json"), (CallbackKind::Checkpoint, "SORTIE_CHECKPOINT", "checkpoint.json")];

/// What tells one content of a file from the next without reading it.
type Stamp = (u64, i64, i64, u64);

/// Which contents were sent.
#[derive(Debug, Default)]
pub struct Reports {
    sent: [Option<Stamp>; REPORTS.len()],
    /// A content that was found to be no report is not read again.
    bad: [Option<Stamp>; REPORTS.len()],
}

impl Reports {
    /// The next report to send: its index, its stamp and its data.
    pub fn next(&mut self, attempt: &Attempt) -> Option<(usize, Stamp, Value)> {
        for (index, (_, variable, file)) in REPORTS.iter().enumerate() {
            let Some(stamp) = stamp(attempt, file) else { continue };
            if [self.sent[index], self.bad[index]].contains(&Some(stamp)) {
                continue;
            }
            match read(attempt, file) {
                Ok(data) => return Some((index, stamp, data)),
                Err(why) => {
                    attempt.log(&format!("{variable} is not taken: {why}"));
                    self.bad[index] = Some(stamp);
                }
            }
        }
        None
    }

    /// The server has it.
    pub fn sent(&mut self, index: usize, stamp: Stamp) {
        self.sent[index] = Some(stamp);
    }
}

/// The last content, to go with the result.
pub fn last(attempt: &Attempt, child: &Child, kind: CallbackKind) -> Option<Report> {
    let (_, _, file) = REPORTS.iter().find(|(of, _, _)| *of == kind)?;
    let data = read(attempt, file).ok()?;
    Some(Report { seq: clock::mono_ms().saturating_sub(child.started_mono_ms) + 1, data })
}

fn stamp(attempt: &Attempt, file: &str) -> Option<Stamp> {
    let of = |path: PathBuf| {
        let meta = path.symlink_metadata().ok()?;
        Some((meta.ino(), meta.mtime(), meta.mtime_nsec(), meta.len()))
    };
    let own = of(attempt.reported(file));
    let agent = agents::progress_file(attempt, file).and_then(of);
    let both = |a: Stamp, b: Stamp| (a.0.wrapping_add(b.0), a.1.wrapping_add(b.1), a.2.wrapping_add(b.2), a.3.wrapping_add(b.3));
    own.zip(agent).map(|(own, agent)| both(own, agent)).or(own).or(agent)
}

fn read(attempt: &Attempt, file: &str) -> Result<Value, String> {
    let said = match attempt.read_reported(file, REPORT_BYTES as u64) {
        Ok(bytes) => Some(serde_json::from_slice(&bytes).map_err(|error| format!("not JSON: {error}"))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => Some(Err(error.to_string())),
    };
    let agent = agents::progress_file(attempt, file).and_then(|path| files::read_json(&path));
    let value = match (said, agent) {
        // What an agent is seen to do stands beside what its job says, and above it.
        (Some(Ok(Value::Object(mut said))), Some(Value::Object(seen))) => {
            said.extend(seen);
            Value::Object(said)
        }
        (None | Some(Err(_)), Some(seen)) => seen,
        (Some(said), _) => said?,
        (None, None) => return Err("no such file".to_owned()),
    };
    if depth(&value) > RESULT_DEPTH {
        return Err(format!("nested deeper than {RESULT_DEPTH}"));
    }
    Ok(value)
}

/// Arrays and objects in one another.
pub fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files;
    use crate::root::{AttemptId, Root};
    use serde_json::json;

    #[test]
    fn a_report_is_sent_once_and_the_newest_content_only() {
        let dir = tempfile::tempdir().unwrap();
        let attempt = Attempt::new(&Root::new(dir.path()).unwrap(), AttemptId::parse("att_0123456789").unwrap());
        std::fs::create_dir_all(attempt.dir()).unwrap();
        let say = |file: &str, text: &str| files::replace(&attempt.file(file), text.as_bytes()).unwrap();
        let mut reports = Reports::default();
        assert!(reports.next(&attempt).is_none());
        say("progress.json", "1");
        say("progress.json", r#"{"step":2}"#);
        let (index, stamp, data) = reports.next(&attempt).unwrap();
        assert_eq!((REPORTS[index].0, &data), (CallbackKind::Progress, &json!({"step": 2})));
        assert_eq!(reports.next(&attempt).map(|found| found.1), Some(stamp), "not sent yet");
        reports.sent(index, stamp);
        assert!(reports.next(&attempt).is_none());
        say("checkpoint.json", "no json");
        say("progress.json", &format!("\"{}\"", "x".repeat(REPORT_BYTES)));
        assert!(reports.next(&attempt).is_none(), "what is too large or broken is passed over");
        say("checkpoint.json", r#""at 3""#);
        assert_eq!(reports.next(&attempt).map(|found| found.2), Some(json!("at 3")));
    }
}
