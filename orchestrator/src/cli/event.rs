//! `sortie event`: tell runs that something has happened outside.

use super::Mutation;
use super::client::{Client, query};
use super::context::{Context, read_text};
use super::output::Done;
use super::table;
use crate::envelope::Problem;
use crate::error_code::ErrorCode;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::path::Path;

#[derive(Subcommand)]
pub enum EventCommand {
    /// Publish an event; runs that wait for its name and key go on, and it is kept for a day for those that come to wait
    Publish(PublishArgs),
    /// Events that are kept
    List(ListArgs),
}

#[derive(Args)]
#[command(after_help = "Examples:
  sortie event publish deployed --key app-7 --payload '{\"version\": \"1.2\"}'
  make-report | sortie event publish report --key 2026-01 --id report-2026-01 --payload -")]
pub struct PublishArgs {
    /// What kind of event
    name: String,
    /// Which one of them
    #[arg(long, value_name = "KEY")]
    key: String,
    /// Tells one event from another; the same id again is the same event [default: a new one]
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// What it says: JSON, @FILE, or - for standard input
    #[arg(long, value_name = "JSON|@FILE|-", default_value = "null")]
    payload: String,
    #[command(flatten)]
    mutation: Mutation,
}

#[derive(Args)]
#[command(after_help = "Example:\n  sortie event list --name deployed")]
pub struct ListArgs {
    /// Of this name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

/// Do it.
pub async fn run(command: EventCommand, context: &Context) -> Result<Done, Problem> {
    let client = Client::new(context)?;
    match command {
        EventCommand::Publish(args) => {
            let body = json!({ "name": args.name, "key": args.key, "id": args.id, "payload": payload(&args.payload)? });
            let success = client.post("/v1/events", body, &args.mutation).await?;
            let word = if success.data["duplicate"] == json!(true) { "was there" } else { "published" };
            let text = format!("{} {word}; {} waiting\n", table::cell(&success.data, "id"), table::cell(&success.data, "waiting"));
            Ok(Done::new(success, text))
        }
        EventCommand::List(args) => {
            let success = client.get(format!("/v1/events{}", query(&[("name", args.name)]))).await?;
            let columns = [("ID", "id"), ("NAME", "name"), ("KEY", "key"), ("AT", "at"), ("BY", "actor"), ("KEPT UNTIL", "expires_at")];
            let text = table::of(&success.data["events"], &columns);
            Ok(Done::new(success, text))
        }
    }
}

fn payload(text: &str) -> Result<Value, Problem> {
    let text = match text {
        "-" => read_text(Path::new("-"))?,
        text => match text.strip_prefix('@') {
            Some(path) => read_text(Path::new(path))?,
            None => text.to_owned(),
        },
    };
    serde_json::from_str(&text).map_err(|error| Problem::new(ErrorCode::Usage, format!("--payload is no JSON: {error}")))
}
