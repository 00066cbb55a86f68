//! `sortie init`: an installation in a folder of its own.

use super::context::Context;
use super::output::Done;
use super::table;
use crate::config::{Config, Tls};
use crate::envelope::{Next, Problem, Success};
use crate::error_code::ErrorCode;
use crate::setup::{self, SetupError};
use clap::Args;
use serde_json::json;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

#[derive(Args)]
#[command(after_help = "Examples:
  sortie init
  sortie init --listen 0.0.0.0:7433 --public-url https://sortie.example.com --tls-cert fullchain.pem --tls-key key.pem
  sortie init --listen 10.0.0.5:7433 --public-url http://10.0.0.5:7433 --plain-http     # a network you trust whole")]
pub struct InitArgs {
    /// Where callbacks are taken [default: 127.0.0.1:7433]
    #[arg(long, value_name = "IP:PORT")]
    listen: Option<SocketAddr>,
    /// Where operators are listened to; loopback unless you mean it [default: 127.0.0.1:7434]
    #[arg(long, value_name = "IP:PORT")]
    operator_listen: Option<SocketAddr>,
    /// Base URL under which the VMs reach --listen; signed into every token
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Let callbacks go over plain HTTP
    #[arg(long)]
    plain_http: bool,
    /// Certificate chain (PEM) of the callback server
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Its private key (PEM, mode 0600)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// CA certificates (PEM) that VMs are to trust for --public-url, instead of their system's
    #[arg(long, value_name = "FILE")]
    callback_ca: Option<PathBuf>,
}

/// Make an installation. One that is there is not touched.
pub async fn run(args: InitArgs, context: &Context) -> Result<Done, Problem> {
    let home = &context.home;
    let config = config(args)?;
    if home.config().exists() {
        let problem =
            Problem::new(ErrorCode::Conflict, format!("{} is an installation already; nothing was changed", home.path().display()));
        return Err(problem
            .hint("edit its config.toml, or choose another folder with --home or SORTIE_HOME")
            .next(Next::look(&["doctor"])));
    }
    make_folder(home.path())?;
    let made = setup::create(home, &config).await.map_err(not_made)?;
    let line = made.identity.public_line();
    let data = json!({
        "home": home.path(),
        "installation": made.installation,
        "listen": config.listen,
        "operator_listen": config.operator_listen,
        "public_url": config.audience(),
        "plain_http": config.plain_http,
        "ssh_public_key": line,
    });
    let fields = table::fields(
        &data,
        &[
            ("home", "home"),
            ("installation", "installation"),
            ("callbacks at", "listen"),
            ("operators at", "operator_listen"),
            ("public URL", "public_url"),
        ],
    );
    let text = format!("{fields}\nPut this line into ~/.ssh/authorized_keys on each host:\n{line}\n");
    let success = Success::new(data).next(Next::act(&["serve"])).next(Next::act(&["host", "add", "NAME", "USER@ADDRESS"]));
    Ok(Done::new(success, text))
}

fn config(args: InitArgs) -> Result<Config, Problem> {
    let usage = |message: String| Problem::new(ErrorCode::Usage, message);
    let fresh = Config::fresh();
    let absolute = |path: PathBuf| std::path::absolute(&path).map_err(|error| usage(format!("{}: {error}", path.display())));
    let tls = match (args.tls_cert, args.tls_key) {
        (Some(certificate), Some(key)) => Some(Tls { certificate: absolute(certificate)?, key: absolute(key)? }),
        _ => None,
    };
    let listen = args.listen.unwrap_or(fresh.listen);
    let scheme = if tls.is_some() { "https" } else { "http" };
    let given = args.public_url.is_some();
    if !given && listen.ip().is_unspecified() {
        return Err(usage("--public-url is needed: VMs cannot post to an address that means all addresses".to_owned()));
    }
    let public_url = args.public_url.unwrap_or_else(|| format!("{scheme}://{listen}"));
    // On loopback nothing leaves the machine; elsewhere plain HTTP has to be said.
    let plain_http = args.plain_http || (!given && tls.is_none() && listen.ip().is_loopback());
    let config = Config {
        listen,
        operator_listen: args.operator_listen.unwrap_or(fresh.operator_listen),
        public_url,
        plain_http,
        tls,
        callback_ca: args.callback_ca.map(absolute).transpose()?,
        outbound: fresh.outbound,
        notify: fresh.notify,
        shim: Vec::new(),
        revoked_host_keys: None,
    };
    config.check().map_err(usage)?;
    Ok(config)
}

fn make_folder(path: &Path) -> Result<(), Problem> {
    let occupied = std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some());
    if occupied {
        let problem =
            Problem::new(ErrorCode::Conflict, format!("{} is not empty and no installation; nothing was changed", path.display()));
        return Err(problem.hint("choose another folder with --home or SORTIE_HOME"));
    }
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| failed(path, error))?;
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).map_err(|error| failed(path, error))
}

fn not_made(error: SetupError) -> Problem {
    let code = match &error {
        SetupError::Exists(_) => ErrorCode::Conflict,
        SetupError::Config(_) => ErrorCode::Usage,
        _ => ErrorCode::Failed,
    };
    Problem::new(code, error.to_string())
}

fn failed(path: &Path, error: impl std::fmt::Display) -> Problem {
    let (shown, error) = (path.display().to_string(), error.to_string());
    Problem::new(ErrorCode::Failed, if error.contains(&shown) { error } else { format!("{shown}: {error}") })
}
