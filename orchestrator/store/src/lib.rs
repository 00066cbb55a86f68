//! The store: its port, the SQLite adapter, the conformance suite.

pub mod error;
pub mod model;
pub mod port;

pub use error::StoreError;
pub use port::{Fut, Store};
