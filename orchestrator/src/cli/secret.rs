//! `sortie secret`: values go in by standard input, and never come out again.

use super::Mutation;
use super::client::{Ask, Client, segment};
use super::context::Context;
use super::output::Done;
use super::table;
use crate::envelope::Problem;
use crate::error_code::ErrorCode;
use crate::vault::limits::SECRET_BYTES;
use base64::Engine;
use clap::{Args, Subcommand};
use serde_json::json;
use sortie_keys::Secret;
use std::io::{IsTerminal, Read};

#[derive(Subcommand)]
pub enum SecretCommand {
    /// Set a secret to what comes on standard input
    Set(SetArgs),
    /// All secrets: versions, when, by whom, who uses them. No values
    #[command(after_help = "Example:\n  sortie secret list")]
    List,
    /// Remove a secret; refused while something names it
    #[command(after_help = "Example:\n  sortie secret remove old-key")]
    Remove(RemoveArgs),
}

#[derive(Args)]
#[command(after_help = "The value never stands in a command: it comes on standard input. One line end at its end is left out.
The same value again changes nothing; another one is the next version, which calls that begin from now on are given.

Examples:
  printf %s \"$TOKEN\" | sortie secret set deploy-token
  sortie secret set ssh-key < ~/.ssh/deploy")]
pub struct SetArgs {
    /// Name, which flows and connections know it by
    name: String,
    /// Keep the line end at the end
    #[arg(long)]
    keep_newline: bool,
}

#[derive(Args)]
pub struct RemoveArgs {
    /// Name of the secret
    name: String,
    /// Also where something names it
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    key: Mutation,
}

/// Do it.
pub async fn run(command: SecretCommand, context: &Context) -> Result<Done, Problem> {
    match command {
        SecretCommand::Set(args) => {
            let value = read(args.keep_newline)?;
            let body = json!({ "value_base64": base64::engine::general_purpose::STANDARD.encode(value.expose()) });
            let path = format!("/v1/secrets/{}", segment(&args.name));
            let success = Client::new(context)?.ask(Ask { method: "POST", path, body: Some(body), ..Ask::default() }).await?;
            let said = if success.data["changed"] == true { "set" } else { "unchanged" };
            let text = format!("{} {said}, version {}\n", args.name, success.data["version"]);
            Ok(Done::new(success, text))
        }
        SecretCommand::List => {
            let success = Client::new(context)?.get("/v1/secrets").await?;
            let columns = [
                ("NAME", "name"),
                ("VERSION", "version"),
                ("SET", "set_at"),
                ("BY", "set_by"),
                ("FLOWS", "flows"),
                ("CONNECTIONS", "connections"),
            ];
            let mut text = table::of(&success.data["secrets"], &columns);
            for missing in success.data["missing"].as_array().into_iter().flatten() {
                text += &format!("missing: {}\n", table::cell(missing, "name"));
            }
            Ok(Done::new(success, text))
        }
        SecretCommand::Remove(args) => {
            let force = if args.force { "?force=true" } else { "" };
            let path = format!("/v1/secrets/{}{force}", segment(&args.name));
            let ask = Ask { method: "DELETE", path, key: Some(args.key.idempotency_key), ..Ask::default() };
            let success = Client::new(context)?.ask(ask).await?;
            Ok(Done::new(success, format!("removed {}\n", args.name)))
        }
    }
}

/// The value, from standard input. A terminal would show it, and keep it in its scrollback.
fn read(keep_newline: bool) -> Result<Secret, Problem> {
    let mut input = std::io::stdin().lock();
    if input.is_terminal() {
        let problem = Problem::new(ErrorCode::Usage, "the value comes on standard input, and that is a terminal, which would show it");
        return Err(problem.hint("pipe it in: `printf %s \"$TOKEN\" | sortie secret set NAME`, or `sortie secret set NAME < FILE`"));
    }
    // All at once: a vector that grew would leave copies behind.
    let mut value = Vec::with_capacity(SECRET_BYTES + 2);
    let read = input.by_ref().take(SECRET_BYTES as u64 + 2).read_to_end(&mut value);
    read.map_err(|error| Problem::new(ErrorCode::Usage, format!("standard input: {error}")))?;
    if !keep_newline && value.last() == Some(&b'\n') {
        value.pop();
        if value.last() == Some(&b'\r') {
            value.pop();
        }
    }
    if value.len() > SECRET_BYTES {
        return Err(Problem::new(ErrorCode::TooLarge, format!("a secret has at most {SECRET_BYTES} bytes")));
    }
    Ok(Secret::new(value))
}
