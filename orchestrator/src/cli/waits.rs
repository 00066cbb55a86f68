//! `sortie waits`: which are open, handing out what answers one, answering one.

use super::Mutation;
use super::client::{Ask, Client, query, segment};
use super::context::{Context, json_argument};
use super::output::Done;
use super::runs::control_done;
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
    /// Open waits, oldest runs first
    List(ListArgs),
    /// Answer a wait as yourself, where its flow lets people
    Answer(AnswerArgs),
    /// Write the signed URL and a token of an open wait to a new file of mode 0600
    Credentials(CredentialsArgs),
}

#[derive(Args)]
#[command(after_help = "Example:
  sortie waits list")]
pub struct ListArgs {
    /// After this one, as the page before says
    #[arg(long, value_name = "RUN:CALL")]
    after: Option<String>,
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
}

#[derive(Args)]
#[command(after_help = "For waits with auth = \"operator\" or with roles that you have.

Examples:
  sortie waits answer wait_0d... --value '{\"approved\": true}'
  sortie waits answer wait_0d... --value - < answer.json")]
pub struct AnswerArgs {
    /// Id of the wait
    wait: String,
    /// The answer: JSON, @FILE, or - for standard input
    #[arg(long, value_name = "JSON|@FILE|-")]
    value: String,
    #[command(flatten)]
    key: Mutation,
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
    let client = Client::new(context)?;
    match command {
        WaitsCommand::List(args) => list(args, &client).await,
        WaitsCommand::Answer(args) => answer(args, &client).await,
        WaitsCommand::Credentials(args) => credentials(args, &client).await,
    }
}

async fn list(args: ListArgs, client: &Client) -> Result<Done, Problem> {
    let query = query(&[("after", args.after), ("limit", Some(args.limit.to_string()))]);
    let success = client.get(format!("/v1/waits{query}")).await?;
    let columns = [
        ("WAIT", "wait"),
        ("FLOW", "flow"),
        ("STEP", "name"),
        ("ANSWERED BY", "auth"),
        ("ROLES", "roles"),
        ("SINCE", "since"),
        ("UNTIL", "deadline_at"),
    ];
    let text = table::of(&success.data["waits"], &columns);
    Ok(Done::new(success, text))
}

async fn answer(args: AnswerArgs, client: &Client) -> Result<Done, Problem> {
    let value = json_argument("--value", &args.value)?;
    let path = format!("/v1/waits/{}/answer", segment(&args.wait));
    control_done(client.post(path, json!({ "value": value }), &args.key).await?)
}

async fn credentials(args: CredentialsArgs, client: &Client) -> Result<Done, Problem> {
    let path = format!("/v1/waits/{}/credentials", segment(&args.wait));
    let mut answer = client.ask(Ask { method: "POST", path, ..Ask::default() }).await?;
    let url = secret(&mut answer.data["url"])?;
    // A wait that is answered by its URL alone has none.
    let token = if answer.data["token"].is_null() { None } else { Some(secret(&mut answer.data["token"])?) };
    write(&args.out, &url, token.as_ref())?;
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

fn secret(value: &mut Value) -> Result<Secret, Problem> {
    match value.take() {
        Value::String(text) => Ok(Secret::new(text)),
        _ => Err(Problem::new(ErrorCode::Unreachable, "the server's answer has no URL or no token")),
    }
}

fn write(path: &Path, url: &Secret, token: Option<&Secret>) -> Result<(), Problem> {
    let failed = |error: std::io::Error| Problem::new(ErrorCode::Usage, format!("cannot write {}: {error}", path.display()));
    let mut text = zeroize_buffer();
    text.extend_from_slice(b"# Answers a wait; keep it to yourself.\nurl = \"");
    text.extend_from_slice(url.expose());
    if let Some(token) = token {
        text.extend_from_slice(b"\"\nheader = \"Authorization: Bearer ");
        text.extend_from_slice(token.expose());
    }
    text.extend_from_slice(b"\"\nheader = \"Content-Type: application/json\"\nrequest = \"POST\"\n");
    let text = Secret::new(text);
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    file.write_all(text.expose()).and_then(|()| file.sync_all()).map_err(failed)
}

/// Large enough that it never grows: a growing buffer would leave unwiped copies behind.
fn zeroize_buffer() -> Vec<u8> {
    Vec::with_capacity(8 << 10)
}
