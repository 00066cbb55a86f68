//! `sortie worker`: serve jobs on a machine that nobody can reach. And the commands that let one in.

use super::Mutation;
use super::client::{Ask, Client, segment};
use super::context::Context;
use super::log;
use super::operator::ToFile;
use super::output::Done;
use super::serve::{LogFormat, stop_signal};
use crate::envelope::{Problem, Success};
use crate::error_code::ErrorCode;
use crate::http::api::token;
use crate::shim::Shims;
use crate::ssh::script::Root;
use crate::worker::client::{End, Settings, Worker};
use crate::worker::protocol::Welcome;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

#[derive(Args)]
#[command(
    after_help = "The worker comes to the server over HTTPS, fetches what is asked of its machine, and has it done by the same shim that any
host has. It needs no inbound connection. Its jobs end when the server was not heard of for 15 minutes, or when another
process with the same token takes over; stopping this process alone ends nothing, the next one goes on.

Examples:
  sortie worker --server https://sortie.example --token-file worker.token
  sortie worker --server https://sortie.example --token-file worker.token --labels gpu,linux --root /var/lib/sortie"
)]
pub struct WorkerArgs {
    /// Public URL of the server
    #[arg(long, value_name = "URL")]
    server: url::Url,
    /// File with the worker's token, mode 0600; made by `sortie host add-worker`
    #[arg(long, value_name = "FILE")]
    token_file: PathBuf,
    /// Labels to serve, of those that the worker may [default: all of them]
    #[arg(long, value_name = "LABELS", value_delimiter = ',')]
    labels: Option<Vec<String>>,
    /// State root [default: sortie-worker below $XDG_STATE_HOME or ~/.local/state]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// CA certificates (PEM) to trust instead of the system's
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Speak plain HTTP to the server; only on networks you trust whole
    #[arg(long)]
    plain_http: bool,
    /// Form of the log
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
}

/// Serve until a signal, or until another process takes over.
pub fn run(args: &WorkerArgs, context: &Context) -> Result<Done, Problem> {
    let settings = settings(args)?;
    let _log = log::start(args.log_format);
    super::crypto();
    // Whoever speaks for a state root holds this file; it is let go with the process.
    let _only = only_one(&settings.root)?;
    let worker = Worker::new(settings, &Shims::embedded())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Problem::new(ErrorCode::Failed, format!("no runtime: {error}")))?;
    let end = runtime.block_on(async {
        let stop = stop_signal()?;
        worker.run(stop, |welcome| ready(welcome, context)).await
    })?;
    match end {
        End::Stopped => Ok(Done::silent()),
        End::Superseded => {
            let problem = Problem::new(ErrorCode::Conflict, "another process speaks for this worker; the jobs of this one are being ended");
            Err(problem.hint("give each machine a worker of its own: `sortie host add-worker`"))
        }
    }
}

fn ready(welcome: &Welcome, context: &Context) {
    tracing::info!(worker = welcome.name, fence = welcome.fence, labels = ?welcome.labels, "ready");
    if context.out.is_json() {
        context.out.json(&Success::new(json!({ "worker": welcome.name, "labels": welcome.labels, "lease_ms": welcome.lease_ms })).json());
    } else {
        context.out.text(&format!("worker {} serves; stop with Ctrl-C, its jobs go on", welcome.name));
    }
}

fn settings(args: &WorkerArgs) -> Result<Settings, Problem> {
    let usage = |message: String| Problem::new(ErrorCode::Usage, message);
    match args.server.scheme() {
        "https" => {}
        "http" if args.plain_http => {}
        "http" => {
            return Err(
                usage("--server: plain HTTP shows the worker's token to the network".to_owned()).hint("use https, or say --plain-http")
            );
        }
        other => return Err(usage(format!("--server: `{other}` is no scheme for a server"))),
    }
    let ca = args.ca.as_ref().map(|path| std::fs::read(path).map_err(|error| usage(format!("{}: {error}", path.display())))).transpose()?;
    let root = match &args.root {
        Some(path) => std::path::absolute(path).map_err(|error| usage(format!("{}: {error}", path.display())))?,
        None => default_root().ok_or_else(|| usage("--root: without HOME there is no default".to_owned()))?,
    };
    let root = Root::parse(&root.to_string_lossy()).map_err(|error| usage(format!("--root: {error}")))?;
    Ok(Settings { server: args.server.clone(), token: token::read(&args.token_file)?, ca, root, labels: args.labels.clone() })
}

fn default_root() -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let state = state.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state")))?;
    Some(state.join("sortie-worker"))
}

/// Two processes of one state root would take turns ending each other's jobs.
fn only_one(root: &Root) -> Result<std::fs::File, Problem> {
    let path = PathBuf::from(root.as_str());
    let failed = |error: std::io::Error| Problem::new(ErrorCode::Failed, format!("{}: {error}", path.display()));
    std::fs::create_dir_all(&path).map_err(failed)?;
    let lock = std::fs::File::create(path.join("worker.lock")).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(std::fs::TryLockError::WouldBlock) => {
            let problem = Problem::new(ErrorCode::Conflict, format!("a worker serves {} already", path.display()));
            Err(problem.hint("stop it first, or give this one another --root"))
        }
        Err(std::fs::TryLockError::Error(error)) => Err(failed(error)),
    }
}

#[derive(Args)]
#[command(after_help = "The token is the worker's only credential; it fetches work for this one machine and decides nothing.

Example:
  sortie host add-worker laptop --label linux --slots 2 --to worker.token")]
pub struct AddWorkerArgs {
    /// Name for it: lower-case letters, digits and `-`
    name: String,
    /// Label that it may serve; may be repeated. Without one, the worker chooses its labels
    #[arg(long = "label", value_name = "LABEL")]
    labels: Vec<String>,
    /// Jobs that may run there at once [default: no limit]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    slots: Option<u32>,
    #[command(flatten)]
    to: ToFile,
}

#[derive(Args)]
#[command(after_help = "Jobs run beside the server, as its user, without SSH.

Example:
  sortie host add-local here --slots 4")]
pub struct AddLocalArgs {
    /// Name for it: lower-case letters, digits and `-`
    name: String,
    /// State root [default: local in the installation's folder]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Label that flows can select by; may be repeated
    #[arg(long = "label", value_name = "LABEL")]
    labels: Vec<String>,
    /// Jobs that may run there at once [default: no limit]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    slots: Option<u32>,
    #[command(flatten)]
    key: Mutation,
}

#[derive(Args)]
#[command(after_help = "Example:\n  sortie host token laptop --to worker.token")]
pub struct TokenArgs {
    /// Name of the worker
    name: String,
    #[command(flatten)]
    to: ToFile,
}

/// Let a worker in; its token is shown once.
pub async fn add_worker(args: AddWorkerArgs, client: &Client) -> Result<Done, Problem> {
    let file = args.to.open()?;
    let body = json!({ "name": args.name, "labels": args.labels, "slots": args.slots });
    // Without a key: an answer with a token in it is never kept, so it cannot be given twice.
    let success = client.ask(Ask { method: "POST", path: "/v1/workers".to_owned(), body: Some(body), ..Ask::default() }).await;
    args.to.handed(file, success)
}

/// A new token for a worker; the old one is refused at once.
pub async fn token(args: TokenArgs, client: &Client) -> Result<Done, Problem> {
    let file = args.to.open()?;
    let path = format!("/v1/workers/{}/token", segment(&args.name));
    let success = client.ask(Ask { method: "POST", path, body: Some(json!({})), ..Ask::default() }).await;
    args.to.handed(file, success)
}

/// Add this machine.
pub async fn add_local(args: AddLocalArgs, client: &Client) -> Result<Done, Problem> {
    let root = args.root.as_ref().map(std::path::absolute).transpose();
    let root = root.map_err(|error| Problem::new(ErrorCode::Usage, format!("--root: {error}")))?;
    let body = json!({ "name": args.name, "root": root, "labels": args.labels, "slots": args.slots });
    let success = client.post("/v1/hosts/local", body, &args.key).await?;
    let text = super::table::fields(&success.data, &[("name", "name"), ("state root", "state_root"), ("containment", "containment")]);
    Ok(Done::new(success, text))
}
