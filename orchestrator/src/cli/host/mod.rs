//! `sortie host`: machines that jobs run on.

pub mod add;
mod change;
mod expected;
mod reach;
mod show;
mod target;

pub use add::AddArgs;
use change::{DrainArgs, KeysCommand, SetArgs};
pub use expected::{ExpectedArgs, authorities, key_lines};
use show::{host_text, test_text};
pub use target::Target;

use super::Mutation;
use super::client::{Ask, Client, segment};
use super::context::Context;
use super::output::Done;
use super::table;
use super::worker;
use crate::envelope::Problem;
use crate::error_code::ErrorCode;
use clap::{Args, Subcommand};
use serde_json::json;

#[derive(Subcommand)]
#[expect(clippy::large_enum_variant, reason = "parsed once a process")]
pub enum HostCommand {
    /// Add a machine by its host key; puts the shim there and pins its state root
    Add(AddArgs),
    /// Add a machine that nobody can reach: it comes and asks for work (`sortie worker`). Its token is shown once
    AddWorker(worker::AddWorkerArgs),
    /// Add the server's own machine: jobs run beside it, without SSH
    AddLocal(worker::AddLocalArgs),
    /// Make a new token for a worker, which is shown once; the old one is refused at once
    Token(worker::TokenArgs),
    /// All hosts
    #[command(after_help = "Example:\n  sortie host list")]
    List,
    /// One host
    #[command(after_help = "Example:\n  sortie host show builder")]
    Show(NameArgs),
    /// Change labels, slots, the way of results, user and disk floor of a host
    Set(SetArgs),
    /// Give a host no new jobs; what runs there goes on
    Drain(DrainArgs),
    /// Give a host new jobs again
    #[command(after_help = "Example:\n  sortie host ready builder")]
    Ready(ChangeArgs),
    /// Host keys: what is pinned, what is offered, and taking another one
    #[command(subcommand)]
    Keys(KeysCommand),
    /// End jobs without a live run on a host, and remove what was acknowledged long ago; done on a schedule, too
    #[command(
        after_help = "Nothing is removed that was not acknowledged. Attempts of other installations are left alone.\n\nExample:\n  sortie host gc builder"
    )]
    Gc(ChangeArgs),
    /// Reach a host anew: how long each phase took, whether callbacks arrive, and what is not right there with its fix
    #[command(after_help = "Exit code 1 where something keeps jobs from running there.\n\nExample:\n  sortie host test builder")]
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

const COLUMNS: [(&str, &str); 10] = [
    ("NAME", "name"),
    ("STATE", "state"),
    ("ADDRESS", "address"),
    ("PORT", "port"),
    ("USER", "user"),
    ("LABELS", "labels"),
    ("SLOTS", "slots"),
    ("OPEN", "open_attempts"),
    ("CALLBACKS", "callbacks"),
    ("ADDED", "added_at"),
];

/// Do it.
pub async fn run(command: HostCommand, context: &Context) -> Result<Done, Problem> {
    match command {
        HostCommand::Add(args) => add::run(args, context).await,
        HostCommand::AddWorker(args) => worker::add_worker(args, &Client::new(context)?).await,
        HostCommand::AddLocal(args) => worker::add_local(args, &Client::new(context)?).await,
        HostCommand::Token(args) => worker::token(args, &Client::new(context)?).await,
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
            if success.data["blocked"] == true {
                return Err(
                    Problem::new(ErrorCode::Blocked, format!("no job can run on `{}` as it is:\n{text}", args.name)).details(success.data)
                );
            }
            Ok(Done::new(success, text))
        }
        HostCommand::Set(args) => change::set(args, context).await,
        HostCommand::Drain(args) => change::drain(args, context).await,
        HostCommand::Ready(args) => change::ready(&args.name, &args.key, context).await,
        HostCommand::Gc(args) => change::gc(&args.name, &args.key, context).await,
        HostCommand::Keys(command) => change::keys(command, context).await,
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
