//! Bounds on what is read of agents and written for them, each with its reason.

/// Longest line of an agent's stream that is understood, in bytes: a tool's answer with an image in it is a few MiB.
pub const LINE_BYTES: usize = 8 << 20;
/// Between two looks at an agent's stream, in milliseconds: what people watch should not lag behind more than a blink.
pub const LOOK_MS: u64 = 500;
/// Between two writes of what was read, in milliseconds: the poster looks at progress every two seconds.
pub const PROGRESS_MS: u64 = 2_000;
/// Most of one stream that is read at one look, in bytes, so that a flood leaves time for the rest.
pub const LOOK_BYTES: u64 = 16 << 20;
/// Longest final text in a report, in bytes: a result of 1 MiB has to carry it beside a result document.
pub const TEXT_BYTES: usize = 32 << 10;
/// Longest error in a report, in bytes.
pub const ERROR_BYTES: usize = 2 << 10;
/// Longest input of a denied tool in a report, in bytes.
pub const INPUT_BYTES: usize = 512;
/// Most denied tools in a report; the rest says nothing new.
pub const DENIALS: usize = 20;
/// Longest name of a tool, model, version or session, in bytes.
pub const NAME_BYTES: usize = 200;
/// Tools that may be open at once, by id, until their answer comes: a stream that never closes one must not grow without end.
pub const OPEN_TOOLS: usize = 256;
/// How long Claude Code has after INT to write its result and stop its tools, in milliseconds (it took up to 1.2 s).
pub const INT_MS: u64 = 10_000;
/// How long a call of a tool of our own server may take for an agent, in milliseconds: somebody may have to be woken up. Timers of
/// JavaScript end at 2^31 ms.
pub const TOOL_MS: u64 = 2_000_000_000;
/// Largest record of a session, in bytes.
pub const RECORD_BYTES: u64 = 1 << 20;
