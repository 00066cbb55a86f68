//! What wakes the posting thread: a word from the supervisor, and output that was written.
//!
//! Output rings through inotify, so that a quiet job costs nothing. Where the machine has no instance left (128 a user by
//! default), or the file system does not tell, it is looked at now and then.

use crate::attempt::Attempt;
use crate::limits::{LOG_LOOK_DEAF_MS, LOG_LOOK_MS};
use crate::output::STREAMS;
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;

/// Rung by the supervisor.
#[derive(Clone)]
pub struct Waker(Arc<OwnedFd>);

impl Waker {
    /// A silent one.
    pub fn new() -> io::Result<Self> {
        Ok(Self(Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?)))
    }

    /// Wake whoever waits, or whoever waits next.
    pub fn ring(&self) {
        let _ = rustix::io::write(&*self.0, &1_u64.to_ne_bytes());
    }

    /// Wait for it, and for output where `ears` are given.
    pub fn wait(&self, ears: Option<&Ears>, ms: u64) {
        let ms = ears.map_or(ms, |ears| ms.min(ears.look_ms()));
        let files = ears.and_then(Ears::fd);
        let mut fds: Vec<PollFd<'_>> = std::iter::once(PollFd::new(&*self.0, PollFlags::IN))
            .chain(files.iter().map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN)))
            .collect();
        let _ = poll(&mut fds, Some(&crate::spawn::timespec(ms.max(1))));
        let mut buffer = [0; 4096];
        let _ = rustix::io::read(&*self.0, &mut buffer);
        if let Some(fd) = files {
            while matches!(rustix::io::read(fd, &mut buffer), Ok(n) if n > 0) {}
        }
    }
}

/// Hears when the job writes.
pub struct Ears(Option<OwnedFd>);

impl Ears {
    /// Of this attempt, whose output files are there.
    pub fn of(attempt: &Attempt) -> Self {
        let listen = || -> rustix::io::Result<OwnedFd> {
            let fd = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
            for stream in STREAMS {
                inotify::add_watch(&fd, attempt.file(stream), WatchFlags::MODIFY | WatchFlags::DONT_FOLLOW)?;
            }
            Ok(fd)
        };
        Self(listen().ok())
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        use std::os::fd::AsFd as _;
        self.0.as_ref().map(OwnedFd::as_fd)
    }

    const fn look_ms(&self) -> u64 {
        if self.0.is_some() { LOG_LOOK_MS } else { LOG_LOOK_DEAF_MS }
    }
}
