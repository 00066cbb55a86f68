//! System limits that a worker sets on itself, and the watch on its parent.

use crate::limits::{WORKER_ADDRESS_BYTES, WORKER_CPU_SECONDS, WORKER_STACK_BYTES};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, Timespec, clock_gettime};
use std::thread::JoinHandle;

/// Between two looks at whether the evaluating thread still lives, in nanoseconds.
const LOOK_NANOSECONDS: i64 = 200_000_000;

/// Bound address space and core dumps for good.
///
/// # Errors
/// The system refuses; a worker without limits must not serve.
pub fn process() -> std::io::Result<()> {
    let address = WORKER_ADDRESS_BYTES + WORKER_STACK_BYTES as u64;
    limit(Resource::As, address, address)?;
    limit(Resource::Core, 0, 0)
}

/// Give the next request its own share of processor time: what was used so far, and [`WORKER_CPU_SECONDS`] more.
///
/// # Errors
/// The system refuses.
pub fn cpu_for_one_request() -> std::io::Result<()> {
    let used = clock_gettime(ClockId::ProcessCPUTime).tv_sec.max(0).unsigned_abs();
    let maximum = getrlimit(Resource::Cpu).maximum;
    let current = used + WORKER_CPU_SECONDS;
    let current = maximum.map_or(current, |maximum| current.min(maximum));
    Ok(setrlimit(Resource::Cpu, Rlimit { current: Some(current), maximum })?)
}

fn limit(resource: Resource, current: u64, maximum: u64) -> std::io::Result<()> {
    Ok(setrlimit(resource, Rlimit { current: Some(current), maximum: Some(maximum) })?)
}

/// Watch standard input until the evaluating thread ends, and exit as soon as nobody holds its other end.
///
/// A death signal (PR_SET_PDEATHSIG) would do the same, but it follows the thread that started the worker, and threads of
/// a pool come and go while their process lives.
pub fn exit_with_parent(thread: &JoinHandle<()>) {
    let stdin = rustix::stdio::stdin();
    while !thread.is_finished() {
        let mut watched = [PollFd::new(&stdin, PollFlags::empty())];
        match poll(&mut watched, Some(&Timespec { tv_sec: 0, tv_nsec: LOOK_NANOSECONDS })) {
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) if watched[0].revents().intersects(PollFlags::HUP | PollFlags::ERR) => std::process::exit(0),
            Ok(_) | Err(_) => std::thread::sleep(std::time::Duration::from_nanos(LOOK_NANOSECONDS.unsigned_abs())),
        }
    }
}
