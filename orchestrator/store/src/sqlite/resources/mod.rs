//! Stored artifacts. One file per table.

pub(super) mod blob;
pub(super) mod resource;
