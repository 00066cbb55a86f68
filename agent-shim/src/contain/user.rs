//! A user of its own for a job, where the shim is root: one of `sortie-job-0` to `sortie-job-255`, made with `useradd` where the
//! machine has it, else the bare number.
//!
//! What the job may write lies in a yard outside the private state root: `/var/lib/sortie-jobs/<marker>/<attempt>/` with `work`,
//! `home` and `report`. Which attempt has which user is claimed in `/var/lib/sortie-jobs/users`, for all state roots of a machine.
//! The user is given back once nobody of it runs and its files are root's.

use crate::attempt::Attempt;
use crate::files;
use crate::limits::{USERADD_MS, USERADD_PAUSE_MS};
use crate::{clock, tree};
use nix::unistd::{Gid, Uid};
use serde::{Deserialize, Serialize};
use std::ffi::OsStr;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _, lchown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where yards and claims are.
const BASE: &str = "/var/lib/sortie-jobs";
/// Number of the first user: below those that systemd gives out by itself (61,184 to 65,519) nothing is free in every container, so
/// it is of them; systemd passes over numbers that the passwd file names.
const FIRST_UID: u32 = 64_100;
/// How many there are: more jobs at once than a machine is given.
const USERS: u32 = 256;

/// The user of a job (`user.json`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Number.
    pub uid: u32,
    /// Number of its group.
    pub gid: u32,
    /// Name, where the machine knows it by one.
    pub name: Option<String>,
    /// Directory with everything that is its own.
    pub yard: PathBuf,
}

impl User {
    /// Working directory.
    pub fn work(&self) -> PathBuf {
        self.yard.join("work")
    }

    /// Home directory.
    pub fn home(&self) -> PathBuf {
        self.yard.join("home")
    }

    /// Where it leaves what the shim reads.
    pub fn report(&self) -> PathBuf {
        self.yard.join("report")
    }

    /// Let it read a file of ours, and the directory that this is in be passed through.
    pub fn let_read(&self, path: &Path) -> io::Result<()> {
        lchown(path, Some(0), Some(self.gid))?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o640))?;
        path.parent().map_or(Ok(()), |dir| std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o711)))
    }

    /// Give it a file or directory that was made for it.
    pub fn own(&self, path: &Path) -> io::Result<()> {
        lchown(path, Some(self.uid), Some(self.gid))
    }

    /// Become it, for good, without any group of ours.
    pub fn become_it(&self) -> io::Result<()> {
        let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
        nix::unistd::setgroups(&[])?;
        nix::unistd::setresgid(gid, gid, gid)?;
        nix::unistd::setresuid(uid, uid, uid)?;
        if rustix::process::geteuid().as_raw() != self.uid {
            return Err(io::Error::other("the user of the job was not taken on"));
        }
        Ok(())
    }
}

/// Why a job can have no user of its own here; `None` where it can.
pub fn fault() -> Option<&'static str> {
    if !rustix::process::geteuid().is_root() {
        return Some(
            "a user of its own needs a login as root, or one that becomes it (`host add --sudo`): another user cannot start, signal and clean up after one",
        );
    }
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    if !is_mapped(&map, FIRST_UID + USERS) {
        return Some("this container maps too few user numbers for a user of its own");
    }
    None
}

/// Whether a user number exists in this namespace, by `/proc/self/uid_map`.
fn is_mapped(map: &str, uid: u32) -> bool {
    map.lines().any(|line| {
        let words: Vec<u64> = line.split_ascii_whitespace().filter_map(|word| word.parse().ok()).collect();
        matches!(words[..], [first, _, count] if (first..first.saturating_add(count)).contains(&u64::from(uid)))
    })
}

/// Claim a user for an attempt, or find the one that it has, and make its yard.
pub fn claim(attempt: &Attempt) -> io::Result<User> {
    if let Some(user) = attempt.user() {
        return Ok(user);
    }
    let claims = Path::new(BASE).join("users");
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o711).create(&claims)?;
    let marker = attempt.root().marker().ok_or_else(|| io::Error::other("the state root has no marker"))?;
    let yards = Path::new(BASE).join(&marker);
    builder.create(&yards)?;
    for dir in [Path::new(BASE), &yards] {
        // Whatever the umask: passed through, never listed.
        std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o711))?;
    }
    let owner = attempt.dir().as_os_str().as_encoded_bytes();
    for number in 0..USERS {
        let claim = claims.join(number.to_string());
        match files::create(&claim, owner) {
            // Ours, of a supervisor that died right after it.
            Err(error) if files::is_taken(&error) && std::fs::read(&claim).is_ok_and(|of| of == owner) => {}
            Err(error) if files::is_taken(&error) && is_stale(&claim, FIRST_UID + number) => files::replace(&claim, owner)?,
            Err(error) if files::is_taken(&error) => continue,
            other => other?,
        }
        match known(number) {
            Ok((uid, gid, name)) => {
                let user = User { uid, gid, name, yard: yards.join(attempt.id().as_str()) };
                make_yard(&user)?;
                files::replace_json(&attempt.file("user.json"), &user)?;
                return Ok(user);
            }
            Err(why) => attempt.log(&format!("user {number} is not used: {why}")),
        }
        std::fs::remove_file(&claim)?;
    }
    Err(io::Error::other(format!("all {USERS} users for jobs are taken")))
}

/// Give it back: its files become root's and nobody else's. Only where nothing of it runs.
pub fn release(attempt: &Attempt) -> io::Result<()> {
    let Some(user) = attempt.user() else { return Ok(()) };
    let claim = claim_of(user.uid);
    if !is_ours(attempt, &claim) {
        // Given back before, and perhaps another attempt's by now.
        return Ok(());
    }
    if tree::is_user_busy(user.uid) {
        return Err(io::Error::other(format!("processes of user {} are left", user.uid)));
    }
    if user.yard.is_dir() {
        give(&user.yard, user.uid, 0, 0)?;
        std::fs::set_permissions(&user.yard, std::fs::Permissions::from_mode(0o700))?;
    }
    std::fs::remove_file(claim)
}

/// Remove everything that was its own, and give the user back. Only where nothing of it runs.
pub fn discard(attempt: &Attempt) -> io::Result<()> {
    let Some(user) = attempt.user() else { return Ok(()) };
    let claim = claim_of(user.uid);
    let is_ours = is_ours(attempt, &claim);
    if is_ours && tree::is_user_busy(user.uid) {
        return Err(io::Error::other(format!("processes of user {} are left", user.uid)));
    }
    remove_yard(attempt, &user)?;
    if is_ours { std::fs::remove_file(claim) } else { Ok(()) }
}

fn remove_yard(attempt: &Attempt, user: &User) -> io::Result<()> {
    // What the record says must be what is made here (F108).
    let expected = attempt.root().marker().map(|marker| Path::new(BASE).join(marker).join(attempt.id().as_str()));
    if expected.as_ref() != Some(&user.yard) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the record of the job's user leads elsewhere"));
    }
    crate::workspace::remove_tree(&user.yard)
}

/// Give files from one user to another, in a tree that nobody works in. No link is followed, and a file with several names is left to
/// whom it belongs: one of them may be elsewhere.
pub fn give(path: &Path, from: u32, uid: u32, gid: u32) -> io::Result<()> {
    let meta = path.symlink_metadata()?;
    if meta.is_dir() {
        for entry in std::fs::read_dir(path)?.flatten() {
            give(&entry.path(), from, uid, gid)?;
        }
    }
    if meta.uid() == from && (meta.is_dir() || meta.nlink() == 1) {
        lchown(path, Some(uid), Some(gid))?;
    }
    Ok(())
}

fn is_ours(attempt: &Attempt, claim: &Path) -> bool {
    std::fs::read(claim).is_ok_and(|owner| owner == attempt.dir().as_os_str().as_encoded_bytes())
}

fn claim_of(uid: u32) -> PathBuf {
    Path::new(BASE).join("users").join(uid.saturating_sub(FIRST_UID).to_string())
}

/// Whether the attempt of a claim is not there any more, and nobody of the user runs.
fn is_stale(claim: &Path, uid: u32) -> bool {
    let owner = std::fs::read(claim).unwrap_or_default();
    // A claim that is being written is empty.
    let dir = PathBuf::from(os(&owner));
    !owner.is_empty() && !dir.join("spec.json").exists() && !tree::is_user_busy(uid)
}

fn os(bytes: &[u8]) -> &OsStr {
    std::os::unix::ffi::OsStrExt::from_bytes(bytes)
}

/// Number, group and name of a user of ours; made where the machine can make it.
fn known(number: u32) -> Result<(u32, u32, Option<String>), String> {
    let (name, uid) = (format!("sortie-job-{number}"), FIRST_UID + number);
    let until = clock::mono_ms() + USERADD_MS;
    loop {
        if let Some(entry) = passwd(&name, uid)? {
            return Ok(entry);
        }
        match useradd(&name, uid) {
            Ok(true) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((uid, uid, None)),
            // Somebody else holds the lock of the passwd file, or has just made this very user.
            Ok(false) | Err(_) if clock::mono_ms() < until => clock::pause(USERADD_PAUSE_MS),
            Ok(false) => return Err("useradd fails".to_owned()),
            Err(error) => return Err(error.to_string()),
        }
    }
}

/// The entry of this name. An error where name or number are somebody else's.
fn passwd(name: &str, uid: u32) -> Result<Option<(u32, u32, Option<String>)>, String> {
    let text = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    for line in text.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        let [known, _, number, group, ..] = fields[..] else { continue };
        match (known == name, number.parse() == Ok(uid)) {
            (true, true) => return Ok(Some((uid, group.parse().map_err(|_| "a malformed group".to_owned())?, Some(name.to_owned())))),
            (false, false) => {}
            _ => return Err(format!("the passwd file has {known} with number {number}")),
        }
    }
    Ok(None)
}

fn useradd(name: &str, uid: u32) -> io::Result<bool> {
    let mut command = Command::new("useradd");
    command.args(["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin"]);
    command.args(["--uid", &uid.to_string(), name]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(command.status()?.success())
}

fn make_yard(user: &User) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o711).create(&user.yard)?;
    std::fs::set_permissions(&user.yard, std::fs::Permissions::from_mode(0o711))?;
    for dir in [user.work(), user.home(), user.report()] {
        builder.mode(0o700).create(&dir)?;
        lchown(&dir, Some(user.uid), Some(user.gid))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_looked_for_in_the_namespace() {
        assert!(is_mapped("         0          0 4294967295\n", 64_100));
        assert!(is_mapped("0 100000 65536\n", 64_356));
        assert!(!is_mapped("0 1000 1\n", 64_100) && !is_mapped("", 0));
    }

    #[test]
    fn f108_a_record_never_leads_out_of_the_yards() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("marker"), "m").unwrap();
        let root = crate::root::Root::new(dir.path()).unwrap();
        let attempt = Attempt::new(&root, crate::root::AttemptId::parse("att_0123456789").unwrap());
        let user = |yard: &str| User { uid: 1, gid: 1, name: None, yard: yard.into() };
        for bad in [
            "/",
            "/etc",
            "/var/lib/sortie-jobs",
            "/var/lib/sortie-jobs/m",
            "/var/lib/sortie-jobs/../x",
            "/var/lib/sortie-jobs/m/../att_0123456789",
        ] {
            assert!(remove_yard(&attempt, &user(bad)).is_err(), "{bad}");
        }
        assert!(remove_yard(&attempt, &user("/var/lib/sortie-jobs/m/att_0123456789")).is_ok(), "it is not there");
    }
}
