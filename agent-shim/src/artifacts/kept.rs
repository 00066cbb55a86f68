//! Files of an attempt that is over, kept on the VM for a server that comes for them: what could not be uploaded.
//!
//! They are copied before the working directory is removed or worked in again, to `kept/` of the attempt, one file a slot.

use super::saved::Saved;
use crate::attempt::Attempt;
use crate::{below, checkpoint, files, workspace};
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use sortie_protocol::artifact::{Kept, RESULT_SLOT, checkpoint_number};
use sortie_protocol::bytes::to_hex;
use sortie_protocol::limits::{ARTIFACT_BYTES, CHECKPOINT_BYTES, RESULT_DOCUMENT_BYTES};
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _};
use std::path::PathBuf;

/// What tells one content of a file from the next without reading it.
type Stamp = (u64, u64, i64, i64);

/// Size and digest of a file, computed once (`kept/<slot>.json`).
#[derive(Serialize, Deserialize)]
struct Note {
    stamp: Stamp,
    kept: Kept,
}

/// Copy a file for later. What is there already stands.
pub fn save(attempt: &Attempt, slot: &str, file: &File) -> io::Result<()> {
    let target = path(attempt, slot);
    if target.symlink_metadata().is_ok() {
        return Ok(());
    }
    if file.metadata()?.len() > ARTIFACT_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {ARTIFACT_BYTES} bytes")));
    }
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(attempt.file("kept"))?;
    let temp = attempt.file("kept").join(format!(".{slot}.{}", crate::sign::random_hex(8)));
    let copied = File::create_new(&temp).and_then(|mut copy| {
        // At most what is allowed: it may grow meanwhile.
        io::copy(&mut file.take(ARTIFACT_BYTES), &mut copy)?;
        copy.sync_all()?;
        std::fs::rename(&temp, &target)
    });
    if copied.is_err() {
        let _ = std::fs::remove_file(&temp);
    }
    copied
}

/// Open the file of a slot, with its size and digest.
pub fn open(attempt: &Attempt, slot: &str) -> io::Result<(File, Kept)> {
    let (file, limit) = find(attempt, slot)?;
    let meta = file.metadata()?;
    if meta.len() > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {limit} bytes")));
    }
    let stamp = (meta.ino(), meta.len(), meta.mtime(), meta.mtime_nsec());
    // One note for all checkpoints: there are many, and one at a time is asked for.
    let name = if checkpoint_number(slot).is_some() { "checkpoint" } else { slot };
    let note = attempt.file("kept").join(format!("{name}.json"));
    if let Some(known) = files::read_json::<Note>(&note).filter(|note| note.stamp == stamp) {
        return Ok((file, known.kept));
    }
    let kept = Kept { sha256: digest(&file, meta.len())?, size: meta.len() };
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(attempt.file("kept"))?;
    files::replace_soon(&note, &Note { stamp, kept: kept.clone() })?;
    Ok((file, kept))
}

fn find(attempt: &Attempt, slot: &str) -> io::Result<(File, u64)> {
    if slot == RESULT_SLOT {
        return Ok((plain(files::open_plain(&attempt.reported("document.json"))?)?, RESULT_DOCUMENT_BYTES));
    }
    if let Some(number) = checkpoint_number(slot) {
        return Ok((checkpoint::bundle(attempt, number)?, CHECKPOINT_BYTES));
    }
    if let Some(saved) = Saved::read(attempt).at(slot) {
        return Ok((plain(files::open_plain(&saved.path(attempt))?)?, ARTIFACT_BYTES));
    }
    let number = slot.parse::<usize>().map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "a slot is a number, or `result`"))?;
    let slot = number.to_string();
    if let Ok(file) = files::open_plain(&path(attempt, &slot)) {
        return Ok((plain(file)?, ARTIFACT_BYTES));
    }
    let spec = attempt.spec()?;
    let name = spec.artifacts.get(number).ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the spec has no such slot"))?;
    Ok((below::open(&below::root(&workspace::dir_for(attempt, &spec))?, name)?, ARTIFACT_BYTES))
}

fn plain(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")) }
}

fn digest(file: &File, size: u64) -> io::Result<String> {
    let (mut context, mut at, mut buffer) = (Context::new(&SHA256), 0, vec![0; 64 << 10]);
    while at < size {
        let wanted = (size - at).min(buffer.len() as u64) as usize;
        let read = file.read_at(&mut buffer[..wanted], at)?;
        if read == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it became shorter while it was read"));
        }
        context.update(&buffer[..read]);
        at += read as u64;
    }
    Ok(to_hex(context.finish().as_ref()))
}

fn path(attempt: &Attempt, slot: &str) -> PathBuf {
    attempt.file("kept").join(slot)
}
