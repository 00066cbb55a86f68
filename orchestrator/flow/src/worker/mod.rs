//! The child process that compiles, checks and evaluates: the program's own hidden `flow-worker`.
//!
//! A hostile flow can abort the process it runs in, or keep it busy for ever: sources can overflow the native stack,
//! allocations can fail, and some loops of the interpreter count no ticks. So the process has system limits of its own,
//! and its caller a deadline.

pub mod cache;
pub mod confine;
pub mod protocol;

use crate::evaluate::evaluate;
use crate::limits::{BUNDLE_BYTES, WORKER_STACK_BYTES};
use crate::testing::simulate::simulate;
use crate::testing::suite::run_tests;
use crate::worker::cache::Cache;
use crate::worker::protocol::{Answer, Request, read_frame, write_frame};
use std::io::{BufReader, Read, Write};

/// Serve requests from standard input, one by one, until it is closed. Never returns.
///
/// Confines the process first; exits with 70 where that is not possible, 0 when standard input is closed.
pub fn main() -> ! {
    if let Err(error) = confine::process() {
        eprintln!("flow-worker: cannot limit itself: {error}");
        std::process::exit(70);
    }
    let thread = std::thread::Builder::new().name("flow".to_owned()).stack_size(WORKER_STACK_BYTES).spawn(|| {
        let code = match serve(BufReader::new(std::io::stdin()), std::io::stdout()) {
            Ok(()) => 0,
            Err(error) => {
                eprintln!("flow-worker: {error}");
                74
            }
        };
        std::process::exit(code);
    });
    match thread {
        Ok(thread) => {
            confine::exit_with_parent(&thread);
            // Only a panic ends the thread: the interpreter's own, for what it cannot allocate.
            std::process::exit(101);
        }
        Err(error) => {
            eprintln!("flow-worker: cannot start: {error}");
            std::process::exit(70);
        }
    }
}

/// Answer requests until the input ends.
///
/// # Errors
/// The streams broke, or a frame is too large.
pub fn serve(mut input: impl Read, mut output: impl Write) -> std::io::Result<()> {
    let mut cache = Cache::default();
    while let Some(frame) = read_frame(&mut input)? {
        confine::cpu_for_one_request()?;
        let answer = match serde_json::from_slice(&frame) {
            Ok(request) => answer(&mut cache, request),
            Err(error) => Answer::BadRequest { message: error.to_string() },
        };
        let bytes = serde_json::to_vec(&answer).map_err(std::io::Error::other)?;
        write_frame(&mut output, &bytes)?;
    }
    Ok(())
}

/// Answer one request.
#[must_use]
pub fn answer(cache: &mut Cache, request: Request) -> Answer {
    match request {
        Request::Check { bundle } => Answer::Checked(crate::check::check(&bundle)),
        Request::Test { bundle, files, only } => Answer::Tested(run_tests(&bundle, &files, only.as_deref())),
        Request::Simulate { bundle, input, answers } => Answer::Simulated(simulate(&bundle, &input, &answers)),
        Request::Evaluate(mut request) => {
            if let Some(bundle) = request.bundle.take() {
                let digest = bundle.digest();
                if digest != request.digest {
                    return Answer::BadRequest { message: format!("the bundle's digest is {digest}, not {}", request.digest) };
                }
                cache.insert(digest, &bundle);
            }
            cache.get(&request.digest).map_or(Answer::NeedBundle, |compiled| Answer::Evaluated(evaluate(compiled, &request)))
        }
    }
}

const _: () = assert!(WORKER_STACK_BYTES > BUNDLE_BYTES);
