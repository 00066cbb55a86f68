//! What the orchestrator can ask of a shim over SSH, and the answers.
//!
//! A session is `sortie-shim session --root ROOT`: framed requests in, one framed answer each, in order, until end of file.
//! Every verb is idempotent and carries the marker of the state root: another marker is [`Refusal::WrongMachine`].

use crate::ask::AskAnswer;
use crate::callback::SignedPost;
use crate::spec::{Credentials, Trust};
use crate::view::{AttemptView, HostFacts};
use serde::{Deserialize, Serialize};

/// One question.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Request {
    /// [`crate::VERSION`].
    pub v: u32,
    /// Number of the question within its session, repeated in the answer.
    pub id: u64,
    /// Marker of the pinned state root; `None` only for [`Verb::Doctor`] with `create_marker`, when a host is added.
    pub marker: Option<String>,
    /// What is asked.
    pub verb: Verb,
}

/// The verbs.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Claim an attempt and start its job, once.
    Launch {
        /// Exact JSON text of a [`crate::spec::Spec`].
        spec: String,
        /// SHA-256 of `spec`, lower-case hex.
        spec_digest: String,
        /// Replaceable.
        credentials: Credentials,
    },
    /// Where attempts stand. With `seal`, an attempt that is not known becomes a tombstone.
    Status {
        /// At most [`crate::limits::STATUS_ATTEMPTS`].
        attempts: Vec<String>,
        /// Leave a tombstone for what is not known.
        seal: bool,
    },
    /// Posts of an attempt that were not acknowledged, oldest first, a page at a time; and always its result, acknowledged or
    /// not, for a server that was restored from a backup.
    Collect {
        /// Id of the attempt.
        attempt: String,
        /// Only posts numbered above this.
        after_seq: u64,
    },
    /// The server has committed the result: stop posting, start the clock of `gc`.
    Ack {
        /// Id of the attempt.
        attempt: String,
        /// Number of the acknowledged result.
        seq: u64,
    },
    /// End the job and verify that its tree is gone; leaves a tombstone where the attempt is not known.
    Cancel {
        /// Id of the attempt.
        attempt: String,
        /// Why, for the record: `cancelled`, `timed_out`, `superseded` ...
        reason: String,
        /// How long to wait for the verified end before answering with the state as it is, in milliseconds.
        wait_ms: u64,
    },
    /// A range of a job's output.
    Logs {
        /// Id of the attempt.
        attempt: String,
        /// `stdout` or `stderr`.
        stream: String,
        /// Absolute offset, in bytes.
        offset: u64,
        /// At most [`crate::limits::LOG_CHUNK_BYTES`].
        limit: u64,
    },
    /// Attempts that are known here and not acknowledged, by id.
    List {
        /// Only ids above this one.
        after: Option<String>,
    },
    /// A question of a job was answered. Kept until the job has read it; the same again changes nothing.
    Answer {
        /// Id of the attempt.
        attempt: String,
        /// Number of the `ask` in the attempt's event log.
        seq: u64,
        /// The answer.
        answer: AskAnswer,
    },
    /// Bytes of a file that a finished attempt keeps: an artifact, or a large result document.
    Fetch {
        /// Id of the attempt.
        attempt: String,
        /// Its slot, as in an upload.
        slot: String,
        /// Absolute offset, in bytes.
        offset: u64,
        /// At most [`crate::limits::LOG_CHUNK_BYTES`].
        limit: u64,
    },
    /// Replaceable credentials of an attempt that runs: after a revocation, or where the public URL has changed.
    Rekey {
        /// Id of the attempt.
        attempt: String,
        /// The new ones; secrets of the job are not part of them.
        credentials: Credentials,
    },
    /// Post to a URL as a job would, and say what came back: whether callbacks will arrive.
    Reach {
        /// Where.
        url: String,
        /// How the server's certificate is judged.
        trust: Trust,
    },
    /// Remove acknowledged attempts older than this and unused shims. Tombstones and unacknowledged results stay.
    Gc {
        /// In milliseconds since the acknowledgement.
        older_than_ms: u64,
    },
    /// Facts about the machine; with `create_marker`, makes the state root and its marker where there is none.
    Doctor {
        /// Given by `host add` only.
        create_marker: bool,
    },
}

/// One answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answer {
    /// [`crate::VERSION`].
    pub v: u32,
    /// Number of the question.
    pub id: u64,
    /// What came of it.
    pub reply: Reply,
}

/// What came of a question.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// `launch`: the job is claimed and its state durable. `created` is false where an earlier launch had done it.
    Launched {
        /// Whether this very call made the claim.
        created: bool,
        /// Where the attempt stands.
        view: AttemptView,
    },
    /// `status`: one view each, in the order asked.
    Status(Vec<AttemptView>),
    /// `collect`.
    Collected {
        /// Where the attempt stands.
        view: AttemptView,
        /// The posts, signed as they would have been over HTTP.
        posts: Vec<SignedPost>,
        /// Whether there are more after the last one.
        more: bool,
    },
    /// `ack`.
    Acked(AttemptView),
    /// `cancel`.
    Cancelled(AttemptView),
    /// `logs`.
    Logs {
        /// Where the range starts: the asked offset, or the first byte still kept.
        offset: u64,
        /// The bytes.
        data: crate::bytes::Bytes,
        /// Bytes written to the stream so far.
        total: u64,
        /// Whether the stream can still grow.
        open: bool,
    },
    /// `list`: at most [`crate::limits::STATUS_ATTEMPTS`].
    Listed {
        /// By id.
        views: Vec<AttemptView>,
        /// Whether there are more after the last one.
        more: bool,
    },
    /// `answer`.
    AnswerKept(AttemptView),
    /// `fetch`.
    Fetched {
        /// The bytes.
        data: crate::bytes::Bytes,
        /// Size and digest of the whole.
        kept: crate::artifact::Kept,
    },
    /// `rekey`.
    Rekeyed(AttemptView),
    /// `reach`.
    Reached {
        /// HTTP status, where there was an answer.
        status: Option<u16>,
        /// Body of the answer, shortened.
        body: String,
        /// How long it took, in milliseconds.
        took_ms: u64,
        /// What went wrong, where there was no answer.
        error: Option<String>,
    },
    /// `gc`.
    Swept {
        /// Attempts removed.
        removed: u64,
        /// Attempts kept.
        kept: u64,
        /// Processes of attempts that were over, ended now.
        #[serde(default)]
        orphans: u64,
    },
    /// `doctor`.
    Doctor(HostFacts),
    /// Refused; nothing was done.
    Refused {
        /// The kind.
        refusal: Refusal,
        /// For people.
        message: String,
    },
}

/// Why a shim refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The frame is not of this protocol, or cut short, or its digest is wrong.
    BadFrame,
    /// Another protocol version.
    Version,
    /// The state root's marker is another one or absent: re-imaged, swapped or shared.
    WrongMachine,
    /// The attempt was launched with another spec.
    Conflict,
    /// The attempt is a tombstone: sealed or cancelled before it came.
    Sealed,
    /// The command could not be started (not found, not executable, no such directory).
    Spawn,
    /// No room, no rights, no processes left: try again later.
    Resources,
    /// A verb or argument that makes no sense.
    Usage,
}
