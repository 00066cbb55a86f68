//! Workers that come and ask for work. The plain values.

use sortie_core::ids::Ms;

/// A worker: a host of the same name, and who may speak for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerRow {
    /// Name of its host.
    pub name: String,
    /// SHA-256 of its token, hex. The token itself is nowhere.
    pub digest: String,
    /// Number of the process that speaks for it, from 1; 0 before the first one came.
    pub fence: u64,
    /// Random id of that process.
    pub instance: Option<String>,
    /// When that process last said who it is.
    pub seen_at: Option<Ms>,
    /// When its token was made.
    pub token_at: Ms,
    /// Labels that it may serve; any where there are none.
    pub labels: Vec<String>,
}
