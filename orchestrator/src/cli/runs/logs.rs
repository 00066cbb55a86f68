//! `sortie runs logs`: the output of a job, asked from its host in chunks.

use super::RunId;
use crate::cli::clean::Utf8Pieces;
use crate::cli::client::{Client, query, segment};
use crate::cli::context::Context;
use crate::cli::limits::{LOG_LOOK_MS, WATCH_RETRY_MS, WATCH_TRIES};
use crate::cli::output::Done;
use crate::envelope::{Next, Problem, Success};
use crate::error_code::ErrorCode;
use base64::Engine;
use clap::Args;
use serde_json::{Value, json};
use std::time::Duration;

#[derive(Args)]
#[command(after_help = "Terminal escapes in the output are taken out, except with --raw. With --json one chunk is printed, and `meta.next`
has the command for the next one; with --json --follow each line is a chunk.

Examples:
  sortie runs logs run_0d... --follow
  sortie runs logs run_0d... --step build --stderr
  sortie runs logs run_0d... --raw > build.log")]
pub struct LogsArgs {
    #[command(flatten)]
    id: RunId,
    /// Name of the step; needed where the run has several jobs
    #[arg(long, value_name = "NAME")]
    step: Option<String>,
    /// This attempt [default: the newest of the step]
    #[arg(long, value_name = "ATTEMPT", conflicts_with = "step")]
    attempt: Option<String>,
    /// Standard error instead of standard output
    #[arg(long)]
    stderr: bool,
    /// From this byte on
    #[arg(long, value_name = "BYTE", default_value_t = 0)]
    offset: u64,
    /// Go on until the stream ends
    #[arg(long, short)]
    follow: bool,
    /// The bytes as they are
    #[arg(long)]
    raw: bool,
}

/// A chunk of a stream.
struct Chunk {
    about: Value,
    bytes: Vec<u8>,
    next: u64,
    total: u64,
    open: bool,
}

/// Print it.
pub async fn run(args: LogsArgs, client: &Client, context: &Context) -> Result<Done, Problem> {
    let first = chunk(client, &args, args.attempt.clone(), args.offset).await?;
    if context.out.is_json() && !args.follow && !args.raw {
        return Ok(one(&args, first));
    }
    stream(args, first, client, context).await
}

async fn chunk(client: &Client, args: &LogsArgs, attempt: Option<String>, offset: u64) -> Result<Chunk, Problem> {
    let stream = if args.stderr { "stderr" } else { "stdout" };
    let step = if attempt.is_some() { None } else { args.step.clone() };
    let query = query(&[("step", step), ("attempt", attempt), ("stream", Some(stream.to_owned())), ("offset", Some(offset.to_string()))]);
    let mut about = client.get(format!("/v1/runs/{}/logs{query}", segment(&args.id.run))).await?.data;
    let encoded = about.as_object_mut().and_then(|fields| fields.remove("data_base64"));
    let encoded = encoded.as_ref().and_then(Value::as_str).unwrap_or_default();
    let bytes = base64::engine::general_purpose::STANDARD.decode(encoded);
    let bytes = bytes.map_err(|error| Problem::new(ErrorCode::Unreachable, format!("the server's answer: {error}")))?;
    let number = |name: &str| about[name].as_u64().unwrap_or(0);
    let (next, total, open) = (number("next_offset"), number("total"), about["open"] == json!(true));
    Ok(Chunk { about, bytes, next, total, open })
}

/// One chunk in an envelope.
fn one(args: &LogsArgs, chunk: Chunk) -> Done {
    let mut data = chunk.about;
    data["text"] = String::from_utf8_lossy(&chunk.bytes).into_owned().into();
    let run = data["run"].as_str().unwrap_or_default().to_owned();
    let attempt = data["attempt"].as_str().unwrap_or_default().to_owned();
    let success = Success::new(data);
    if chunk.next >= chunk.total && !chunk.open {
        return Done::new(success, "");
    }
    let offset = chunk.next.to_string();
    let mut next = vec!["runs", "logs", &run, "--attempt", &attempt, "--offset", &offset];
    if args.stderr {
        next.push("--stderr");
    }
    Done::new(success.next(Next::look(&next)), "")
}

/// All of it, chunk by chunk.
async fn stream(args: LogsArgs, first: Chunk, client: &Client, context: &Context) -> Result<Done, Problem> {
    let attempt = first.about["attempt"].as_str().map(str::to_owned);
    let (mut pieces, mut chunk_now, mut failures) = (Utf8Pieces::default(), first, 0);
    loop {
        show(&args, context, &mut pieces, &chunk_now);
        let (at, rest, open) = (chunk_now.next, chunk_now.total > chunk_now.next, chunk_now.open);
        if !(rest || open && args.follow) {
            break;
        }
        if !rest || chunk_now.bytes.is_empty() {
            tokio::time::sleep(Duration::from_millis(LOG_LOOK_MS)).await;
        }
        chunk_now = loop {
            match chunk(client, &args, attempt.clone(), at).await {
                Ok(chunk) => break chunk,
                Err(problem) if args.follow && problem.code.is_retryable() && failures < WATCH_TRIES => failures += 1,
                Err(problem) => return Err(problem),
            }
            tokio::time::sleep(Duration::from_millis(WATCH_RETRY_MS)).await;
        };
        failures = 0;
    }
    if !args.raw && !context.out.is_json() {
        context.out.piece(&pieces.end());
    }
    Ok(Done::silent())
}

fn show(args: &LogsArgs, context: &Context, pieces: &mut Utf8Pieces, chunk: &Chunk) {
    if args.raw {
        context.out.raw(&chunk.bytes);
    } else if context.out.is_json() {
        let mut line = chunk.about.clone();
        line["text"] = pieces.push(&chunk.bytes).into();
        context.out.json(&line);
    } else {
        context.out.piece(&pieces.push(&chunk.bytes));
    }
}
