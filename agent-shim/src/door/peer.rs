//! Who stands at the door: only a process of this very job is served (F060).

use crate::attempt::{Attempt, Child};
use crate::process::{ProcessId, Stat};
use crate::tree::COOKIE;
use rustix::net::sockopt::socket_peercred;
use std::os::unix::net::UnixStream;

/// Ancestors that are followed: no tree of processes is as deep.
const ANCESTORS: u32 = 256;

/// Whether the other end belongs to the job: it carries the attempt's cookie, is in the job's cgroup, or descends from the job or
/// its keeper. Who connected is the kernel's word, not the peer's.
pub fn is_of_job(stream: &UnixStream, attempt: &Attempt, child: &Child) -> bool {
    let Ok(peer) = socket_peercred(stream) else { return false };
    let Ok(pid) = u32::try_from(peer.pid.as_raw_nonzero().get()) else { return false };
    // What started before the job is none of it, whatever its environment says.
    let started_since = ProcessId::of(pid).is_some_and(|id| id.start_ticks >= child.job.start_ticks);
    started_since && (has_cookie(pid, attempt) || is_in_cgroup(pid, child) || descends(pid, child))
}

fn has_cookie(pid: u32, attempt: &Attempt) -> bool {
    let cookie = format!("{COOKIE}={}", attempt.id().as_str());
    std::fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environ| environ.split(|b| *b == 0).any(|entry| entry == cookie.as_bytes()))
}

fn is_in_cgroup(pid: u32, child: &Child) -> bool {
    let Some(group) = child.hold().groups.unified else { return false };
    let listed = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    // `0::/path` below the mount point that `group` begins with.
    let own = listed.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or_default();
    within(&group.to_string_lossy(), own)
}

/// Whether `own`, from the root of the hierarchy, is the job's group or below it.
fn within(group: &str, own: &str) -> bool {
    let Some(name) = group.rsplit('/').next().filter(|name| !name.is_empty()) else { return false };
    let mut upto = String::new();
    own.split('/').filter(|part| !part.is_empty()).any(|part| {
        upto.push('/');
        upto.push_str(part);
        part == name && group.ends_with(&upto)
    })
}

fn descends(pid: u32, child: &Child) -> bool {
    let mut at = pid;
    for _ in 0..ANCESTORS {
        let Some(stat) = Stat::read(at) else { return false };
        if stat.id == child.job || stat.id == child.keeper {
            return true;
        }
        if stat.parent <= 1 {
            return false;
        }
        at = stat.parent;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_holds_itself_and_what_is_below_it() {
        let group = "/sys/fs/cgroup/unified/sortie/att_0123456789";
        for inside in ["/sortie/att_0123456789", "/sortie/att_0123456789/docker/x"] {
            assert!(within(group, inside), "{inside}");
        }
        for outside in ["/", "", "/sortie", "/sortie/att_01234567890", "/x/att_0123456789", "/att_0123456789x", "/user.slice/sortie"] {
            assert!(!within(group, outside), "{outside}");
        }
    }
}
