//! The job's own door: a Unix socket in its environment, and nothing secret. Through it a job reports, keeps files, asks people
//! and leaves its result; the supervisor signs and posts.
//!
//! Only processes of the job are served, and only for their own attempt. One request a connection, one line of JSON each way
//! ([`wire`]); a question stays connected until it is answered. A command whose supervisor was killed connects again: reports
//! replace each other, and questions and answers are on disk.

mod act;
mod client;
pub mod commands;
mod connection;
mod copy;
mod help;
mod options;
mod peer;
mod server;
mod socket;
pub mod wire;

pub use client::{Client, Failure, Patience};
pub use commands::{ASK_DEFAULT_MS, absolute};
pub use options::{Options, duration_ms};
pub use server::Door;
pub use socket::{environment, program};
