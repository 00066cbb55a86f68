//! Ways to a real OpenSSH server: certificates of both kinds, agents, machines on the way, shims of others; and servers that are
//! none, or mean harm.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../ssh_support/mod.rs"]
mod ssh_support;

mod agents;
mod bytes;
mod crowd;
mod emulated;
mod evil;
mod host_certificates;
mod hostile;
mod installed;
mod jumps;
mod keys;
mod lying;
mod planted;
mod real;
mod relay;
mod strings;
mod user_certificates;
