//! Launches coding agents on VMs over SSH and waits for them durably: all I/O and wiring of `sortie`.

pub mod app;
pub mod clock;
pub mod config;
pub mod demo;
pub mod driver;
pub mod failpoint;
pub mod launcher;
pub mod limits;
pub mod serve;
pub mod setup;
pub mod shim;
pub mod ssh;
pub mod story;
