//! The main path end to end: the real program, a real OpenSSH server, and everything that goes wrong between them.
//!
//! Tests are named after the fault of the fault model that they cover, where there is one.

#![allow(missing_docs, clippy::unwrap_used, reason = "test code")]

mod agents;
mod answers;
mod approvals;
mod basics;
mod bytes;
mod callbacks;
mod canaries;
mod checkpoints;
mod confined;
mod control;
mod cuts;
mod door;
mod ending;
mod examples;
mod explain;
mod fleet;
mod floods;
mod forgeries;
mod hooks;
mod hostile_flows;
mod hosts;
mod import;
mod journals;
mod kills;
mod logs;
mod machine;
mod notices;
mod operators;
mod outbound;
mod partitions;
mod pull;
mod questions;
mod reach;
mod resources;
mod secrets;
mod server_death;
mod shim_death;
mod sudo;
mod triggers;
mod upgrades;
mod workers;
