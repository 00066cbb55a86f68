//! `sortie host`: machines that jobs run on.

pub mod add;

pub use add::{AddArgs, ExpectedArgs, Target, key_lines};

use super::Mutation;
use super::client::{Ask, Client, segment};
use super::context::Context;
use super::output::Done;
use super::table;
use crate::envelope::Problem;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

#[derive(Subcommand)]
pub enum HostCommand {
    /// Add a machine by its host key; puts the shim there and pins its state root
    Add(AddArgs),
    /// All hosts
    #[command(after_help = "Example:\n  sortie host list")]
    List,
    /// One host
    #[command(after_help = "Example:\n  sortie host show builder")]
    Show(NameArgs),
    /// Reach a host anew and say how long each phase took and what is not right there
    #[command(after_help = "Example:\n  sortie host test builder")]
    Test(ChangeArgs),
    /// Forget a host; refused while attempts on it are open
    #[command(after_help = "Example:\n  sortie host remove builder\n\nThe state root stays on the machine; the answer names it.")]
    Remove(ChangeArgs),
}

#[derive(Args)]
pub struct NameArgs {
    /// Name of the host
    name: String,
}

#[derive(Args)]
pub struct ChangeArgs {
    /// Name of the host
    name: String,
    #[command(flatten)]
    key: Mutation,
}

const COLUMNS: [(&str, &str); 8] = [
    ("NAME", "name"),
    ("ADDRESS", "address"),
    ("PORT", "port"),
    ("USER", "user"),
    ("LABELS", "labels"),
    ("SLOTS", "slots"),
    ("OPEN", "open_attempts"),
    ("ADDED", "added_at"),
];

/// Do it.
pub async fn run(command: HostCommand, context: &Context) -> Result<Done, Problem> {
    match command {
        HostCommand::Add(args) => add::run(args, context).await,
        HostCommand::List => {
            let success = Client::new(context)?.get("/v1/hosts").await?;
            let text = table::of(&success.data["hosts"], &COLUMNS);
            Ok(Done::new(success, text))
        }
        HostCommand::Show(args) => {
            let success = Client::new(context)?.get(format!("/v1/hosts/{}", segment(&args.name))).await?;
            let text = host_text(&success.data);
            Ok(Done::new(success, text))
        }
        HostCommand::Test(args) => {
            let success = Client::new(context)?.post(format!("/v1/hosts/{}/test", segment(&args.name)), json!({}), &args.key).await?;
            let text = test_text(&success.data);
            Ok(Done::new(success, text))
        }
        HostCommand::Remove(args) => {
            let ask = Ask {
                method: "DELETE",
                path: format!("/v1/hosts/{}", segment(&args.name)),
                key: Some(args.key.idempotency_key),
                ..Ask::default()
            };
            let success = Client::new(context)?.ask(ask).await?;
            let text = format!("removed {}; {} stays on the machine\n", args.name, table::cell(&success.data, "state_root"));
            Ok(Done::new(success, text))
        }
    }
}

fn host_text(host: &Value) -> String {
    let mut text = table::fields(
        host,
        &[
            ("name", "name"),
            ("address", "address"),
            ("port", "port"),
            ("user", "user"),
            ("login", "login.key|login"),
            ("state root", "state_root"),
            ("labels", "labels"),
            ("slots", "slots"),
            ("callbacks", "callbacks"),
            ("added", "added_at"),
            ("open attempts", "open_attempts"),
            ("machine", "facts.uname"),
            ("shim", "facts.shim_version"),
        ],
    );
    for key in host["host_keys"].as_array().map(Vec::as_slice).unwrap_or_default() {
        text += &format!("host key  {}\n", table::cell(key, "fingerprint"));
    }
    text
}

fn test_text(report: &Value) -> String {
    let mut text = table::fields(
        report,
        &[
            ("connect ms", "phases.connect_ms"),
            ("key exchange ms", "phases.key_exchange_ms"),
            ("login ms", "phases.login_ms"),
            ("session ms", "phases.session_ms"),
            ("answer ms", "phases.answer_ms"),
            ("shim uploaded", "shim_uploaded"),
            ("clock skew ms", "clock_skew_ms"),
            ("machine", "facts.uname"),
            ("host name", "facts.hostname"),
            ("jobs held by", "facts.containment"),
            ("free bytes", "facts.free_bytes"),
        ],
    );
    for finding in report["findings"].as_array().map(Vec::as_slice).unwrap_or_default() {
        text +=
            &format!("{}: {}\n  fix: {}\n", table::cell(finding, "level"), table::cell(finding, "message"), table::cell(finding, "fix"));
    }
    text
}
