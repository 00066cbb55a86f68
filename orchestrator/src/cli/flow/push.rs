//! `sortie flow push` and `sortie flow release`.
//!
//! The digest that was pushed last is remembered beside the flow (`.sortie/base.json`): the next push says what its edit
//! started from, and somebody else's push in between is a conflict, not lost.

use super::check;
use crate::cli::Mutation;
use crate::cli::client::{Client, segment};
use crate::cli::context::Context;
use crate::cli::output::Done;
use crate::cli::table;
use crate::envelope::{Problem, Success};
use crate::http::api::judged;
use clap::Args;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

#[derive(Args)]
#[command(after_help = "Only the draft changes: runs go on, and `run` starts the live release until `flow release`.
What the edit started from is remembered in .sortie/base.json beside the flow. Where the server has something else, nothing
is written and the exit code is 5.

Examples:
  sortie flow push ./fix-issue
  sortie flow push ./fix-issue --base 3f9c...   # after putting both edits together")]
pub struct PushArgs {
    /// Folder of the flow, or its one file
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Digest that the edit started from [default: the one remembered]
    #[arg(long, value_name = "DIGEST", conflicts_with = "force")]
    base: Option<String>,
    /// Overwrite whatever is there
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    key: Mutation,
}

/// Check the flow here, then send it; the server checks it again.
pub async fn push(args: PushArgs, context: &Context) -> Result<Done, Problem> {
    let bundle = check::read(&args.path)?;
    let manifest = judged(check::checked(&bundle)?)?;
    let client = Client::new(context)?;
    let remembered = memory(&args.path);
    let base = args.base.or_else(|| recall(&remembered, &manifest.name, &client));
    let body = json!({ "files": bundle.files, "base": base, "force": args.force });
    let mut success = client.post(format!("/v1/flows/{}/draft", segment(&manifest.name)), body, &args.key).await?;
    let kept = remember(&remembered, &manifest.name, &client, &bundle.digest());
    if let Err(error) = kept {
        let warning = format!("pushed, but {} could not be written: {error}", remembered.display());
        success.data["warning"] = warning.clone().into();
        context.out.note(&warning);
    }
    let text = flow_line(&success);
    Ok(Done::new(success, text))
}

fn flow_line(success: &Success) -> String {
    let word = if success.data["changed"] == json!(false) { "no changes" } else { "draft" };
    format!("{} {word} {}\n", table::cell(&success.data, "name"), table::cell(&success.data, "draft"))
}

fn memory(path: &Path) -> PathBuf {
    let folder = if path.is_dir() { path } else { path.parent().unwrap_or(Path::new(".")) };
    folder.join(".sortie").join("base.json")
}

/// `{"<server> <flow>": "<digest>"}`: one folder may be pushed to several servers.
fn read(path: &Path) -> serde_json::Map<String, Value> {
    let text = std::fs::read(path).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

fn recall(path: &Path, flow: &str, client: &Client) -> Option<String> {
    read(path).get(&client.key_of(flow)).and_then(Value::as_str).map(str::to_owned)
}

fn remember(path: &Path, flow: &str, client: &Client, digest: &str) -> std::io::Result<()> {
    let mut known = read(path);
    known.insert(client.key_of(flow), digest.into());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let temporary = path.with_extension("new");
    std::fs::write(&temporary, format!("{:#}\n", Value::Object(known)))?;
    std::fs::rename(&temporary, path)
}
