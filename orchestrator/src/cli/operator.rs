//! `sortie operator`: people with names, roles and tokens.

use super::Mutation;
use super::client::{Ask, Client, segment};
use super::context::Context;
use super::output::Done;
use super::table;
use crate::envelope::{Problem, Success};
use crate::error_code::ErrorCode;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use sortie_keys::Secret;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

#[derive(Subcommand)]
pub enum OperatorCommand {
    /// Add somebody and make their token, which is shown once
    Add(AddArgs),
    /// Everybody, by name
    #[command(after_help = "Example:\n  sortie operator list")]
    List,
    /// Who the present token speaks for
    #[command(after_help = "Example:\n  sortie operator whoami")]
    Whoami,
    /// Remove somebody: their token is refused at once, what they did keeps their name
    #[command(after_help = "Example:\n  sortie operator remove alice")]
    Remove(RemoveArgs),
    /// Tokens of operators
    #[command(subcommand)]
    Token(OperatorTokenCommand),
}

#[derive(Subcommand)]
pub enum OperatorTokenCommand {
    /// Make a new token, which is shown once; the old one is refused at once
    #[command(after_help = "Example:\n  sortie operator token rotate alice --to alice.token")]
    Rotate(RotateArgs),
}

#[derive(Args)]
#[command(
    after_help = "Roles are words of your own, which flows name as approvers. Two have a meaning: `admin` manages operators, secrets and
connections, and `*` stands for every role.

Examples:
  sortie operator add alice --role maintainers --to alice.token
  sortie operator add ci --role deployers"
)]
pub struct AddArgs {
    /// Name: the actor of everything that is done with the token
    name: String,
    /// What they may decide; may be repeated
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    #[command(flatten)]
    to: ToFile,
}

#[derive(Args)]
pub struct RotateArgs {
    /// Name of the operator
    name: String,
    #[command(flatten)]
    to: ToFile,
}

#[derive(Args)]
pub struct ToFile {
    /// Write the token into this new file (mode 0600) instead of showing it
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
}

#[derive(Args)]
pub struct RemoveArgs {
    /// Name of the operator
    name: String,
    #[command(flatten)]
    key: Mutation,
}

/// Do it.
pub async fn run(command: OperatorCommand, context: &Context) -> Result<Done, Problem> {
    let client = Client::new(context)?;
    match command {
        OperatorCommand::Add(args) => {
            let file = args.to.open()?;
            let success = client.ask(post("/v1/operators".to_owned(), json!({ "name": args.name, "roles": args.roles }))).await;
            args.to.handed(file, success)
        }
        OperatorCommand::Token(OperatorTokenCommand::Rotate(args)) => {
            let file = args.to.open()?;
            let success = client.ask(post(format!("/v1/operators/{}/token", segment(&args.name)), json!({}))).await;
            args.to.handed(file, success)
        }
        OperatorCommand::List => {
            let success = client.get("/v1/operators").await?;
            let columns = [("NAME", "name"), ("ROLES", "roles"), ("ADDED", "added_at"), ("BY", "added_by"), ("TOKEN OF", "token_at")];
            let text = table::of(&success.data["operators"], &columns);
            Ok(Done::new(success, text))
        }
        OperatorCommand::Whoami => {
            let success = client.get("/v1/whoami").await?;
            let text = table::fields(&success.data, &[("name", "name"), ("roles", "roles")]);
            Ok(Done::new(success, text))
        }
        OperatorCommand::Remove(args) => {
            let path = format!("/v1/operators/{}", segment(&args.name));
            let success = client.ask(Ask { method: "DELETE", path, key: Some(args.key.idempotency_key), ..Ask::default() }).await?;
            Ok(Done::new(success, format!("removed {}\n", args.name)))
        }
    }
}

/// Without a key: an answer with a token in it is never kept, so it cannot be given twice.
fn post(path: String, body: Value) -> Ask<'static> {
    Ask { method: "POST", path, body: Some(body), ..Ask::default() }
}

impl ToFile {
    /// The file is made before anything is asked for: a token that cannot be written would be lost.
    pub(super) fn open(&self) -> Result<Option<std::fs::File>, Problem> {
        let Some(path) = &self.to else { return Ok(None) };
        let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        made.map(Some).map_err(|error| failed(path, &error))
    }

    /// Show the token, or put it into the file.
    pub(super) fn handed(&self, file: Option<std::fs::File>, answer: Result<Success, Problem>) -> Result<Done, Problem> {
        let (Some(path), Some(mut file)) = (&self.to, file) else {
            let success = answer?;
            let text = fields(&success.data) + "the token is shown this once; use it as SORTIE_TOKEN\n";
            return Ok(Done::new(success, text));
        };
        let mut success = answer.inspect_err(|_| {
            // It is empty and ours: made a moment ago, for a token that does not exist.
            let _ = std::fs::remove_file(path);
        })?;
        let token = success.data.as_object_mut().and_then(|data| data.remove("token"));
        let token = Secret::new(token.as_ref().and_then(Value::as_str).unwrap_or_default());
        file.write_all(token.expose()).and_then(|()| file.sync_all()).map_err(|error| failed(path, &error))?;
        success.data["token_file"] = path.display().to_string().into();
        let text = fields(&success.data);
        Ok(Done::new(success, text))
    }
}

fn fields(of: &Value) -> String {
    table::fields(of, &[("name", "name"), ("roles", "roles"), ("server", "server"), ("token", "token"), ("token in", "token_file")])
}

fn failed(path: &Path, error: &std::io::Error) -> Problem {
    Problem::new(ErrorCode::Failed, format!("{}: {error}", path.display())).hint("choose a file that is not there yet")
}
