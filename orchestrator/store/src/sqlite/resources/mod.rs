//! Stored artifacts. One file per table.
