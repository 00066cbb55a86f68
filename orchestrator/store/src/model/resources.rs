//! Stored artifacts. The plain values.

use serde::{Deserialize, Serialize};
use sortie_core::ids::{Ms, RunId};

/// One name for kept bytes. Name and subject are data: nothing on any disk is called after them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceRow {
    /// The run it belongs to, and goes with.
    pub run: RunId,
    /// What of the run it comes from: the id of an attempt, or `call-N` for a step that the server performs.
    pub subject: String,
    /// Its name there, byte by byte: `A` is not `a`.
    pub name: String,
    /// Number of the durable call.
    pub call: u32,
    /// As its maker says; never believed when it is served.
    pub media_type: String,
    /// In bytes.
    pub size: u64,
    /// SHA-256 of the bytes, lower-case hex.
    pub sha256: String,
    /// When it was named.
    pub created_at: Ms,
    /// When the name goes, where it goes before its run.
    pub expires_at: Option<Ms>,
}

/// What came of naming bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// The name is new.
    New,
    /// The name stood for the same bytes before.
    Same,
    /// The name stands for these other bytes, and goes on to.
    Taken(ResourceRow),
    /// The run would keep more bytes than it may.
    OverTotal {
        /// What it keeps now, in bytes.
        kept: u64,
    },
}

/// Bytes that nothing names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnnamedBlob {
    /// SHA-256, lower-case hex.
    pub sha256: String,
    /// In bytes.
    pub size: u64,
}
