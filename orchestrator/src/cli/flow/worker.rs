//! One question to a worker process of our own: sources can end the process that reads them.

use crate::cli::limits::CHECK_MS;
use crate::envelope::Problem;
use crate::error_code::ErrorCode;
use sortie_flow::client::{CallResult, Worker};
use sortie_flow::worker::protocol::{Answer, Request};
use std::process::Command;
use std::time::Duration;

/// Ask, offline.
///
/// # Errors
/// `flow_invalid` where the worker did not survive the question, `failed` where there is none.
pub fn ask(request: &Request) -> Result<Answer, Problem> {
    let failed = |error: String| Problem::new(ErrorCode::Failed, format!("the flow could not be read: {error}"));
    let program = std::env::current_exe().map_err(|error| failed(error.to_string()))?;
    let mut command = Command::new(program);
    command.arg("flow-worker").env_clear();
    let mut worker = Worker::spawn(command).map_err(|error| failed(error.to_string()))?;
    match worker.call(request, Duration::from_millis(CHECK_MS)) {
        CallResult::Answer(answer) => match *answer {
            Answer::BadRequest { message } => Err(failed(message)),
            answer => Ok(answer),
        },
        CallResult::Died(death) => Err(Problem::new(ErrorCode::FlowInvalid, death.hint)),
        CallResult::TimedOut => Err(Problem::new(ErrorCode::FlowInvalid, format!("it took longer than {} s", CHECK_MS / 1_000))),
    }
}
