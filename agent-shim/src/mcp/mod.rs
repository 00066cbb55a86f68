//! The job's door as an MCP server on standard input and output: what the commands can do, as tools of an agent, and the question
//! whether a tool may be used (`--permission-prompt-tool`).

mod canonical;
mod permission;
mod server;
mod tools;

use crate::door::{Client, Failure, Options, Patience, duration_ms};
use crate::limits::{MCP_CALLS, PARK_AFTER_MS};
use rmcp::ServiceExt as _;

/// Variable with how long a tool waits for people before it tells the agent to end its turn.
const PARK_AFTER: &str = "SORTIE_PARK_AFTER";

/// Serve until the input ends.
///
/// # Errors
/// This process is in no job, or was started with words that make no sense.
pub fn run(arguments: &[&str]) -> Result<u8, Failure> {
    let options = Options::parse(arguments, &["park-after"])?;
    if let Some(word) = options.words.first() {
        return Err(Failure::usage(format!("{word:?} is not known here")));
    }
    let given = std::env::var(PARK_AFTER).ok().and_then(|text| duration_ms(&text));
    let park_ms = options.duration_ms("park-after")?.or(given).unwrap_or(PARK_AFTER_MS);
    let server = server::Server { client: Client::from_env(Patience::default())?, park_ms };
    let failed = |error: &dyn std::fmt::Display| Failure::failed(format!("the MCP server cannot be started: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().max_blocking_threads(MCP_CALLS).build();
    let runtime = runtime.map_err(|error| failed(&error))?;
    let served = runtime.block_on(async {
        let service = server.serve((tokio::io::stdin(), tokio::io::stdout())).await.map_err(|error| error.to_string())?;
        service.waiting().await.map_err(|error| error.to_string())
    });
    // Tools that wait for people are not waited for: their questions are on disk.
    runtime.shutdown_background();
    served.map(|_| 0).map_err(|error| failed(&error))
}
