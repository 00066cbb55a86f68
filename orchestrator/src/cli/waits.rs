//! `sortie waits`: hand out what answers a wait.

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
pub enum WaitsCommand {
    /// Write the signed URL and a token of an open wait to a new file of mode 0600
    Credentials(CredentialsArgs),
}

#[derive(Args)]
#[command(after_help = "The file is a configuration of curl. Whoever has it can answer the wait, once, until its deadline.

Example:
  sortie waits credentials wait_0d... --out answer.curl
  curl -K answer.curl -d '{\"approved\": true}'")]
pub struct CredentialsArgs {
    /// Id of the wait, as `runs show` says it
    wait: String,
    /// New file to write; there is no way to print them
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Write them.
pub async fn run(command: WaitsCommand, context: &Context) -> Result<Done, Problem> {
    let WaitsCommand::Credentials(args) = command;
    let client = Client::new(context)?;
    let path = format!("/v1/waits/{}/credentials", segment(&args.wait));
    let mut answer = client.ask(Ask { method: "POST", path, ..Ask::default() }).await?;
    let mut take = |name: &str| match answer.data[name].take() {
        Value::String(text) => Ok(Secret::new(text)),
        _ => Err(Problem::new(ErrorCode::Unreachable, format!("the server's answer has no {name}"))),
    };
    let (url, token) = (take("url")?, take("token")?);
    write(&args.out, &url, &token)?;
    let shown = args.out.display();
    let data = json!({
        "wait": answer.data["wait"],
        "run": answer.data["run"],
        "step": answer.data["step"],
        "file": args.out,
        "deadline_at": answer.data["deadline_at"],
        "schema": answer.data["schema"],
        "use": format!("curl -K {shown} -d '{{...}}'"),
    });
    let text =
        format!("{}answer it with: {}\n", table::fields(&data, &[("file", "file"), ("until", "deadline_at")]), table::cell(&data, "use"));
    Ok(Done::new(Success::new(data), text))
}

fn write(path: &Path, url: &Secret, token: &Secret) -> Result<(), Problem> {
    let failed = |error: std::io::Error| Problem::new(ErrorCode::Usage, format!("cannot write {}: {error}", path.display()));
    let mut text = zeroize_buffer();
    for part in [
        b"# Answers a wait; keep it to yourself.\nurl = \"".as_slice(),
        url.expose(),
        b"\"\nheader = \"Authorization: Bearer ",
        token.expose(),
        b"\"\nheader = \"Content-Type: application/json\"\nrequest = \"POST\"\n",
    ] {
        text.extend_from_slice(part);
    }
    let text = Secret::new(text);
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    file.write_all(text.expose()).and_then(|()| file.sync_all()).map_err(failed)
}

/// Large enough that it never grows: a growing buffer would leave unwiped copies behind.
fn zeroize_buffer() -> Vec<u8> {
    Vec::with_capacity(8 << 10)
}
