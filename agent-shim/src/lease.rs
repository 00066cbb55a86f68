//! The lease of a state root that a worker serves: jobs end when nobody renews it, whichever process died.

use crate::clock;
use crate::files;
use crate::root::Root;
use sortie_protocol::lease::{LEASE_FILE, Lease};

/// Whether the jobs of this root have to end. A root without the file is nobody's to renew; one that cannot be read keeps its jobs,
/// since its writer replaces it as a whole.
pub fn is_over(root: &Root) -> bool {
    let lease: Option<Lease> = files::read_json(&root.path().join(LEASE_FILE));
    lease.is_some_and(|lease| lease.is_over(&clock::boot_id(), clock::boot_ms()))
}
