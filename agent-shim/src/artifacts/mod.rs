//! After the end of a job and before its result: the files that its spec names, and a result document too large to be posted,
//! go to the server.
//!
//! Nothing of this is remembered on the VM. A supervisor that takes over asks the server how far the upload had come.

pub mod kept;
pub mod saved;
mod upload;

use crate::attempt::Attempt;
use crate::post::http::Client;
use crate::{below, clock, files, spawn, workspace};
use rustix::event::{PollFd, PollFlags, poll};
use saved::{Saved, SavedFile};
use sortie_protocol::artifact::{ArtifactFate, ArtifactNote, Kept, NOT_UPLOADED, RESULT_NAME, RESULT_SLOT, kept_slot};
use sortie_protocol::limits::{ARTIFACT_BYTES, RESULT_BYTES, RESULT_DOCUMENT_BYTES, UPLOAD_MS, UPLOAD_STOPPED_MS};
use sortie_protocol::spec::{Credentials, Spec};
use std::fs::File;
use std::os::fd::OwnedFd;
use upload::{Outcome, Upload};

pub use upload::sha256 as digest_of;

/// What a result says of files.
#[derive(Debug, Default)]
pub struct Files {
    /// One note for each name of the spec.
    pub artifacts: Vec<ArtifactNote>,
    /// The result document, where it had to be uploaded: what the server has, or why it has not.
    pub document: Option<Result<Kept, String>>,
}

/// Upload what there is to upload, within [`UPLOAD_MS`].
pub fn keep(attempt: &Attempt, spec: &Spec, wake: &OwnedFd) -> Files {
    let mut uploads = Uploads { attempt, wake, client: Client::default(), credentials: attempt.credentials().ok(), limit: Limit::new() };
    let document = document(attempt).map(|file| match uploads.file(RESULT_SLOT, RESULT_NAME, &file, RESULT_DOCUMENT_BYTES) {
        ArtifactFate::Kept(kept) => Ok(kept),
        ArtifactFate::Missing { missing } => Err(format!("the document was not uploaded: {missing}")),
    });
    let root = if spec.artifacts.is_empty() { None } else { Some(below::root(&workspace::dir_for(attempt, spec))) };
    let note = |(slot, name): (usize, &String)| {
        let opened = match &root {
            Some(Ok(root)) => named(attempt, root, name),
            Some(Err(error)) => Err(format!("the working directory: {error}")),
            None => Err(NOT_UPLOADED.to_owned()),
        };
        let fate = opened.map_or_else(ArtifactFate::missing, |file| uploads.file(&slot.to_string(), name, &file, ARTIFACT_BYTES));
        if let ArtifactFate::Missing { missing } = &fate {
            attempt.log(&format!("the artifact {name:?} is missing: {missing}"));
            if let Some(Ok(root)) = &root
                && let Ok(file) = named(attempt, root, name)
                && let Err(error) = kept::save(attempt, &slot.to_string(), &file)
            {
                attempt.log(&format!("the artifact {name:?} is not kept for later: {error}"));
            }
        }
        ArtifactNote { name: name.clone(), fate }
    };
    let mut artifacts: Vec<ArtifactNote> = spec.artifacts.iter().enumerate().map(note).collect();
    artifacts.extend(own(attempt, spec, &mut uploads));
    Files { artifacts, document }
}

/// What the job kept by itself while it ran, where the spec names no such file.
fn own(attempt: &Attempt, spec: &Spec, uploads: &mut Uploads<'_>) -> Vec<ArtifactNote> {
    let saved = Saved::read(attempt);
    let files = saved.files.iter().enumerate().filter(|(_, file)| !spec.artifacts.contains(&file.name));
    let note = |(number, file): (usize, &SavedFile)| {
        let opened = files::open_plain(&file.path(attempt)).map_err(|error| error.to_string());
        let fate =
            opened.map_or_else(ArtifactFate::missing, |opened| uploads.file(&kept_slot(number), &file.name, &opened, ARTIFACT_BYTES));
        ArtifactNote { name: file.name.clone(), fate }
    };
    files.map(note).collect()
}

/// The file of a name in the spec: as it stands at the end; else as the job kept it while it ran.
fn named(attempt: &Attempt, root: &OwnedFd, name: &str) -> Result<File, String> {
    below::open(root, name).or_else(|error| {
        let saved = Saved::read(attempt).find(name).map(|file| file.path(attempt));
        saved.and_then(|path| files::open_plain(&path).ok()).ok_or_else(|| error.to_string())
    })
}

/// Upload one file until a moment of the monotonic clock, beside everything else that is posted. Given up after `tries` requests in a
/// row that came to nothing: somebody waits, or the next one is soon.
///
/// # Errors
/// Why the server does not have it.
pub fn upload_until(
    attempt: &Attempt,
    slot: &str,
    name: &str,
    file: &File,
    limit: u64,
    (until, tries): (u64, u32),
) -> Result<Kept, String> {
    let mut client = Client::default();
    let credentials = attempt.credentials().map_err(|error| format!("the credentials cannot be read: {error}"))?;
    if credentials.artifact_url.is_none() {
        return Err("this host does not reach the server".to_owned());
    }
    let mut upload = Upload::of(attempt.id().as_str(), slot, name, file, limit)?;
    let mut left = tries;
    loop {
        match upload.step(&mut client, &credentials, attempt) {
            Outcome::Done(kept) => return Ok(kept),
            Outcome::Refused(why) => return Err(why),
            Outcome::More => left = tries,
            Outcome::Later { why, .. } if left <= 1 => return Err(why),
            Outcome::Later { ms, why } if clock::mono_ms().saturating_add(ms) >= until => return Err(why),
            Outcome::Later { ms, .. } => {
                left -= 1;
                clock::pause(ms);
            }
        }
    }
}

/// The result document, where it is too large to be posted and not too large to be uploaded.
fn document(attempt: &Attempt) -> Option<File> {
    let file = files::open_plain(&attempt.reported("document.json")).ok()?;
    let meta = file.metadata().ok()?;
    let sizes = RESULT_BYTES as u64 + 1..=RESULT_DOCUMENT_BYTES;
    (meta.is_file() && sizes.contains(&meta.len())).then_some(file)
}

/// Until when uploads go on.
struct Limit {
    until: u64,
    stopped: bool,
}

impl Limit {
    fn new() -> Self {
        Self { until: clock::mono_ms().saturating_add(UPLOAD_MS), stopped: false }
    }

    /// Milliseconds that are left. The end of a job that was stopped is waited for, so less is left for that one.
    fn left(&mut self, attempt: &Attempt) -> u64 {
        let now = clock::mono_ms();
        if !self.stopped && attempt.stop().is_some() {
            self.stopped = true;
            self.until = self.until.min(now.saturating_add(UPLOAD_STOPPED_MS));
        }
        self.until.saturating_sub(now)
    }
}

struct Uploads<'a> {
    attempt: &'a Attempt,
    wake: &'a OwnedFd,
    client: Client,
    credentials: Option<Credentials>,
    limit: Limit,
}

impl Uploads<'_> {
    /// One file, of at most `limit` bytes.
    fn file(&mut self, slot: &str, name: &str, file: &File, limit: u64) -> ArtifactFate {
        let Some(credentials) = self.credentials.clone() else { return ArtifactFate::missing("the credentials cannot be read") };
        if credentials.artifact_url.is_none() {
            return ArtifactFate::missing(format!("{NOT_UPLOADED}: this host does not reach the server"));
        }
        let mut upload = match Upload::of(self.attempt.id().as_str(), slot, name, file, limit) {
            Ok(upload) => upload,
            Err(why) => return ArtifactFate::missing(why),
        };
        let mut why = String::new();
        loop {
            if self.limit.left(self.attempt) == 0 {
                let why = if why.is_empty() { "out of time" } else { &why };
                return ArtifactFate::missing(format!("{NOT_UPLOADED}: {why}"));
            }
            match upload.step(&mut self.client, &credentials, self.attempt) {
                Outcome::Done(kept) => return ArtifactFate::Kept(kept),
                Outcome::Refused(why) => return ArtifactFate::missing(why),
                Outcome::More => {}
                Outcome::Later { ms, why: said } => {
                    self.attempt.log(&format!("the artifact {name:?} is not uploaded: {said}"));
                    why = said;
                    self.pause(ms);
                }
            }
        }
    }

    /// A pause that a stop cuts short.
    fn pause(&mut self, ms: u64) {
        let until = clock::mono_ms().saturating_add(ms.min(self.limit.left(self.attempt)));
        while clock::mono_ms() < until && self.limit.left(self.attempt) > 0 {
            let left = until.saturating_sub(clock::mono_ms()).max(1);
            let mut fds = [PollFd::new(self.wake, PollFlags::IN)];
            let _ = poll(&mut fds, Some(&spawn::timespec(left)));
            crate::supervise::drain(self.wake);
        }
    }
}
