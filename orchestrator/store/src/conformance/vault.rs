//! Secrets, connections, operators, notices.

use crate::Store;
use std::sync::Arc;

/// Every check of this part.
pub(super) async fn all(fresh: &impl AsyncFn() -> Arc<dyn Store>) {
    checks!(fresh,);
}
