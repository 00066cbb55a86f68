//! `sortie host add`: where the machine is, how to log in, and what it must show.

use super::expected::ExpectedArgs;
use super::host_text;
use super::reach::{self, Machine};
use super::target::Target;
use crate::cli::Mutation;
use crate::cli::client::Client;
use crate::cli::context::Context;
use crate::cli::output::Done;
use crate::envelope::Problem;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

#[derive(Args)]
#[command(
    after_help = "A key is never believed by itself: one of the --host-key... options, --host-ca or --known-hosts says what is expected.
Without one nothing is added; the fingerprint that the host offers is shown, with the command to run once you have compared it.

A bare name is looked for in your ssh_config (`ssh -G NAME`, which runs the commands of `Match exec` lines; without OpenSSH by a
parser that refuses what it does not understand). What it means is pinned: later changes of that file change nothing here. Its
known_hosts files say what is expected where no option does.

Examples:
  sortie host add builder me@vm.example --host-key-fingerprint SHA256:Zk3...
  sortie host add builder me@vm.example:2222 --known-hosts ~/.ssh/known_hosts --label gpu --slots 2
  sortie host add builder me@10.1.0.9 --jump me@gate.example --known-hosts ~/.ssh/known_hosts
  sortie host add builder me@vm.example --host-ca ~/host_ca.pub --identity ~/.ssh/id --certificate ~/.ssh/id-cert.pub
  sortie host add builder my-alias
  sortie host add builder ubuntu@vm.example --sudo --known-hosts ~/.ssh/known_hosts
  sortie host add scratch root@10.0.0.9 --trust-on-first-use --identity ~/.ssh/id_ed25519"
)]
pub struct AddArgs {
    /// Name for it: lower-case letters, digits and `-`
    name: String,
    /// Alias of your ssh_config, or USER@ADDRESS[:PORT]; an IPv6 address with a port in brackets
    #[arg(value_name = "ALIAS|[USER@]ADDRESS[:PORT]")]
    target: String,
    /// Read the target as an alias of this ssh_config
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    login: LoginArgs,
    #[command(flatten)]
    expected: ExpectedArgs,
    /// Machines on the way, nearest first [default: ProxyJump of the alias]
    #[arg(long, value_name = "[USER@]ADDRESS[:PORT],...", value_delimiter = ',')]
    jump: Vec<String>,
    /// Fingerprint of the host key of a machine on the way; repeated, one for each in their order
    #[arg(long, value_name = "SHA256:...")]
    jump_host_key_fingerprint: Vec<String>,
    /// Private key for the machines on the way [default: as for the host]
    #[arg(long, value_name = "FILE")]
    jump_identity: Option<PathBuf>,
    /// State root on the host [default: the host picks one]
    #[arg(long, value_name = "DIR")]
    root: Option<String>,
    /// Path of a sortie-shim that is installed on the host: used where its digest is one of this program's; none is sent
    #[arg(long, value_name = "PATH")]
    shim: Option<String>,
    /// Become root there by sudo, which must ask for no password: jobs get users of their own
    #[arg(long)]
    sudo: bool,
    /// Label that flows can select by; may be repeated
    #[arg(long = "label", value_name = "LABEL")]
    labels: Vec<String>,
    /// Jobs that may run there at once [default: no limit]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    slots: Option<u32>,
    #[command(flatten)]
    key: Mutation,
}

#[derive(Args, Clone, Default)]
/// How to log in.
pub struct LoginArgs {
    /// Private key on the server's machine [default: the installation's own]
    #[arg(long, value_name = "FILE", conflicts_with_all = ["agent", "agent_key"])]
    pub identity: Option<PathBuf>,
    /// OpenSSH user certificate of that key, or of a key in the ssh-agent
    #[arg(long, value_name = "FILE")]
    pub certificate: Option<PathBuf>,
    /// Log in with the ssh-agent at the server's SSH_AUTH_SOCK
    #[arg(long)]
    pub agent: bool,
    /// Which of the agent's keys, where it holds several
    #[arg(long, value_name = "SHA256:...")]
    pub agent_key: Option<String>,
}

impl LoginArgs {
    /// Whether anything was said.
    #[must_use]
    pub fn is_given(&self) -> bool {
        self.identity.is_some() || self.certificate.is_some() || self.agent || self.agent_key.is_some()
    }
}

/// Do it.
pub async fn run(args: AddArgs, context: &Context) -> Result<Done, Problem> {
    let asked = reach::Asked {
        target: &args.target,
        config: args.config.clone(),
        login: &args.login,
        expected: &args.expected,
        jump: &args.jump,
        jump_fingerprints: &args.jump_host_key_fingerprint,
        jump_identity: args.jump_identity.as_ref(),
    };
    let reach::Way { alias, host, jumps } = reach::resolve(asked).await?;
    let Machine { target: Target { user, address, port }, login, expected, key_name } = host;
    let jumps: Vec<_> = jumps.into_iter().map(|jump| jump.into_json()).collect();
    let mut body = json!({
        "name": args.name,
        "address": address,
        "port": port,
        "user": user,
        "expected": expected,
        "key_name": key_name,
        "alias": alias,
        "jumps": jumps,
        "root": args.root,
        "shim": args.shim,
        "sudo": args.sudo,
        "labels": args.labels,
        "slots": args.slots,
    });
    if let (Some(body), Some(login)) = (body.as_object_mut(), login.as_object()) {
        body.extend(login.clone());
    }
    let success = Client::new(context)?.post("/v1/hosts", body, &args.key).await?;
    let text = host_text(&success.data);
    Ok(Done::new(success, text))
}
