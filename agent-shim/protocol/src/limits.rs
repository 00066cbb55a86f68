//! Every bound of the conversation between shim and orchestrator, with its reason.

/// Largest JSON payload of one frame, in bytes. A launch carries argv, environment and stdin; `collect` a page of posts.
pub const FRAME_BYTES: usize = 8 << 20;
/// Noise (motd, rc files) skipped on stdout while looking for a frame, in bytes (F086).
pub const NOISE_BYTES: usize = 256 << 10;
/// Largest body of a callback posted inline, in bytes. Larger ones wait to be collected.
pub const CALLBACK_BYTES: usize = 1 << 20;
/// Largest result document that is posted with the result, in bytes. A larger one is uploaded.
pub const RESULT_BYTES: usize = 256 << 10;
/// Largest result document a job may leave in `$SORTIE_RESULT`, in bytes: the server parses it whole to check its schema.
pub const RESULT_DOCUMENT_BYTES: u64 = 8 << 20;
/// Largest progress or checkpoint, in bytes: it is kept in one row that is written again and again.
pub const REPORT_BYTES: usize = 16 << 10;
/// Largest artifact, in bytes: what fits into [`UPLOAD_MS`] over a modest link.
pub const ARTIFACT_BYTES: u64 = 256 << 20;
/// Largest bundle of a checkpoint, in bytes: one is uploaded every few minutes.
pub const CHECKPOINT_BYTES: u64 = 128 << 20;
/// Longest name of an artifact, in bytes: its metadata must fit into a request's head twice over.
pub const ARTIFACT_NAME_BYTES: usize = 1_024;
/// Files that one job may keep by itself, beside those that its spec names: each costs an upload before its result.
pub const KEPT_FILES: usize = 64;
/// Longest title of a question, in bytes: it is one line of a list.
pub const ASK_TITLE_BYTES: usize = 200;
/// Longest message of a question, in bytes: what a person reads before they decide.
pub const ASK_MESSAGE_BYTES: usize = 16_000;
/// Roles that a question may name.
pub const ASK_APPROVERS: usize = 16;
/// Longest name of a role, of a tool and of a question's key, in bytes.
pub const ASK_NAME_BYTES: usize = 128;
/// Questions of one attempt: more would be a loop, and every one of them asks for somebody's time.
pub const ASKS: usize = 200;
/// Shortest wait for an answer, in milliseconds: nobody reads faster.
pub const ASK_LEAST_MS: u64 = 1_000;
/// Longest wait for an answer, in milliseconds: 30 days, as long as a result is pushed.
pub const ASK_MOST_MS: u64 = POST_FOR_MS;
/// Pause before a question whose answer somebody waits for is posted again, in milliseconds; grows by half.
pub const ASK_POLL_MS: u64 = 2_000;
/// Longest such pause, in milliseconds: what an answer may be late.
pub const ASK_POLL_CAP_MS: u64 = 15_000;
/// The pause where nobody on the VM waits for the answer, in milliseconds: it still ends the time that is not the job's.
pub const ASK_POLL_IDLE_MS: u64 = 30_000;
/// Largest piece of an upload, in bytes. Pieces begin at [`PIECE_LEAST_BYTES`] and double while they arrive.
pub const PIECE_BYTES: usize = 4 << 20;
/// Smallest piece of an upload, in bytes: passes within [`POST_TIMEOUT_MS`] at 13 KB/s.
pub const PIECE_LEAST_BYTES: usize = 256 << 10;
/// How long all uploads of an attempt may take together, in milliseconds: 5 minutes. Then the gap is recorded and the result goes.
pub const UPLOAD_MS: u64 = 300_000;
/// The same for a job that was stopped, in milliseconds: its end is waited for.
pub const UPLOAD_STOPPED_MS: u64 = 10_000;
/// Tail of each output stream that a result carries, in bytes.
pub const OUTPUT_TAIL_BYTES: usize = 8 << 10;
/// Output kept per stream on the VM, in bytes; what is beyond is counted, never a reason to stop a job.
pub const OUTPUT_FILE_BYTES: u64 = 64 << 20;
/// Largest answer body that the shim reads from the callback server, in bytes.
pub const ANSWER_BYTES: usize = 64 << 10;
/// Largest chunk of a log that one `logs` answer carries, in bytes.
pub const LOG_CHUNK_BYTES: u64 = 256 << 10;
/// Beginning of each stream that is always shipped, in bytes: how a job began says most about why it fails.
pub const LOG_HEAD_BYTES: u64 = 8 << 20;
/// End of each stream that is shipped, in bytes, where shipping cannot keep up; what lies between is a counted gap.
pub const LOG_TAIL_BYTES: u64 = 16 << 20;
/// Between two chunks of a job that writes more than can be shipped, in milliseconds: with [`LOG_CHUNK_BYTES`], 512 KiB/s a job.
pub const LOG_POST_PAUSE_MS: u64 = 500;
/// The same once the job is over, in milliseconds: somebody may wait for the end of it.
pub const LOG_LAST_PAUSE_MS: u64 = 50;
/// How long one chunk may take in all, in milliseconds: a result that is due meanwhile waits for it.
pub const LOG_POST_MS: u64 = 5_000;
/// How long output is shipped after the result was taken, in milliseconds. Then the server asks for the rest over SSH.
pub const LOG_AFTER_MS: u64 = 600_000;
/// Attempts that one `status` may name.
pub const STATUS_ATTEMPTS: usize = 1024;
/// Pause before the first repeat of a post, in milliseconds; doubles with full jitter.
pub const POST_BACKOFF_MS: u64 = 1_000;
/// Longest pause between two tries of a post while the job is fresh, in milliseconds.
pub const POST_BACKOFF_CAP_MS: u64 = 60_000;
/// Longest pause once a result has been refused for half an hour, or was answered 401, in milliseconds.
pub const POST_BACKOFF_SLOW_MS: u64 = 300_000;
/// Longest `Retry-After` that is honoured, in milliseconds (F046).
pub const RETRY_AFTER_CAP_MS: u64 = 3_600_000;
/// How long one post may take in all, in milliseconds (F044).
pub const POST_TIMEOUT_MS: u64 = 20_000;
/// How long an unacknowledged result is pushed, in milliseconds: 30 days. After that it waits to be collected.
pub const POST_FOR_MS: u64 = 30 * 24 * 3_600_000;
/// How long acknowledged attempts stay on the VM, in milliseconds: 7 days.
pub const KEEP_ACKED_MS: u64 = 7 * 24 * 3_600_000;
