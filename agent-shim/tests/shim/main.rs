//! The built shim, spoken to as an orchestrator does: sessions on its stdin, a callback server on loopback, and `kill -9`.

#![allow(missing_docs, clippy::unwrap_used, reason = "test code")]

mod agents;
mod asks;
mod canary;
mod delivery;
mod door;
#[cfg(feature = "failpoints")]
mod failpoints;
mod files;
mod launch;
mod lease;
mod limits;
mod machine;
mod mcp;
mod outcomes;
mod reports;
mod server;
mod store;
mod tree;
mod uploads;
mod user;
mod verbs;
mod vm;
mod workspace;
