//! The program `sortie`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(sortie::cli::run(std::env::args_os().collect()))
}
