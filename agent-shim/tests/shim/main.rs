//! The built shim, spoken to as an orchestrator does: sessions on its stdin, a callback server on loopback, and `kill -9`.

#![allow(missing_docs, clippy::unwrap_used, reason = "test code")]

mod delivery;
#[cfg(feature = "failpoints")]
mod failpoints;
mod files;
mod launch;
mod outcomes;
mod reports;
mod server;
mod store;
mod tree;
mod uploads;
mod vm;
