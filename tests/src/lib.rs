//! What the end-to-end tests stand on: a real OpenSSH server, the real program, a proxy that misbehaves on request, and
//! observers that know nothing of the product's own book-keeping.
//!
//! Nothing here is skipped: what a test needs and does not find fails it, with a sentence on what to install or build.

#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "test code: a panic is how it says what is wrong")]

pub mod callbacks;
pub mod cli;
pub mod clis;
pub mod fleet;
pub mod flows;
pub mod http;
pub mod installation;
pub mod limits;
pub mod login;
pub mod model;
pub mod ports;
pub mod processes;
pub mod programs;
pub mod proxy;
pub mod recorder;
pub mod run;
pub mod service;
pub mod sshd;
mod sweep;
pub mod time;
pub mod vm;
pub mod wait;
pub mod workers;
pub mod world;
