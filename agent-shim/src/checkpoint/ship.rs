//! A checkpoint on its way: up as an artifact of its attempt, down by a signed URL.

use crate::artifacts;
use crate::attempt::Attempt;
use crate::files;
use crate::post::http::{Client, Refused};
use sortie_protocol::artifact::{CHECKPOINT_NAME, Kept, checkpoint_slot};
use sortie_protocol::limits::CHECKPOINT_BYTES;
use sortie_protocol::spec::Credentials;
use std::fs::File;
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Open a bundle: whoever made it ran as the job's user, so it may be anything.
///
/// # Errors
/// It is not there, or no file of the job's.
pub fn open(attempt: &Attempt, bundle: &Path) -> io::Result<File> {
    let file = files::open_plain(bundle)?;
    let user = attempt.user().map(|user| user.uid);
    let meta = file.metadata()?;
    if meta.is_file() && user.is_none_or(|uid| meta.uid() == uid) {
        return Ok(file);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "the bundle is no file of the job's"))
}

/// Upload a bundle.
///
/// # Errors
/// Why the server does not have it.
pub fn upload(attempt: &Attempt, number: u32, bundle: &Path, until: u64) -> Result<Kept, String> {
    let file = open(attempt, bundle).map_err(|error| error.to_string())?;
    artifacts::upload_until(
        attempt,
        &checkpoint_slot(number),
        CHECKPOINT_NAME,
        &file,
        CHECKPOINT_BYTES,
        (until, super::limits::UPLOAD_TRIES),
    )
}

/// Fetch the bundle that an attempt is to start from.
///
/// # Errors
/// In words, never with the URL in them.
pub fn fetch(attempt: &Attempt, credentials: &Credentials, to: &Path) -> Result<(), String> {
    let Some(restore) = &credentials.restore else { return Err("there is no checkpoint to fetch".to_owned()) };
    if restore.kept.size > CHECKPOINT_BYTES {
        return Err(format!("the checkpoint has {} bytes, and the limit is {CHECKPOINT_BYTES}", restore.kept.size));
    }
    let mut file =
        File::options().read(true).write(true).create(true).truncate(true).mode(0o600).open(to).map_err(|error| error.to_string())?;
    let fetched = Client::default().fetch(credentials, &restore.url, restore.kept.size, super::limits::FETCH_MS, &mut file);
    fetched.map_err(|refused| match refused {
        Refused::Transport(why) | Refused::Config(why) => why,
    })?;
    let digest = artifacts::digest_of(&file, restore.kept.size).map_err(|error| error.to_string())?;
    if digest != restore.kept.sha256 {
        return Err("what was fetched is not the checkpoint: its digest is another".to_owned());
    }
    attempt.user().map_or(Ok(()), |user| user.own(to)).map_err(|error| error.to_string())
}
