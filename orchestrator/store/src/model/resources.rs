//! Stored artifacts. The plain values.
