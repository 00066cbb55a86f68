//! Launches coding agents on VMs over SSH and waits for them durably: all I/O and wiring of `sortie`.

pub mod app;
pub mod approval_link;
pub mod callback;
pub mod cli;
pub mod clock;
pub mod config;
pub mod counters;
pub mod demo;
pub mod driver;
pub mod envelope;
pub mod error_code;
pub mod explain;
pub mod failpoint;
pub mod http;
pub mod launcher;
pub mod limits;
pub mod resources;
pub mod retention;
pub mod run_file;
pub mod schema;
pub mod serve;
pub mod setup;
pub mod shim;
pub mod ssh;
pub mod story;
pub mod triggers;
