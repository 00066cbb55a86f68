//! `sortie serve`: the server in the foreground.

use super::context::Context;
use super::log;
use super::output::Done;
use crate::app::App;
use crate::envelope::{Problem, Success};
use crate::error_code::ErrorCode;
use crate::serve::Listeners;
use clap::{Args, ValueEnum};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

#[derive(Args)]
#[command(after_help = "The log goes to standard error: SORTIE_LOG sets what (info; or debug, or sortie=debug,russh=warn).
SIGTERM and SIGINT stop it gracefully; a second one at once.

Examples:
  sortie serve
  SORTIE_LOG=debug sortie serve --log-format json 2> sortie.log")]
pub struct ServeArgs {
    /// Form of the log
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
}

/// Form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// A line of text for each event
    Text,
    /// A JSON object for each event
    Json,
}

/// Serve until a signal.
pub fn run(args: &ServeArgs, context: &Context) -> Result<Done, Problem> {
    let _log = log::start(args.log_format);
    super::crypto();
    more_descriptors();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Problem::new(ErrorCode::Failed, format!("no runtime: {error}")))?;
    runtime.block_on(serve(context))?;
    Ok(Done::silent())
}

/// As many open files as the system lets us have: connections are bounded by them (F008).
fn more_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

async fn serve(context: &Context) -> Result<(), Problem> {
    let failed = |error: String| Problem::new(ErrorCode::Failed, error);
    let app = App::open(context.home.clone()).await.map_err(|error| failed(error.to_string()))?;
    let listeners = Listeners::bind(app.config.listen, app.config.operator_listen).await;
    let listeners = listeners.map_err(|error| Problem::new(ErrorCode::Unavailable, error.to_string()))?;
    let bound = listeners.bound().map_err(|error| failed(error.to_string()))?;
    let stop = stop_signal()?;
    tracing::info!(callbacks = %bound.callbacks, operator = %bound.operator, installation = app.installation.id, "ready");
    if context.out.is_json() {
        let ready = json!({ "callbacks": bound.callbacks, "operator": bound.operator, "public_url": app.config.audience(), "installation": app.installation.id });
        context.out.json(&Success::new(ready).json());
    } else {
        context.out.text(&format!("callbacks at {}, operators at {}; stop with Ctrl-C", bound.callbacks, bound.operator));
    }
    crate::serve::serve(app, listeners, stop).await.map_err(|error| failed(error.to_string()))
}

/// Set at the first SIGTERM or SIGINT; the second ends the process as usual.
pub(super) fn stop_signal() -> Result<watch::Receiver<bool>, Problem> {
    let failed = |error: std::io::Error| Problem::new(ErrorCode::Failed, format!("no signal handler: {error}"));
    let (stop, stopped) = watch::channel(false);
    let (mut term, mut interrupt) = (signal(SignalKind::terminate()).map_err(failed)?, signal(SignalKind::interrupt()).map_err(failed)?);
    tokio::spawn(async move {
        let _ = tokio::select! { got = term.recv() => got, got = interrupt.recv() => got };
        tracing::info!("stopping; once more to stop at once");
        // An error means that the server is gone already.
        let _ = stop.send(true);
        let _ = tokio::select! { got = term.recv() => got, got = interrupt.recv() => got };
        std::process::exit(130);
    });
    Ok(stopped)
}
