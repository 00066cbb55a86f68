//! `sortie launch`: one command on one host, as a run of its own.

use super::Mutation;
use super::client::Client;
use super::context::{Context, read_text};
use super::output::Done;
use super::run::{Wait, made_run};
use crate::envelope::Problem;
use crate::error_code::ErrorCode;
use clap::Args;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "No shell reads the command on the host; name one where you need it.

Examples:
  sortie launch --on builder --wait -- uname -a
  sortie launch --on label:gpu --env MODE=fast --limit 2h -- sh -c 'cd app && make test'
  sortie launch --on builder --stdin prompt.txt -- claude -p")]
pub struct LaunchArgs {
    /// Name of the host, or label:LABEL
    #[arg(long, value_name = "HOST")]
    on: String,
    /// Time limit of the job; its processes are stopped then [default: 24h]
    #[arg(long, value_name = "DURATION", value_parser = super::duration)]
    limit: Option<u64>,
    /// Environment variable; no secrets, since the history shows it
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<String>,
    /// Working directory on the host [default: a folder of the job's own]
    #[arg(long, value_name = "DIR")]
    cwd: Option<String>,
    /// Text for standard input: a file, or - for this command's own
    #[arg(long, value_name = "FILE")]
    stdin: Option<PathBuf>,
    #[command(flatten)]
    wait: Wait,
    #[command(flatten)]
    key: Mutation,
    /// Program and arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<String>,
}

/// Start it, and wait for it where asked.
pub async fn run(args: LaunchArgs, context: &Context) -> Result<Done, Problem> {
    let env = args.env.iter().map(|pair| variable(pair)).collect::<Result<Map<String, Value>, _>>()?;
    let stdin = args.stdin.as_deref().map(read_text).transpose()?;
    let (on, label) = match args.on.strip_prefix("label:") {
        Some(label) => (None, Some(label)),
        None => (Some(args.on.as_str()), None),
    };
    let client = Client::new(context)?;
    let body = json!({
        "on": on, "label": label, "command": args.command, "env": env, "cwd": args.cwd, "stdin": stdin, "timeout_ms": args.limit,
    });
    let made = client.post("/v1/launches", body, &args.key).await?;
    made_run(&client, context, made, &args.wait).await
}

fn variable(pair: &str) -> Result<(String, Value), Problem> {
    match pair.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.into())),
        _ => Err(Problem::new(ErrorCode::Usage, "--env is NAME=VALUE")),
    }
}
