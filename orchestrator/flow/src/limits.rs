//! Every bound of flows, with its reason. Bounds of the engine itself are in `sortie_core::limits`.

/// Name of the file that holds `flow(...)` and `run`.
pub const ENTRY: &str = "flow.star";
/// Bytes of one file: deeper and longer sources take the parser seconds.
pub const FILE_BYTES: usize = 256 << 10;
/// Files of a bundle.
pub const FILES: usize = 64;
/// Bytes of all files of a bundle.
pub const BUNDLE_BYTES: usize = 1 << 20;
/// Bytes of a file's name.
pub const FILE_NAME_BYTES: usize = 128;
/// Open brackets at any place of a source: the parser recurses on the native stack.
pub const BRACKET_NESTING: usize = 64;
/// Function calls and loop turns of one evaluation: about 0.2 s.
pub const TICKS: u64 = 10_000_000;
/// Function calls and loop turns while a file is loaded.
pub const LOAD_TICKS: u64 = 1_000_000;
/// Bytes that one evaluation may allocate in the Starlark heap.
pub const HEAP_BYTES: usize = 64 << 20;
/// Nested calls of a flow's functions.
pub const CALL_STACK: usize = 200;
/// Lines that one evaluation may log; the rest is counted.
pub const LOG_LINES: usize = 1_000;
/// Characters of a logged line.
pub const LOG_LINE_CHARS: usize = 2_000;
/// Diagnostics of one check: nobody reads more at once.
pub const DIAGNOSTICS: usize = 100;
/// Characters of a shown source line: minified sources stay readable.
pub const EXCERPT_CHARS: usize = 160;
/// Lines of a source that an excerpt shows.
pub const EXCERPT_LINES: usize = 3;
/// Frames of a call stack that a diagnostic shows.
pub const SHOWN_FRAMES: usize = 8;
/// Fields of a flow's input.
pub const INPUT_FIELDS: usize = 128;
/// Characters of a flow's name: it stands in URLs and tables.
pub const NAME_CHARS: usize = 64;
/// Characters of a flow's description.
pub const DESCRIPTION_CHARS: usize = 1_000;
/// Arguments of a command.
pub const COMMAND_ARGS: usize = 1_024;
/// Tools that an agent is allowed, and roles that may answer it: more is a policy, and belongs into the agent's own configuration.
pub const AGENT_TOOLS: usize = 128;
/// Characters of the name of a model.
pub const MODEL_CHARS: usize = 128;
/// Variables of a job's environment.
pub const ENV_VARS: usize = 256;
/// Durable calls after which a run's log says that the bound comes near: 80 %.
pub const CALL_WARNING: u32 = sortie_core::limits::CALLS_PER_RUN / 5 * 4;
/// Handles of one `wait_all` or `wait_any`.
pub const HANDLES: usize = sortie_core::limits::CALLS_PER_RUN as usize;

/// Triggers of one flow.
pub const TRIGGERS: usize = 32;
/// Bytes of a limit's key as it stands; a longer one is counted by its digest.
pub const LIMIT_KEY_BYTES: usize = 200;
/// How old a webhook's signed timestamp may be, in milliseconds, where the flow says nothing: 5 min, as Standard Webhooks has it.
pub const WEBHOOK_REPLAY_MS: u64 = 300_000;
/// Characters of the name of a secret or a connection.
pub const REFERENCE_CHARS: usize = 128;

/// Bytes of the name and of the key of an outside event: both stand in an index.
pub const EVENT_BYTES: usize = 256;
/// Headers of a request.
pub const HTTP_HEADERS: usize = 64;
/// Characters of an approval's title: it is the subject of a mail.
pub const TITLE_CHARS: usize = 200;
/// Resources that an approval shows.
pub const APPROVAL_SHOWN: usize = 32;

/// Stack of the thread that evaluates: what the parser accepts recurses deeper than 2 MiB.
pub const WORKER_STACK_BYTES: usize = 256 << 20;
/// Address space of a worker beside that stack (RLIMIT_AS).
pub const WORKER_ADDRESS_BYTES: u64 = 1 << 30;
/// Seconds of processor time for one request (RLIMIT_CPU); the caller's deadline is the tighter bound.
pub const WORKER_CPU_SECONDS: u64 = 30;
/// Compiled bundles that a worker keeps: 35 KiB each for a small flow.
pub const WORKER_BUNDLES: usize = 64;
/// Bytes of one request or answer: a full journal fits, an accident does not.
pub const FRAME_BYTES: usize = 64 << 20;
/// Bytes of a worker's standard error that are kept to say why it died.
pub const STDERR_BYTES: usize = 4 << 10;

const _: () = assert!(FRAME_BYTES > BUNDLE_BYTES * 8);
const _: () = assert!(BUNDLE_BYTES >= FILE_BYTES);
