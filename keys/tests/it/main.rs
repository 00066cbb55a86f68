//! Tests of the public face of `sortie-keys`, one module per question.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cache;
mod chmod;
mod forged;
mod golden;
mod known_hosts;
mod known_hosts_file;
mod pin;
mod proof;
mod replay;
mod revocation;
mod rotation;
mod seal;
mod secrecy;
mod ssh;
mod support;
mod url;
