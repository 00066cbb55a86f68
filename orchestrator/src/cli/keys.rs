//! `sortie keys`: the key ring of the home. Works on its file; a running server notices.

use super::context::Context;
use super::output::Done;
use super::table;
use crate::clock::{Clock, rfc3339};
use crate::envelope::{Next, Problem, Success};
use crate::error_code::ErrorCode;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use sortie_keys::{Change, KeyRing, Life, RingError};

#[derive(Subcommand)]
pub enum KeysCommand {
    /// Signing keys and roots, with their states
    #[command(after_help = "Example:\n  sortie keys list")]
    List,
    /// Make a new signing key and root; the old ones go on verifying what was made under them
    #[command(after_help = "Example:\n  sortie keys rotate")]
    Rotate,
    /// Refuse a key or root from now on, and erase its secret
    #[command(after_help = "Callbacks of attempts that were launched under it are refused; their results are collected over SSH.

Example:
  sortie keys revoke key_abc... --yes")]
    Revoke(RevokeArgs),
    /// The public keys as JWKS, for `token verify` on another machine
    #[command(after_help = "Example:\n  sortie keys jwks > jwks.json")]
    Jwks,
}

#[derive(Args)]
pub struct RevokeArgs {
    /// Id of the key or root, or the generation of a root
    key: String,
    /// Yes, refuse everything that was made under it
    #[arg(long)]
    yes: bool,
}

/// Do it.
pub fn run(command: KeysCommand, context: &Context) -> Result<Done, Problem> {
    let ring = KeyRing::open(&context.home.keys()).map_err(problem)?;
    let now = Clock::system().now();
    match command {
        KeysCommand::List => Ok(list(&ring)),
        KeysCommand::Rotate => ring.rotate(now).map(changed).map_err(problem),
        KeysCommand::Revoke(args) if !args.yes => {
            let problem = Problem::new(
                ErrorCode::Usage,
                format!("revoking `{}` refuses all callbacks made under it, at once and for ever; say --yes", args.key),
            );
            Err(problem.next(Next::act(&["keys", "revoke", &args.key, "--yes"])).next(Next::look(&["keys", "list"])))
        }
        KeysCommand::Revoke(args) => match ring.revoke(&args.key, now) {
            Ok(change) => Ok(changed(change)),
            Err(RingError::AlreadyRevoked(key)) => {
                let data = json!({ "changed": false, "generation": ring.generation(), "revoked": [key] });
                Ok(Done::new(Success::new(data), format!("{key} is revoked already\n")))
            }
            Err(error) => Err(problem(error)),
        },
        KeysCommand::Jwks => {
            let jwks = ring.jwks();
            let text = format!("{jwks:#}\n");
            Ok(Done::plain(Success::new(jwks), text))
        }
    }
}

fn problem(error: RingError) -> Problem {
    use sortie_keys::FileError;
    let code = match &error {
        RingError::Unknown(_) => ErrorCode::NotFound,
        RingError::File(FileError::TooOpen { .. }) => ErrorCode::InsecureFile,
        RingError::File(FileError::Missing(_)) => ErrorCode::NotFound,
        _ => ErrorCode::Failed,
    };
    Problem::new(code, error.to_string())
}

fn life(life: &Life, mut of: Value) -> Value {
    of["state"] = json!(life.state);
    of["created_at"] = rfc3339(life.created_at_ms).into();
    of["retired_at"] = life.retired_at_ms.map(rfc3339).into();
    of["revoked_at"] = life.revoked_at_ms.map(rfc3339).into();
    of
}

fn list(ring: &KeyRing) -> Done {
    let view = ring.list();
    let keys: Vec<Value> =
        view.keys.iter().map(|key| life(&key.life, json!({ "kid": key.kid, "kind": "signing key", "public": key.public }))).collect();
    let roots: Vec<Value> =
        view.roots.iter().map(|root| life(&root.life, json!({ "kid": root.kid, "kind": "root", "generation": root.generation }))).collect();
    let rows: Value = keys.iter().chain(&roots).cloned().collect();
    let text = table::of(
        &rows,
        &[
            ("KIND", "kind"),
            ("ID", "kid"),
            ("GENERATION", "generation"),
            ("STATE", "state"),
            ("CREATED", "created_at"),
            ("ENDED", "revoked_at|retired_at"),
        ],
    );
    Done::new(Success::new(json!({ "generation": view.generation, "keys": keys, "roots": roots })), text)
}

fn changed(change: Change) -> Done {
    let mut data = serde_json::to_value(&change).unwrap_or_default();
    data["changed"] = true.into();
    let text = table::fields(&data, &[("generation", "generation"), ("made", "made"), ("retired", "retired"), ("revoked", "revoked")]);
    Done::new(Success::new(data).next(Next::look(&["keys", "list"])), text)
}
