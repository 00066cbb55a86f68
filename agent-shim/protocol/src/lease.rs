//! The lease of a state root that a worker serves: without a renewal its jobs end.

use serde::{Deserialize, Serialize};

/// Name of the file in the state root. Where there is none, nobody has to renew anything.
pub const LEASE_FILE: &str = "lease";
/// Why a job was ended whose lease ran out, as its stop reason says it.
pub const LEASE_REASON: &str = "lease";

/// Content of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Boot that it is for.
    pub boot_id: String,
    /// Until when, in milliseconds of `CLOCK_BOOTTIME`; 0 where it was taken away.
    pub until_boot_ms: u64,
}

impl Lease {
    /// Whether jobs have to end.
    #[must_use]
    pub fn is_over(&self, boot_id: &str, boot_ms: u64) -> bool {
        self.boot_id != boot_id || boot_ms >= self.until_boot_ms
    }
}
