//! The program `sortie-shim`: the supervisor of attempts on a VM.
//!
//! One binary plays five parts: the short-lived `session` that an orchestrator speaks with over SSH, the `supervise` process
//! of each attempt, its `keep`er (parent of the job), the `gate` that becomes the job, and single verbs for people.

mod agents;
mod artifacts;
mod asks;
mod attempt;
mod below;
mod checkpoint;
mod cli;
mod clock;
mod contain;
mod door;
mod events;
mod failpoint;
mod files;
mod gate;
mod harden;
mod keeper;
mod lease;
mod limits;
mod logs;
mod mcp;
mod origin;
mod output;
mod post;
mod process;
mod reports;
mod root;
mod session;
mod sign;
mod spawn;
mod supervise;
mod tree;
mod verbs;
mod view;
mod workspace;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run(std::env::args_os().skip(1).collect())
}
