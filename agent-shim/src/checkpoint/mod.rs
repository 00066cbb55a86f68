//! Checkpoints of a coding agent's work: session, transcript and working tree, made now and then while it runs and at its end, so that
//! another machine can take it up.
//!
//! Made by a process of its own (`sortie-shim keep-work ROOT ATTEMPT NUMBER TIME_MS`), which the supervisor starts and forgets: neither
//! heartbeats nor the end of the job wait for git or for an upload. It ends itself when its time is up.
//!
//! | if it dies after | what is left | and then |
//! | --- | --- | --- |
//! | the commit | a ref in our own repository | the next one goes on from there |
//! | the bundle | a file | the next one replaces it |
//! | a piece of the upload | a part on the server | it goes with a collection; the last whole one stays |
//! | the upload | a checkpoint that no report names | a restore finds it all the same |

mod git;
mod helper;
mod limits;
mod restore;
mod ship;
mod snapshot;

pub use helper::{Helper, run};
pub use limits::{LAST_MS, LEAST_MS, STOPPED_MS, TIME_MS};
pub use restore::take;
pub use ship::fetch;

use crate::agents;
use crate::attempt::Attempt;
use crate::files;
use git::Git;
use sortie_protocol::agent::AgentCheckpoint;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// Name of the file with the last checkpoint of an attempt, below its agent's directory.
pub const RECORD: &str = "checkpoint.json";

/// Name of the bundle in [`area`]; each one takes the place of the one before at once.
const BUNDLE: &str = "bundle";

/// The last one of an attempt.
pub fn last(attempt: &Attempt) -> Option<AgentCheckpoint> {
    #[derive(serde::Deserialize)]
    struct Record {
        agent: AgentCheckpoint,
    }
    files::read_json::<Record>(&agents::dir(attempt).join(RECORD)).map(|record| record.agent)
}

/// The bundle of the last one, where that has this number: for a server that the machine cannot upload to.
///
/// # Errors
/// Another one is the last, or its bundle cannot be read.
pub fn bundle(attempt: &Attempt, number: u32) -> io::Result<File> {
    if last(attempt).is_none_or(|last| last.number != number) {
        return Err(io::Error::new(io::ErrorKind::NotFound, format!("checkpoint {number} is not the last one")));
    }
    ship::open(attempt, &agents::dir(attempt).join("kept").join(BUNDLE))
}

/// Where our repository and bundle of an attempt are, made for whoever runs git.
pub fn area(attempt: &Attempt) -> io::Result<PathBuf> {
    let area = agents::dir(attempt).join("kept");
    std::fs::create_dir_all(&area)?;
    attempt.user().map_or(Ok(()), |user| user.own(&area))?;
    Ok(area)
}

/// User and group that git is to run as: what lies in the working tree is the job's, and so is whatever that makes git do.
pub fn user(attempt: &Attempt) -> Option<(u32, u32)> {
    attempt.user().map(|user| (user.uid, user.gid))
}

/// The commit that a working directory stands at, where it is the top of a repository.
pub fn head(tree: &Path, user: Option<(u32, u32)>) -> Option<String> {
    let git = Git { repository: None, tree: tree.to_owned(), user, exclude: None, objects: None };
    snapshot::Found::of(&git).head
}

#[cfg(test)]
mod tests;
