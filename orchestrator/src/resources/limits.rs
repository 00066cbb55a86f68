//! Every bound of kept bytes, with its reason. What the shim may send is in `sortie_protocol::limits`.

/// Bytes of all resources of one run together: 2 GiB, eight of the largest artifacts.
pub const RUN_BYTES: u64 = 2 << 30;
/// Free space below which nothing is taken, in bytes: the store is on the same disk, and comes first (F010).
pub const DISK_FLOOR_BYTES: u64 = 256 << 20;
/// Bytes of one piece in memory while a file is moved, in bytes.
pub const CHUNK_BYTES: usize = 1 << 20;
/// How long bytes without a name are kept, in milliseconds: an upload is named within minutes of its first byte, and an
/// operator who restores a backup has a day to notice.
pub const GRACE_MS: u64 = 24 * 3_600_000;
/// How long the part of an upload is kept after its last piece, in milliseconds: a shim goes on for minutes at most.
pub const PART_MS: u64 = 24 * 3_600_000;
/// Between two collections, in milliseconds.
pub const COLLECT_EVERY_MS: u64 = 3_600_000;
/// Blobs that a collection removes while nothing can be named, so that nobody waits for long.
pub const COLLECT_BATCH: usize = 50;
/// Pause between two batches of a collection, in milliseconds: it is nobody's hurry.
pub const COLLECT_PAUSE_MS: u64 = 20;
/// Shortest life of a signed link, in seconds.
pub const LINK_LEAST_S: u64 = 60;
/// Longest life of a signed link, in seconds: 7 days. A link cannot be taken back by itself.
pub const LINK_LONGEST_S: u64 = 7 * 24 * 3_600;
/// Characters of a media type.
pub const MEDIA_TYPE_CHARS: usize = 128;
