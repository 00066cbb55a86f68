//! The store: its port, the SQLite adapter, the conformance suite.

mod chain;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod deliver;
pub mod error;
pub mod import;
pub mod limits;
pub mod model;
pub mod port;
mod sql;
pub mod sqlite;

pub use error::StoreError;
pub use port::{Catalog, Engine, Fut, Logs, Operations, Reads, Resources, Store, Triggers, Vault, Workers};
