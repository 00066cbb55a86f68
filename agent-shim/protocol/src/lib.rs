//! What the shim and the orchestrator say to each other: plain values, serde only.
//!
//! Three conversations share these types:
//! * over SSH: framed [`verb::Request`]s on the shim's stdin, framed [`verb::Answer`]s on its stdout ([`frame`]);
//! * over HTTP: [`callback::CallbackBody`]s posted and [`artifact::ArtifactMeta`]s uploaded by the shim, answered with a
//!   [`receipt::CallbackAnswer`];
//! * on disk: the shim keeps the same bytes it posts, so that `collect` returns what a callback would have carried.

pub mod agent;
pub mod artifact;
pub mod ask;
pub mod bytes;
pub mod callback;
pub mod confine;
pub mod frame;
pub mod lease;
pub mod limits;
pub mod log;
pub mod receipt;
pub mod spec;
pub mod verb;
pub mod version;
pub mod view;

pub use version::{OLDEST, VERSION, speaks};
