//! One checkpoint as a git bundle: the working tree as a commit, and beside it a commit with the session and its transcript.
//!
//! ```text
//! refs/sortie/<attempt>/<n>            the working tree; its parent is the commit that was checked out
//! refs/sortie/<attempt>/<n>-session    session.json, transcript
//! ```
//!
//! Both are made in a repository of our own with an index of our own, that borrows the objects of the repository in the working
//! tree: its index, branches and refs are never written to. What `.gitignore` names is left out; a repository within the tree is
//! kept as the number of its commit only.

use super::git::Git;
use super::limits::PRUNE_EVERY;
use serde::{Deserialize, Serialize};
use sortie_protocol::agent::AgentKind;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What is to be kept.
#[derive(Clone, Debug)]
pub struct What<'a> {
    /// Id of the attempt.
    pub attempt: &'a str,
    /// Number of the checkpoint.
    pub number: u32,
    /// Directory for our repository and the bundle.
    pub area: &'a Path,
    /// The working tree.
    pub tree: &'a Path,
    /// User and group to run git as.
    pub user: Option<(u32, u32)>,
    /// The session.
    pub session: Session,
    /// Its transcript.
    pub transcript: Option<PathBuf>,
    /// Commit that whoever takes it up has already.
    pub base: Option<&'a str>,
    /// Whether the history of the working tree belongs to it: not where the tree is somebody's own.
    pub history: bool,
}

/// Who worked there (`session.json`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Which agent.
    pub kind: Option<AgentKind>,
    /// Id of the session.
    pub session: Option<String>,
    /// Path of the transcript below the agent's own directory.
    pub transcript: Option<PathBuf>,
    /// What the session had used, as the agent counts.
    #[serde(default)]
    pub before: Option<crate::agents::Count>,
    /// Commit that was checked out.
    pub head: Option<String>,
    /// Its branch.
    pub branch: Option<String>,
}

/// What was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Commit with the working tree.
    pub commit: String,
    /// Its ref.
    pub reference: String,
    /// The bundle.
    pub bundle: PathBuf,
}

/// Name of the ref of a checkpoint.
pub fn reference(attempt: &str, number: u32) -> String {
    format!("refs/sortie/{attempt}/{number}")
}

/// Make it.
///
/// # Errors
/// In words.
pub fn make(what: &What<'_>) -> Result<Made, String> {
    let theirs = Git { repository: None, tree: what.tree.to_owned(), user: what.user, exclude: None, objects: None };
    let found = Found::of(&theirs);
    let repository = what.area.join("git");
    let ours = Git { repository: Some(repository.clone()), exclude: found.exclude.clone(), objects: found.objects.clone(), ..theirs };
    if !repository.join("HEAD").is_file() {
        let mut words: Vec<OsString> = ["init", "-q", "--template="].map(OsString::from).into();
        words.push(format!("--object-format={}", found.format).into());
        ours.run(words)?;
    }
    let head = found.head.as_deref().filter(|_| what.history);
    if let Some(head) = head
        && !repository.join("index").is_file()
    {
        // Files that are tracked although they are ignored stay.
        ours.run(["read-tree", head])?;
    }
    if let Err(why) = ours.run(["add", "-A", "--ignore-errors", "."])
        && !repository.join("index").is_file()
    {
        return Err(why);
    }
    let tree = ours.run(["write-tree"])?;
    let message = format!("Checkpoint {} of {}", what.number, what.attempt);
    let mut words = vec!["commit-tree", tree.as_str(), "-m", &message];
    if let Some(head) = head {
        words.extend(["-p", head]);
    }
    let commit = ours.run(words)?;
    let session = Session { head: head.map(str::to_owned), branch: found.branch.filter(|_| what.history), ..what.session.clone() };
    let session = session_commit(&ours, &session, what.transcript.as_deref(), &message)?;
    let reference = reference(what.attempt, what.number);
    let beside = format!("{reference}-session");
    ours.run(["update-ref", &reference, &commit])?;
    ours.run(["update-ref", &beside, &session])?;
    forget_older(&ours, what);
    let bundle = what.area.join(super::BUNDLE);
    let mut words: Vec<OsString> = ["bundle", "create", "-q"].map(OsString::from).into();
    words.push(bundle.clone().into());
    words.extend([reference.clone(), beside].map(OsString::from));
    if let Some(base) = what.base.filter(|_| head.is_some()) {
        words.push(format!("^{base}").into());
    }
    ours.run(words)?;
    Ok(Made { commit, reference, bundle })
}

/// What is found in the working tree.
#[derive(Debug, Default)]
pub struct Found {
    /// Commit that is checked out, where the working tree is the top of a repository.
    pub head: Option<String>,
    /// Its branch.
    pub branch: Option<String>,
    /// Where its objects are.
    pub objects: Option<PathBuf>,
    exclude: Option<PathBuf>,
    format: String,
}

impl Found {
    /// Look, without changing anything.
    pub fn of(theirs: &Git) -> Self {
        let none = || Self { format: "sha1".to_owned(), ..Self::default() };
        let top = theirs.run(["rev-parse", "--show-toplevel"]).ok().and_then(|top| Path::new(&top).canonicalize().ok());
        if top.is_none() || top != theirs.tree.canonicalize().ok() {
            return none();
        }
        let path = |name: &str| theirs.run(["rev-parse", "--path-format=absolute", "--git-path", name]).ok().map(PathBuf::from);
        Self {
            head: theirs.run(["rev-parse", "--verify", "-q", "HEAD^{commit}"]).ok(),
            branch: theirs.run(["symbolic-ref", "-q", "--short", "HEAD"]).ok(),
            objects: path("objects"),
            exclude: path("info/exclude").filter(|path| path.is_file()),
            format: theirs.run(["rev-parse", "--show-object-format"]).unwrap_or_else(|_| "sha1".to_owned()),
        }
    }
}

fn session_commit(ours: &Git, session: &Session, transcript: Option<&Path>, message: &str) -> Result<String, String> {
    let text = serde_json::to_vec(session).map_err(|error| error.to_string())?;
    let record = ours.run_with(["hash-object", "-w", "--stdin"], Some(&text))?;
    let mut list = format!("100644 blob {record}\tsession.json\n");
    if let Some(path) = transcript {
        let words = ["hash-object", "-w", "--no-filters", "--"].map(OsString::from).into_iter().chain([path.as_os_str().to_owned()]);
        list += &format!("100644 blob {}\ttranscript\n", ours.run(words)?);
    }
    let tree = ours.run_with(["mktree"], Some(list.as_bytes()))?;
    ours.run(["commit-tree", &tree, "-m", message])
}

/// The newest two stay; now and then what nothing names any more goes.
fn forget_older(ours: &Git, what: &What<'_>) {
    if let Some(old) = what.number.checked_sub(2).filter(|old| *old > 0) {
        let old = reference(what.attempt, old);
        let _ = ours.run(["update-ref", "-d", &old]);
        let _ = ours.run(["update-ref", "-d", &format!("{old}-session")]);
    }
    if what.number.is_multiple_of(PRUNE_EVERY) {
        let _ = ours.run(["prune", "--expire=now"]);
    }
}
