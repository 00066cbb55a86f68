//! `sortie host add`: where the machine is, how to log in, and what it must show.

use super::host_text;
use crate::cli::Mutation;
use crate::cli::client::Client;
use crate::cli::context::{Context, read_text};
use crate::cli::output::Done;
use crate::envelope::Problem;
use crate::error_code::ErrorCode;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "A key is never believed by itself: one of the --host-key... options, or --known-hosts, says what is expected.
Without one nothing is added; the fingerprint that the host offers is shown, with the command to run once you have compared it.

Examples:
  sortie host add builder me@vm.example --host-key-fingerprint SHA256:Zk3...
  sortie host add builder me@vm.example:2222 --known-hosts ~/.ssh/known_hosts --label gpu --slots 2
  sortie host add scratch root@10.0.0.9 --trust-on-first-use --identity ~/.ssh/id_ed25519")]
pub struct AddArgs {
    /// Name for it: lower-case letters, digits and `-`
    name: String,
    /// Address, or USER@ADDRESS[:PORT]; an IPv6 address with a port in brackets
    #[arg(value_name = "[USER@]ADDRESS[:PORT]")]
    target: String,
    /// Private key on the server's machine [default: the installation's own]
    #[arg(long, value_name = "FILE", conflicts_with = "agent")]
    identity: Option<PathBuf>,
    /// Log in with the ssh-agent at the server's SSH_AUTH_SOCK
    #[arg(long)]
    agent: bool,
    #[command(flatten)]
    expected: ExpectedArgs,
    /// State root on the host [default: the host picks one]
    #[arg(long, value_name = "DIR")]
    root: Option<String>,
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
#[group(multiple = false)]
/// What the host must prove.
pub struct ExpectedArgs {
    /// Fingerprint of the host key, as `ssh-keygen -l` shows it
    #[arg(long, value_name = "SHA256:...")]
    pub host_key_fingerprint: Option<String>,
    /// File of public key lines, one of which the host must show
    #[arg(long, value_name = "FILE")]
    pub host_key_file: Option<PathBuf>,
    /// known_hosts file that has the host
    #[arg(long, value_name = "FILE")]
    pub known_hosts: Option<PathBuf>,
    /// Believe whatever it shows now; recorded in the audit log
    #[arg(long)]
    pub trust_on_first_use: bool,
}

/// Do it.
pub async fn run(args: AddArgs, context: &Context) -> Result<Done, Problem> {
    let target = Target::parse(&args.target)?;
    let absolute =
        |path: &PathBuf| std::path::absolute(path).map_err(|error| Problem::new(ErrorCode::Usage, format!("{}: {error}", path.display())));
    let expected = match &args.expected {
        ExpectedArgs { host_key_fingerprint: Some(text), .. } => Some(json!({ "fingerprint": text })),
        ExpectedArgs { host_key_file: Some(path), .. } => Some(json!({ "keys": key_lines(&read_text(path)?) })),
        ExpectedArgs { known_hosts: Some(path), .. } => Some(json!({ "known_hosts": absolute(path)? })),
        ExpectedArgs { trust_on_first_use: true, .. } => Some(json!({ "trust_on_first_use": true })),
        _ => None,
    };
    let body = json!({
        "name": args.name,
        "address": target.address,
        "port": target.port,
        "user": target.user,
        "identity": args.identity.as_ref().map(absolute).transpose()?,
        "agent": args.agent,
        "expected": expected,
        "root": args.root,
        "labels": args.labels,
        "slots": args.slots,
    });
    let success = Client::new(context)?.post("/v1/hosts", body, &args.key).await?;
    let text = host_text(&success.data);
    Ok(Done::new(success, text))
}

/// The lines of a file of public keys.
pub fn key_lines(file: &str) -> Vec<String> {
    file.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

/// `[USER@]ADDRESS[:PORT]`.
#[derive(Debug, PartialEq, Eq)]
pub struct Target {
    pub user: String,
    pub address: String,
    pub port: u16,
}

impl Target {
    /// Read it.
    ///
    /// # Errors
    /// `usage`, also for what a program could take for an option.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let bad = || Problem::new(ErrorCode::Usage, format!("`{text}` is not of the form [USER@]ADDRESS[:PORT]"));
        let (user, place) = match text.rsplit_once('@') {
            Some((user, place)) => (user.to_owned(), place),
            None => (std::env::var("USER").map_err(|_| bad())?, text),
        };
        let (address, port) = match place.strip_prefix('[') {
            Some(rest) => {
                let (address, port) = rest.split_once(']').ok_or_else(bad)?;
                (address, port.strip_prefix(':').or(if port.is_empty() { Some("22") } else { None }).ok_or_else(bad)?)
            }
            None if place.matches(':').count() == 1 => place.split_once(':').ok_or_else(bad)?,
            None => (place, "22"),
        };
        let port = port.parse().ok().filter(|port| *port > 0).ok_or_else(bad)?;
        let plain = |text: &str| !text.is_empty() && !text.starts_with('-') && text.chars().all(|c| c.is_ascii_graphic());
        if plain(&user) && plain(address) { Ok(Self { user, address: address.to_owned(), port }) } else { Err(bad()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_and_what_could_be_an_option_is_not() {
        let target = |user: &str, address: &str, port| Target { user: user.into(), address: address.into(), port };
        assert_eq!(Target::parse("me@vm.example").unwrap(), target("me", "vm.example", 22));
        assert_eq!(Target::parse("me@vm.example:2222").unwrap(), target("me", "vm.example", 2222));
        assert_eq!(Target::parse("me@[::1]:2222").unwrap(), target("me", "::1", 2222));
        assert_eq!(Target::parse("me@fe80::1").unwrap(), target("me", "fe80::1", 22));
        for text in ["me@", "@vm", "me@vm:0", "me@vm:70000", "me@[::1", "me@-oProxyCommand=x", "-l@vm", "me@a b"] {
            assert_eq!(Target::parse(text).unwrap_err().code, ErrorCode::Usage, "{text}");
        }
    }
}
