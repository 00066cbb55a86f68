//! Every bound of the HTTP edge, with its reason. What a callback may hold is in `crate::callback::limits`.

use std::time::Duration;

/// Bytes of a request's head: ours are near 1,200 (token, URL, proof); proxies add some.
pub const HEAD_BYTES: usize = 16 << 10;
/// Headers of a request.
pub const HEADERS: usize = 64;
/// Bytes of callbacks being read or decided at once, in KiB: 64 MiB, so that the server's memory is bounded (F007).
pub const BODIES_KIB: u32 = 64 << 10;
/// Pieces of uploads in memory at once: 16 of 4 MiB, as much as all callbacks.
pub const PIECES_AT_ONCE: usize = 16;
/// Chunks of output in memory at once: 32 MiB.
pub const LOG_CHUNKS_AT_ONCE: usize = 128;
/// Pause of the accept loop after it found no file descriptor or memory; doubles up to [`ACCEPT_PAUSE_CAP`] (F008).
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(10);
/// Longest pause of the accept loop.
pub const ACCEPT_PAUSE_CAP: Duration = Duration::from_secs(1);
/// File descriptors that connections leave alone: the store, its readers, SSH, child processes.
pub const RESERVED_FDS: u64 = 256;
/// Bytes that are read and thrown away after an early answer, so that the sender comes to read it before a reset.
pub const LINGER_BYTES: usize = 2 << 20;
/// When a sender that was refused too often is to come again, in seconds.
pub const REFUSED_RETRY_S: u32 = 30;
/// Bytes of the form that decides about an approval: a comment of the longest kind, every character escaped as UTF-8.
pub const DECISION_BYTES: usize = 64 << 10;
/// How long one look at the store vouches for `/readyz`: the path is open to everybody.
pub const READY_FOR: Duration = Duration::from_secs(1);
/// How long the store may take to answer `/readyz`.
pub const READY_WITHIN: Duration = Duration::from_secs(2);
/// How often the files of TLS are looked at for a change, at most.
pub const TLS_LOOK: Duration = Duration::from_secs(10);

/// The bounds of a listener; tests shorten them.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once. Above half of it, whoever is silent or slow gets a tenth of the time (F064).
    pub connections: usize,
    /// Until the first byte.
    pub first_byte: Duration,
    /// For the TLS handshake.
    pub handshake: Duration,
    /// For a request's head; also how long an idle connection is kept.
    pub head: Duration,
    /// For a request's body.
    pub body: Duration,
    /// For a peer that does not take what is written.
    pub write: Duration,
    /// Requests of one connection.
    pub requests: u32,
    /// Age at which a connection takes no further request.
    pub age: Duration,
    /// For reading away what was not asked for, after an early answer.
    pub linger: Duration,
    /// For requests in flight at a graceful stop; they get a 503 then (F004).
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: connections(),
            first_byte: Duration::from_secs(5),
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(10),
            body: Duration::from_secs(30),
            write: Duration::from_secs(30),
            requests: 100_000,
            age: Duration::from_secs(600),
            linger: Duration::from_secs(2),
            drain: Duration::from_millis(crate::limits::DRAIN_MS - 5_000),
        }
    }
}

fn connections() -> usize {
    connections_within(rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX))
}

/// 8,192, or what this many file descriptors allow: there are two listeners, and others need some too.
fn connections_within(fds: u64) -> usize {
    let each = (fds.saturating_sub(RESERVED_FDS) / 2).max(fds / 4).clamp(1, 8_192);
    usize::try_from(each).unwrap_or(8_192)
}

/// How many refusals are answered as such; beyond, the answer is 429. Whoever is not refused is never slowed down (F063).
#[derive(Clone, Copy, Debug)]
pub struct RefusalLimits {
    /// At once, of one address (an IPv6 network of 64 bits counts as one).
    pub burst: u32,
    /// Per second after that.
    pub per_second: u32,
    /// At once, of all.
    pub global_burst: u32,
    /// Per second after that.
    pub global_per_second: u32,
}

impl Default for RefusalLimits {
    /// A person who tries things by hand stays below it; 64 random bits would take a billion years above it.
    fn default() -> Self {
        Self { burst: 50, per_second: 1, global_burst: 1_000, global_per_second: 50 }
    }
}

const _: () = assert!(crate::limits::DRAIN_MS > 6_000);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f008_two_full_listeners_leave_file_descriptors_to_the_store() {
        for fds in [0, 1, 64, 256, 1_024, 20_000, u64::MAX] {
            let both = 2 * connections_within(fds) as u64;
            assert!(both >= 2 && (both <= fds / 2 || both <= fds.saturating_sub(RESERVED_FDS) || fds < 8), "{fds}: {both}");
        }
        assert_eq!(connections_within(1 << 20), 8_192);
    }
}
