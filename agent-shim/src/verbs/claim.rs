//! The claim on an attempt's name: whoever renames a whole directory into place first, with a job's spec or with a tombstone.

use crate::attempt::Attempt;
use crate::origin::Origin;
use crate::{files, sign};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;

/// Claim for a job. False: the name is taken.
pub fn job(attempt: &Attempt, spec: &[u8], credentials: &[u8]) -> io::Result<bool> {
    let origin = serde_json::to_vec(&Origin::here(attempt.root()))?;
    claim(attempt, &[("spec.json", spec), ("credentials.json", credentials), ("origin.json", &origin)], true)
}

/// Claim for nobody: a launch that is still in flight will find it sealed. False: the name is taken.
pub fn tombstone(attempt: &Attempt, reason: &str) -> io::Result<bool> {
    claim(attempt, &[("sealed", reason.as_bytes())], false)
}

/// Everything is written and durable beside, then appears at once. Killed in between, only the `.` directory is left for `gc`.
fn claim(attempt: &Attempt, contents: &[(&str, &[u8])], work: bool) -> io::Result<bool> {
    if attempt.dir().symlink_metadata().is_ok() {
        return Ok(false);
    }
    let jobs = attempt.root().jobs();
    let temp = jobs.join(format!(".{}.{}", attempt.id().as_str(), sign::random_hex(8)));
    let mut builder = std::fs::DirBuilder::new();
    builder.mode(0o700).create(&temp)?;
    let fill = || -> io::Result<()> {
        for (name, bytes) in contents {
            files::create(&temp.join(name), bytes)?;
        }
        if work {
            builder.create(temp.join("work"))?;
        }
        files::sync_dir(&temp)?;
        files::rename_new(&temp, attempt.dir())
    };
    match fill() {
        Ok(()) => {}
        Err(error) => {
            let _ = std::fs::remove_dir_all(&temp);
            return if files::is_taken(&error) { Ok(false) } else { Err(error) };
        }
    }
    files::sync_dir(&jobs)?;
    Ok(true)
}
