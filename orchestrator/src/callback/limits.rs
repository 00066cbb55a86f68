//! Every bound of what a callback may hold, with its reason. Sizes on the wire are in `sortie_protocol::limits`.

/// Largest body of a callback that is not a result, in bytes: it is kept in one row that is written again and again.
pub const BEAT_BYTES: usize = 64 << 10;
/// Shortest silence that a job can be ended for, in milliseconds: a shorter one is not worth a look at its spec.
pub const SILENCE_LEAST_MS: u64 = 1_000;
/// Largest answer to a plain wait, in bytes: as much as a job's result document, since every replay reads it again.
pub const ANSWER_BYTES: usize = sortie_protocol::limits::RESULT_BYTES;
/// Characters of the title of a question: one line of a list.
pub const ASK_TITLE_CHARS: usize = 200;
/// Characters of what a question says: more than a person reads before deciding, and room for a shortened tool call.
pub const ASK_MESSAGE_CHARS: usize = 16_000;
/// Roles that a question may name.
pub const ASK_ROLES: usize = 16;
/// Characters of a role, and of the name of a tool.
pub const ASK_NAME_CHARS: usize = 200;
/// Shortest time that a question is open, in milliseconds: nobody answers faster.
pub const ASK_LEAST_MS: u64 = 1_000;
/// Characters of a message that says what is wrong with a body: a pointer and a sentence.
pub const MESSAGE_CHARS: usize = 1_000;
/// Characters of the last line of error output that a failure quotes.
pub const LAST_LINE_CHARS: usize = 400;
/// When a sender is to try again while the store does not answer, in seconds.
pub const RETRY_AFTER_S: u32 = 5;
