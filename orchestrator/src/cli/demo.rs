//! `sortie demo`: the main path on real parts, in a temporary folder.

use super::context::read_text;
use super::host::{ExpectedArgs, Target, authorities, key_lines};
use super::output::Done;
use crate::demo::{self, Machine};
use crate::envelope::{Next, Problem};
use crate::error_code::ErrorCode;
use crate::ssh::enroll::Expected;
use clap::Args;
use sortie_core::host::Login;
use std::net::SocketAddr;
use std::path::PathBuf;

#[derive(Args)]
#[command(
    after_help = "Nothing is installed and nothing is left behind: an SSH host inside the program, a server on free ports, a temporary folder.
With --host the jobs run on a real machine, where the shim and its state folder stay; it must reach --listen, or --public-url.

Examples:
  sortie demo
  sortie demo --host me@vm.example --known-hosts ~/.ssh/known_hosts --listen 10.0.0.5:7433 --identity ~/.ssh/id_ed25519"
)]
pub struct DemoArgs {
    /// Run the jobs on this machine
    #[arg(long, value_name = "[USER@]ADDRESS[:PORT]", requires = "listen")]
    host: Option<String>,
    #[command(flatten)]
    expected: ExpectedArgs,
    /// Where callbacks of that machine are taken
    #[arg(long, value_name = "IP:PORT", requires = "host")]
    listen: Option<SocketAddr>,
    /// The URL under which that machine reaches --listen
    #[arg(long, value_name = "URL", requires = "host")]
    public_url: Option<String>,
    /// Private key to log in with [default: the ssh-agent]
    #[arg(long, value_name = "FILE", requires = "host")]
    identity: Option<PathBuf>,
}

/// Show it. What happens is printed as it happens, as text in every mode.
pub fn run(args: DemoArgs) -> Result<Done, Problem> {
    let target = match (&args.host, args.listen) {
        (Some(host), Some(listen)) => demo::Target::Machine(machine(&args, host, listen)?),
        _ => demo::Target::Embedded,
    };
    super::crypto();
    let failed = |error: String| Problem::new(ErrorCode::Failed, error);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| failed(error.to_string()))?;
    match runtime.block_on(demo::run(target)) {
        Ok(true) => Ok(Done::silent()),
        Ok(false) => {
            Err(Problem::new(ErrorCode::RunFailed, "the demo's run did not succeed; its history is above").next(Next::look(&["demo"])))
        }
        Err(error) => Err(failed(format!("{error:#}"))),
    }
}

fn machine(args: &DemoArgs, host: &str, listen: SocketAddr) -> Result<Machine, Problem> {
    let target = Target::parse(host)?;
    let absolute =
        |path: &PathBuf| std::path::absolute(path).map_err(|error| Problem::new(ErrorCode::Usage, format!("{}: {error}", path.display())));
    let expected = match &args.expected {
        ExpectedArgs { host_key_fingerprint: Some(text), .. } => Some(Expected::Fingerprint(text.clone())),
        ExpectedArgs { host_key_file: Some(path), .. } => Some(Expected::Keys(key_lines(&read_text(path)?))),
        ExpectedArgs { host_ca: Some(given), .. } => Some(Expected::Authorities(authorities(given, &target.address, target.port)?)),
        ExpectedArgs { known_hosts: Some(path), .. } => Some(Expected::KnownHosts(vec![absolute(path)?])),
        ExpectedArgs { trust_on_first_use: true, .. } => Some(Expected::TrustOnFirstUse),
        _ => None,
    };
    let login = match &args.identity {
        Some(path) => Login::Key(absolute(path)?.display().to_string()),
        None => Login::Agent,
    };
    let Target { user, address, port } = target;
    Ok(Machine { user, address, port, login, expected, listen, public_url: args.public_url.clone() })
}
