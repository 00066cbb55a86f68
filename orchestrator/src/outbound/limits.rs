//! Every bound of what the server itself sends, with its reason.

/// Addresses of one name that are looked at; a name with more is refused, since all of them have to be allowed.
pub const ADDRESSES: usize = 32;
/// How long resolving a name may take, in milliseconds.
pub const RESOLVE_MS: u64 = 10_000;
/// How long connecting may take, in milliseconds, TLS included.
pub const CONNECT_MS: u64 = 15_000;
/// Longest time of one try of an `http` step, in milliseconds: shorter than the lease of its due work, so that nobody else begins
/// the next one meanwhile.
pub const TRY_MS: u64 = 150_000;
/// Bytes of the headers of an answer that are kept.
pub const HEADER_BYTES: usize = 16 << 10;
/// Longest pause that a `Retry-After` is taken for, in milliseconds: a day. The step's own policy cuts it further.
pub const RETRY_AFTER_MS: u64 = 24 * 3_600_000;
/// Bytes of an answer to a notice that are read: only its status counts, and some words for the log.
pub const NOTICE_ANSWER_BYTES: u64 = 4 << 10;
/// How long telling one connection may take, in milliseconds.
pub const NOTICE_MS: u64 = 30_000;
/// Headers that are the program's own, or that change where a message ends.
pub const OWN_HEADERS: [&str; 12] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "proxy-authorization",
    "proxy-connection",
    "idempotency-key",
];

const _: () = assert!(TRY_MS + RESOLVE_MS < crate::limits::LEASE_MS);
