//! `sortie runs logs`: the output of a job as the server has it, both streams in the order they came.

use super::RunId;
use super::shown::Screen;
use crate::cli::client::{Client, query, segment};
use crate::cli::context::Context;
use crate::cli::limits::{NEWS_MS, WATCH_RETRY_MS, WATCH_TRIES};
use crate::cli::output::Done;
use crate::clock::Clock;
use crate::envelope::{Next, Problem, Success};
use crate::error_code::ErrorCode;
use base64::Engine;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::time::Duration;

#[derive(Args)]
#[command(
    after_help = "Both streams are shown in the order they came; lines of standard error begin with `err| `. Terminal escapes are taken out,
except with --raw. What is not kept any more is counted where it is missing. With --json one page is printed, and `meta.next` has
the command for the next one; with --json --follow each line is a page.

Examples:
  sortie runs logs run_0d... --follow
  sortie runs logs run_0d... --step build --stream stderr --tail 100
  sortie runs logs run_0d... --since 10m
  sortie runs logs run_0d... --raw > build.log"
)]
pub struct LogsArgs {
    #[command(flatten)]
    id: RunId,
    /// Name of the step; needed where the run has several jobs
    #[arg(long, value_name = "NAME")]
    step: Option<String>,
    /// This attempt [default: the newest of the step; with --follow its successors too]
    #[arg(long, value_name = "ATTEMPT", conflicts_with = "step")]
    attempt: Option<String>,
    /// One stream only [default: both; with --raw: stdout]
    #[arg(long, value_name = "STREAM")]
    stream: Option<Stream>,
    /// As --stream stderr
    #[arg(long, conflicts_with = "stream")]
    stderr: bool,
    /// What came so long ago or later: `10m`, or a time as in RFC 3339
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// The last lines only; of a line without end 64 KiB count as one
    #[arg(long, value_name = "LINES", conflicts_with_all = ["since", "cursor"])]
    tail: Option<u64>,
    /// From where an earlier page ended
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
    /// Go on until the step is over
    #[arg(long, short)]
    follow: bool,
    /// The bytes as they are
    #[arg(long)]
    raw: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Stream {
    Stdout,
    Stderr,
}

/// What is asked for next.
struct Asking {
    attempt: Option<String>,
    cursor: Option<String>,
    since: Option<i64>,
    tail: Option<u64>,
}

/// Print it.
pub async fn run(args: LogsArgs, client: &Client, context: &Context) -> Result<Done, Problem> {
    let since = args.since.as_deref().map(since).transpose()?;
    let mut asking = Asking { attempt: args.attempt.clone(), cursor: args.cursor.clone(), since, tail: args.tail };
    if context.out.is_json() && !args.follow && !args.raw {
        return Ok(one(&args, page(client, &args, &asking).await?));
    }
    let mut screen = Screen::new(context.out, args.raw, stream(&args).is_none());
    let mut failures = 0;
    loop {
        let page = match page(client, &args, &asking).await {
            Ok(page) => page,
            Err(problem) if args.follow && problem.code.is_retryable() && failures < WATCH_TRIES => {
                failures += 1;
                tokio::time::sleep(Duration::from_millis(WATCH_RETRY_MS)).await;
                continue;
            }
            Err(problem) => return Err(problem),
        };
        failures = 0;
        screen.show(&page);
        asking.attempt = page.about["attempt"].as_str().map(str::to_owned);
        (asking.cursor, asking.tail) = (page.about["cursor"].as_str().map(str::to_owned), None);
        if page.about["more"] == json!(true) {
            continue;
        }
        let over = page.about["over"] == json!(true);
        match page.about["newer_attempt"].as_str() {
            // A named attempt is followed alone.
            Some(newer) if args.follow && over && args.attempt.is_none() => {
                screen.end(Some(newer));
                (asking.attempt, asking.cursor) = (Some(newer.to_owned()), None);
            }
            _ if args.follow && !over => {}
            _ => {
                screen.end(None);
                screen.note(&page);
                return Ok(Done::silent());
            }
        }
    }
}

fn stream(args: &LogsArgs) -> Option<Stream> {
    args.stream.or(args.stderr.then_some(Stream::Stderr)).or(args.raw.then_some(Stream::Stdout))
}

/// A page of output.
pub(super) struct Page {
    /// What the server says of it.
    pub about: Value,
    /// Stream, bytes missing before it, bytes.
    pub pieces: Vec<(String, u64, Vec<u8>)>,
}

async fn page(client: &Client, args: &LogsArgs, asking: &Asking) -> Result<Page, Problem> {
    let stream = stream(args).map(|stream| if stream == Stream::Stderr { "stderr" } else { "stdout" }.to_owned());
    let query = query(&[
        ("step", if asking.attempt.is_some() { None } else { args.step.clone() }),
        ("attempt", asking.attempt.clone()),
        ("stream", stream),
        ("cursor", asking.cursor.clone()),
        ("since", asking.since.map(|since| since.to_string())),
        ("tail", asking.tail.map(|tail| tail.to_string())),
        ("wait_ms", args.follow.then(|| NEWS_MS.to_string())),
    ]);
    let about = client.get(format!("/v1/runs/{}/logs{query}", segment(&args.id.run))).await?.data;
    let bad = |what: String| Problem::new(ErrorCode::Unreachable, format!("the server's answer: {what}"));
    let mut pieces = Vec::new();
    for piece in about["pieces"].as_array().map(Vec::as_slice).unwrap_or_default() {
        let encoded = piece["data_base64"].as_str().unwrap_or_default();
        let bytes = base64::engine::general_purpose::STANDARD.decode(encoded).map_err(|error| bad(error.to_string()))?;
        pieces.push((piece["stream"].as_str().unwrap_or_default().to_owned(), piece["gap"].as_u64().unwrap_or(0), bytes));
    }
    Ok(Page { about, pieces })
}

/// A time from so long ago, or as it stands there.
fn since(text: &str) -> Result<i64, Problem> {
    if let Ok(ago_ms) = sortie_flow::duration::parse(text) {
        return Ok(Clock::system().now().saturating_sub_unsigned(ago_ms));
    }
    let at: Result<jiff::Timestamp, _> = text.parse();
    at.map(|at| at.as_millisecond()).map_err(|_| {
        Problem::new(ErrorCode::Usage, format!("--since `{text}`: give a time ago (`90s`, `10m`, `2h`) or a time as in RFC 3339"))
    })
}

/// One page in an envelope.
fn one(args: &LogsArgs, page: Page) -> Done {
    let mut data = page.about;
    let bytes: Vec<u8> = page.pieces.into_iter().flat_map(|(_, _, bytes)| bytes).collect();
    data["text"] = String::from_utf8_lossy(&bytes).into_owned().into();
    let text = |name: &str| data[name].as_str().unwrap_or_default().to_owned();
    let (run, attempt, cursor) = (text("run"), text("attempt"), text("cursor"));
    let is_all = data["more"] == json!(false) && data["state"] != json!("open");
    let success = Success::new(data);
    if is_all {
        return Done::new(success, "");
    }
    let mut next = vec!["runs", "logs", &run, "--attempt", &attempt, "--cursor", &cursor];
    match stream(args) {
        Some(Stream::Stderr) => next.extend(["--stream", "stderr"]),
        Some(Stream::Stdout) => next.extend(["--stream", "stdout"]),
        None => {}
    }
    Done::new(success.next(Next::look(&next)), "")
}
