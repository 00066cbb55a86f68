//! `doctor`: facts about the machine; for `host add` it makes the state root and its marker.

use super::{Fault, programs};
use crate::clock;
use crate::contain::facts::Facts;
use crate::contain::{ladder, user};
use crate::root::{AttemptId, Root};
use crate::supervise::disk;
use sortie_protocol::confine::Isolation;
use sortie_protocol::verb::Reply;
use sortie_protocol::view::HostFacts;
use std::path::Path;

/// The facts.
pub fn run(root: &Root, create: bool) -> Result<Reply, Fault> {
    let marker = if create { root.create()? } else { root.marker().unwrap_or_default() };
    let facts = Facts::probe(root);
    let (outlives_login, notes) = ladder::outlives_login(&facts);
    let notes = notes.into_iter().chain(ladder::unheld(&facts)).chain(user::fault()).map(str::to_owned).collect();
    let system = rustix::system::uname();
    let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
    Ok(Reply::Doctor(HostFacts {
        root: root.path().to_string_lossy().into_owned(),
        marker,
        shim_version: env!("CARGO_PKG_VERSION").to_owned(),
        uname: format!("{} {} {}", text(system.sysname()), text(system.release()), text(system.machine())),
        hostname: text(system.nodename()),
        user: user_name(),
        boot_id: clock::boot_id(),
        now_ms: clock::wall_ms(),
        free_bytes: disk::free(root.path())?,
        containment: ladder::best(&facts).as_str().to_owned(),
        open_attempts: open_attempts(&root.jobs()),
        isolation: if user::fault().is_none() { Isolation::OwnUser } else { Isolation::SharedUser },
        notes,
        outlives_login,
        agents: programs::found(),
    }))
}

/// Name from the passwd file (a static binary knows no other source), else the number.
pub fn user_name() -> String {
    let uid = rustix::process::geteuid().as_raw().to_string();
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let entry = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields.get(2) == Some(&uid.as_str()));
    entry.map_or(uid, |fields| fields[0].to_owned())
}

fn open_attempts(jobs: &Path) -> u64 {
    let entries = std::fs::read_dir(jobs).into_iter().flatten().flatten();
    let ours = entries.filter(|entry| entry.file_name().to_str().and_then(AttemptId::parse).is_some()).map(|entry| entry.path());
    ours.filter(|dir| !dir.join("sealed").exists() && !dir.join("acked").exists()).count() as u64
}
