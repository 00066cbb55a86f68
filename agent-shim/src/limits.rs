//! Every bound of the shim itself, with its reason. Bounds of the conversation are in `sortie_protocol::limits`.

/// Longest header line of a frame, in bytes: magic, nonce of 64, length, digest of 64, with room to spare.
pub const HEADER_LINE_BYTES: usize = 256;
/// How long a launch waits for its supervisor to say that the job runs, in milliseconds. The job is safe either way.
pub const READY_MS: u64 = 20_000;
/// Supervisors that one launch calls, one after the other, where they die before the job is started (`kill -9`, no memory).
pub const SUPERVISORS: u32 = 3;
/// How long a supervisor tries for a lock that nobody seems to hold for good, in milliseconds.
pub const LOCK_MS: u64 = 500;
/// How long the supervisor waits for the gate to say that the command was executed, in milliseconds (a slow network file system).
pub const GATE_MS: u64 = 15_000;
/// Between two looks at the output files and the stop file while nothing happens, in milliseconds.
pub const TICK_MS: u64 = 1_000;
/// Processor time between two heartbeats that is no sign of work, in milliseconds: an event loop that waits uses as much.
pub const IDLE_CPU_MS: u64 = 100;
/// The same as a share of the time between them, in thousandths.
pub const IDLE_CPU_PERMILLE: u64 = 20;
/// How old the last heartbeat of a live supervisor may be at least before views leave it out, in milliseconds: three of the shortest
/// are less than a busy machine can be late.
pub const BEAT_LEAST_MS: u64 = 15_000;
/// Views of one page of `list`, in bytes of JSON: the frame holds 8 MiB.
pub const LIST_PAGE_BYTES: usize = 4 << 20;
/// Most of an answer that `reach` repeats, in bytes: enough for a nonce, or for the title of a proxy's page.
pub const REACH_BODY_BYTES: usize = 4 << 10;
/// How long an agent may take to say its version, in milliseconds: a runtime that starts on a busy machine.
pub const AGENT_VERSION_MS: u64 = 5_000;
/// Most of a version that is read, in bytes.
pub const AGENT_VERSION_BYTES: usize = 200;
/// How long the manager of a system is waited for, in milliseconds: then the next way to hold a job is tried.
pub const MANAGER_MS: u64 = 3_000;
/// How long one call of git may take, in milliseconds: 10 minutes, a large repository over a slow link. The job's own limit holds, too.
pub const GIT_MS: u64 = 600_000;
/// How long the output of a git that has ended is waited for, in milliseconds: something that it left behind may hold its pipes.
pub const GIT_PIPE_MS: u64 = 1_000;
/// Last output of git that is kept, in bytes.
pub const GIT_OUTPUT_BYTES: usize = 4 << 10;
/// How long the passwd file is waited for while a user is made, in milliseconds.
pub const USERADD_MS: u64 = 5_000;
/// Between two tries to make a user, in milliseconds.
pub const USERADD_PAUSE_MS: u64 = 50;
/// Between two looks at the disk, in milliseconds, and twenty times what the last look took, so that it costs a twentieth.
pub const DISK_LOOK_MS: u64 = 5_000;
/// Share of the time that looks at the disk may take: one in so many.
pub const DISK_LOOK_SHARE: u64 = 20;
/// Most entries of one look below a working directory: what is beyond is not counted, and the look stays under a second.
pub const DISK_ENTRIES: u64 = 200_000;
/// Deepest directory of a look: deeper ones are not counted.
pub const DISK_DEPTH: u32 = 64;
/// Between two notes on disk that the server is still heard, in milliseconds: it is written for each attempt.
pub const HEARD_NOTE_MS: u64 = 5_000;
/// Between two looks at the files that a job reports in, in milliseconds.
pub const REPORT_LOOK_MS: u64 = 2_000;
/// Between two looks for an exit record that is due at any moment, in milliseconds.
pub const SOON_MS: u64 = 5;
/// Between two looks at a tree that is being ended, in milliseconds.
pub const SWEEP_MS: u64 = 20;
/// How long a tree may take to go after KILL before it is reported as not gone, in milliseconds (uninterruptible sleep).
pub const KILL_MS: u64 = 20_000;
/// Longest grace between TERM and KILL, in milliseconds: a job cannot hold its host for longer by asking for more.
pub const GRACE_CAP_MS: u64 = 600_000;
/// Longest wait of one `cancel`, in milliseconds: the SSH session has its own limit.
pub const CANCEL_WAIT_CAP_MS: u64 = 600_000;
/// Between two looks of a waiting verb, in milliseconds.
pub const WAIT_POLL_MS: u64 = 10;
/// First part of an output file that is kept when it outgrows its limit, in bytes: how a job began says most about why it fails.
pub const OUTPUT_HEAD_BYTES: u64 = 16 << 20;
/// Output beyond the limit before the next hole is punched, in bytes: so that it is done seldom.
pub const OUTPUT_SLACK_BYTES: u64 = 16 << 20;
/// The same while the disk is nearly full or too much lies under the state root, in bytes of each stream.
pub const OUTPUT_TIGHT_BYTES: u64 = 8 << 20;
/// Its first part, in bytes.
pub const OUTPUT_TIGHT_HEAD_BYTES: u64 = 2 << 20;
/// Its slack, in bytes.
pub const OUTPUT_TIGHT_SLACK_BYTES: u64 = 1 << 20;
/// Output that a job keeps on the disk whatever others do, in bytes of both streams; below it nobody counts.
pub const LOG_FAIR_BYTES: u64 = 16 << 20;
/// Output of all attempts under a state root above which each keeps little, in bytes: 4 GiB, and what is fair for each beside it.
pub const LOGS_OF_ROOT_BYTES: u64 = 4 << 30;
/// Free bytes of the state root's disk under which each attempt keeps little.
pub const LOG_FLOOR_BYTES: u64 = 1 << 30;
/// How long the first output after a silence waits for the rest of its line, in milliseconds.
pub const LOG_LINGER_MS: u64 = 10;
/// Between two looks at output that would have been heard of, in milliseconds: in case that it was not.
pub const LOG_LOOK_MS: u64 = 5_000;
/// The same where nobody tells, in milliseconds: a line is to be shown within a second.
pub const LOG_LOOK_DEAF_MS: u64 = 200;
/// Between two looks at the size of files that grow fast, in milliseconds: a disk takes some 100 MB meanwhile.
pub const LOG_FLOOD_LOOK_MS: u64 = 50;
/// Longest pause between two tries to ship output while the job runs, in milliseconds.
pub const LOG_RETRY_CAP_MS: u64 = 5_000;
/// Smallest chunk that is tried where something on the way finds chunks too large, in bytes.
pub const LOG_CHUNK_LEAST_BYTES: u64 = 16 << 10;
/// Room reserved in the event log when the attempt is claimed, in bytes: a full disk must not cost a result (F014).
pub const RESULT_RESERVE_BYTES: u64 = 512 << 10;
/// Room reserved for the exit record, in bytes.
pub const EXIT_RESERVE_BYTES: u64 = 4 << 10;
/// Deepest nesting taken in a result document: with the body around it it stays below the server's 64 (F065).
pub const RESULT_DEPTH: usize = 56;
/// Posts of one page of `collect`, in bytes of body. JSON in JSON can double them, and the frame holds 8 MiB.
pub const COLLECT_PAGE_BYTES: usize = 2 << 20;
/// The shim's own log per attempt, in bytes.
pub const LOG_BYTES: u64 = 256 << 10;
/// Largest small state file that is read, in bytes.
pub const STATE_FILE_BYTES: u64 = 64 << 10;
/// Largest bundle of CA certificates that is read, in bytes.
pub const CA_BUNDLE_BYTES: u64 = 8 << 20;
/// Largest event log that is read, in bytes: many times what a job can write into it.
pub const EVENT_LOG_BYTES: u64 = 64 << 20;
/// Largest message about a command that could not be executed, in bytes.
pub const SPAWN_ERROR_BYTES: usize = 4 << 10;
/// Refused this long, posts slow down, in milliseconds.
pub const FRESH_MS: u64 = 30 * 60_000;
/// Half-made directories older than this are removed by `gc`, in milliseconds: no claim takes an hour.
pub const STALE_TEMP_MS: u64 = 3_600_000;
/// Launches of one session that are in the air at once: each waits mostly for the disk.
pub const PARALLEL_LAUNCHES: usize = 8;
/// Connections that the door of an attempt serves at once; further ones wait in the kernel's queue.
pub const DOOR_CONNECTIONS: usize = 32;
/// Those of them that may wait for an answer, so that a job that asks much can still report.
pub const DOOR_WAITERS: usize = 16;
/// How long a request may take to arrive whole, in milliseconds: it comes from the same machine.
pub const DOOR_REQUEST_MS: u64 = 10_000;
/// Largest request, in bytes: a result document of the largest size, as a JSON string.
pub const DOOR_LINE_BYTES: usize = 2 * sortie_protocol::limits::RESULT_DOCUMENT_BYTES as usize + (64 << 10);
/// What all requests that have not arrived whole may hold together, in bytes.
pub const DOOR_BUFFER_BYTES: usize = DOOR_LINE_BYTES + (4 << 20);
/// Read from one connection before the next has its turn, in bytes.
pub const DOOR_READ_BYTES: usize = 64 << 10;
/// Largest reply, in bytes: an answer with its comment.
pub const DOOR_REPLY_BYTES: usize = 256 << 10;
/// Copied of a file before the next connection has its turn, in bytes.
pub const DOOR_COPY_BYTES: usize = 1 << 20;
/// Between two looks for answers that somebody waits for, in milliseconds.
pub const DOOR_LOOK_MS: u64 = 200;
/// Between two looks at open questions that nobody waits for, in milliseconds.
pub const DOOR_IDLE_MS: u64 = 5_000;
/// How long a command of the job tries to reach its supervisor, in milliseconds: a successor may have to be called first.
pub const DOOR_REACH_MS: u64 = 120_000;
/// Longest pause between two such tries, in milliseconds.
pub const DOOR_RETRY_CAP_MS: u64 = 2_000;
/// What a question may be open beyond its own time before the shim says by itself that nobody answered, in milliseconds: the
/// server's word is on its way for two polls and a post.
pub const ASK_LATE_MS: u64 = 60_000;
/// Copies that a job's own kept files may take together, in bytes: they lie on the disk twice until the job is over.
pub const KEPT_BYTES: u64 = 1 << 30;
/// Tool calls of one agent that are served at once: those that wait for people, and a few that report.
pub const MCP_CALLS: usize = DOOR_WAITERS + 8;
/// Between two signs of life of a tool that waits, in milliseconds: programs give up on silent tools after a minute.
pub const MCP_ALIVE_MS: u64 = 10_000;
/// How long a tool waits for people where nothing is said, in milliseconds: 10 minutes. Then the agent may end its turn, and costs
/// nothing while it is night.
pub const PARK_AFTER_MS: u64 = 600_000;
/// Largest list of the files that a job has kept by itself, in bytes: the longest names, escaped.
pub const SAVED_BYTES: u64 = 256 << 10;
/// Longest comment of an answer that is kept, in bytes, and most names of who answered: it is read with every look.
pub const ANSWER_COMMENT_BYTES: usize = 16 << 10;
/// See there.
pub const ANSWER_NAMES: usize = 64;
