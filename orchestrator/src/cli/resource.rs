//! `sortie resource`: what runs have kept.

use super::Mutation;
use super::client::{Client, query};
use super::context::Context;
use super::output::Done;
use super::table;
use crate::envelope::{Problem, Success};
use crate::error_code::ErrorCode;
use crate::http::downloads::HEADER_SHA256;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sortie_protocol::bytes::to_hex;
use std::io::Write;
use std::path::{Path, PathBuf};

#[derive(Subcommand)]
pub enum ResourceCommand {
    /// What a run has kept
    List(ListArgs),
    /// Fetch a resource: its bytes to a file, or to standard output
    Get(GetArgs),
    /// Make a signed link that anybody can fetch a resource with, for a time
    Link(LinkArgs),
    /// Remove bytes that nothing names any more; without --apply they are only counted
    #[command(name = "gc")]
    Collect(CollectArgs),
}

#[derive(Args)]
#[command(after_help = "Example:\n  sortie resource list --run run_0d...")]
pub struct ListArgs {
    /// The run
    #[arg(long, value_name = "RUN")]
    run: String,
    /// Go on after this resource
    #[arg(long, value_name = "RESOURCE")]
    after: Option<String>,
}

#[derive(Args)]
#[command(after_help = "The file is written beside and put in place when all of it has come and has the right digest. Its name is yours:
the name of the resource is never used as a path.

Examples:
  sortie resource get res://run_0d.../att_1a.../report.html -o report.html
  sortie resource get res://run_0d.../call-3/summary | less")]
pub struct GetArgs {
    /// The resource, `res://...`
    resource: String,
    /// File to write; standard output without it
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Args)]
#[command(after_help = "Whoever has the link can fetch the resource until it expires. It cannot be taken back by itself.

Example:
  sortie resource link res://run_0d.../att_1a.../report.html --expires 1h")]
pub struct LinkArgs {
    /// The resource, `res://...`
    resource: String,
    /// How long it holds: 1m to 7d
    #[arg(long, value_name = "DURATION", value_parser = super::duration, default_value = "1h")]
    expires: u64,
    #[command(flatten)]
    key: Mutation,
}

#[derive(Args)]
#[command(after_help = "The server does it by itself every hour, a day after the last name of some bytes is gone.

Examples:
  sortie resource gc
  sortie resource gc --apply")]
pub struct CollectArgs {
    /// Remove them
    #[arg(long)]
    apply: bool,
    #[command(flatten)]
    key: Mutation,
}

const COLUMNS: [(&str, &str); 4] = [("RESOURCE", "resource"), ("SIZE", "size"), ("TYPE", "media_type"), ("CREATED", "created_at")];

/// Do it.
pub async fn run(command: ResourceCommand, context: &Context) -> Result<Done, Problem> {
    let client = Client::new(context)?;
    match command {
        ResourceCommand::List(args) => {
            let query = query(&[("run", Some(args.run)), ("after", args.after)]);
            let success = client.get(format!("/v1/resources{query}")).await?;
            let text = table::of(&success.data["resources"], &COLUMNS);
            Ok(Done::new(success, text))
        }
        ResourceCommand::Get(args) => get(args, &client, context).await,
        ResourceCommand::Link(args) => {
            let body = json!({ "resource": args.resource, "expires_s": args.expires / 1_000 });
            let success = client.post("/v1/resources/link", body, &args.key).await?;
            let text = success.data["url"].as_str().unwrap_or_default().to_owned();
            Ok(Done::new(success, text))
        }
        ResourceCommand::Collect(args) => {
            let success = client.post("/v1/resources/gc", json!({ "apply": args.apply }), &args.key).await?;
            let text = collected(&success.data);
            Ok(Done::new(success, text))
        }
    }
}

fn collected(data: &Value) -> String {
    let number = |name: &str| data["found"][name].as_u64().unwrap_or(0);
    let verb = if data["applied"] == json!(true) { "removed" } else { "would remove" };
    let blobs = number("blobs") + number("strays");
    format!("{verb} {blobs} blobs and {} abandoned uploads, {} bytes", number("parts"), number("bytes"))
}

async fn get(args: GetArgs, client: &Client, context: &Context) -> Result<Done, Problem> {
    let asked = query(&[("resource", Some(args.resource.clone()))]);
    let mut answer = client.raw(&format!("/v1/resources/content{asked}")).await?;
    let expected = answer.headers().get(HEADER_SHA256).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let mut sink = Sink::open(args.output.as_deref(), context)?;
    let (mut hash, mut size) = (Sha256::new(), 0);
    while let Some(piece) = answer.chunk().await.map_err(|error| Problem::new(ErrorCode::Unreachable, error.to_string()))? {
        hash.update(&piece);
        size += piece.len() as u64;
        sink.write(&piece)?;
    }
    let sha256 = to_hex(&hash.finalize());
    if sha256 != expected {
        return Err(Problem::new(ErrorCode::Unreachable, format!("only part of the resource came, or other bytes: {size} bytes")));
    }
    match sink.finish()? {
        Some(path) => {
            let text = format!("{} ({size} bytes)", path.display());
            Ok(Done::new(Success::new(json!({ "resource": args.resource, "file": path, "size": size, "sha256": sha256 })), text))
        }
        None => Ok(Done::silent()),
    }
}

/// Where the bytes go.
enum Sink {
    File { temporary: tempfile::NamedTempFile, path: PathBuf },
    Stdout,
}

impl Sink {
    fn open(path: Option<&Path>, context: &Context) -> Result<Self, Problem> {
        let Some(path) = path else {
            if context.out.asked {
                return Err(Problem::new(
                    ErrorCode::Usage,
                    "--json needs --output: the bytes and the envelope cannot share standard output",
                ));
            }
            return Ok(Self::Stdout);
        };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        let temporary = tempfile::NamedTempFile::new_in(folder).map_err(|error| failed(path, &error))?;
        Ok(Self::File { temporary, path: path.to_owned() })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Problem> {
        match self {
            Self::File { temporary, path } => temporary.write_all(bytes).map_err(|error| failed(path, &error)),
            Self::Stdout => std::io::stdout().write_all(bytes).map_err(|error| failed(Path::new("standard output"), &error)),
        }
    }

    fn finish(self) -> Result<Option<PathBuf>, Problem> {
        match self {
            Self::File { temporary, path } => {
                temporary.persist(&path).map_err(|error| failed(&path, &error.error))?;
                Ok(Some(path))
            }
            Self::Stdout => {
                std::io::stdout().flush().map_err(|error| failed(Path::new("standard output"), &error))?;
                Ok(None)
            }
        }
    }
}

fn failed(path: &Path, error: &std::io::Error) -> Problem {
    Problem::new(ErrorCode::Failed, format!("{}: {error}", path.display()))
}
