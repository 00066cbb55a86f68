//! Every bound of secrets, connections and masking, with its reason.

/// Bytes of a secret: a key file or a certificate chain fits; more is a file, not a secret.
pub const SECRET_BYTES: usize = 64 << 10;
/// Shortest value that is masked, in bytes: masking shorter ones would take everyday words out of every log.
pub const MASKED_BYTES: usize = 4;
/// Shortest line of a value of several lines that is masked by itself, in bytes.
pub const MASKED_LINE_BYTES: usize = 8;
/// Bytes of a log that are read beyond a range, so that a value across its edges is masked. Longer spellings across an edge are
/// masked as far as they are seen.
pub const MASK_OVERLAP_BYTES: usize = 4 << 10;
/// Recipients of one connection for mail.
pub const MAIL_RECIPIENTS: usize = 50;
/// Characters of one field of a connection.
pub const FIELD_CHARS: usize = 2_000;
