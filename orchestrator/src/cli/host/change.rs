//! `sortie host set|drain|ready|gc|keys`: what operators want of a host.

use super::show;
use crate::cli::Mutation;
use crate::cli::client::{Client, query, segment};
use crate::cli::context::Context;
use crate::cli::limits::DRAIN_LOOK_MS;
use crate::cli::output::Done;
use crate::cli::table;
use crate::envelope::Problem;
use crate::error_code::ErrorCode;
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};
use std::time::{Duration, Instant};

#[derive(Args)]
#[command(after_help = "What is not named stays as it is. New jobs go by it; what runs goes on as it was launched.

Examples:
  sortie host set builder --callbacks pull
  sortie host set builder --slots 4 --label gpu --remove-label old
  sortie host set builder --slots none --disk-floor 2GiB")]
pub struct SetArgs {
    /// Name of the host
    name: String,
    /// Label to add; may be repeated
    #[arg(long = "label", value_name = "LABEL")]
    labels: Vec<String>,
    /// Label to take away; may be repeated
    #[arg(long = "remove-label", value_name = "LABEL")]
    remove_labels: Vec<String>,
    /// Jobs that may run there at once, or `none` for no limit
    #[arg(long, value_name = "N|none", value_parser = slots)]
    slots: Option<Slots>,
    /// How results come back: posted by the host, collected over SSH, or posted with collecting as soon as it is quiet
    #[arg(long, value_name = "MODE", value_parser = ["push", "pull", "both"])]
    callbacks: Option<String>,
    /// Whether jobs must run as a user of their own
    #[arg(long, value_name = "BOOL")]
    own_user: Option<bool>,
    /// Free space that a job needs there to be started, and under which it is ended: bytes, or with KiB, MiB, GiB
    #[arg(long, value_name = "SIZE", value_parser = size)]
    disk_floor: Option<u64>,
    #[command(flatten)]
    key: Mutation,
}

#[derive(Args)]
#[command(
    after_help = "Launches that name the host, or a label that no other host has, wait for it to be ready again: `runs explain` says so.
They wait as long as their step may take.

Examples:
  sortie host drain builder
  sortie host drain builder --wait --timeout 3600"
)]
pub struct DrainArgs {
    /// Name of the host
    name: String,
    /// Wait until nothing runs there
    #[arg(long)]
    wait: bool,
    /// Wait no longer than this, in seconds
    #[arg(long, value_name = "SECONDS", requires = "wait")]
    timeout: Option<u64>,
    #[command(flatten)]
    key: Mutation,
}

#[derive(Subcommand)]
pub enum KeysCommand {
    /// Which host keys are pinned, and which one the machine offers now
    #[command(after_help = "Example:\n  sortie host keys show builder")]
    Show(ShowKeysArgs),
    /// Pin the key that the machine offers now, after a planned change; never done by itself
    Accept(AcceptArgs),
}

#[derive(Args)]
pub struct ShowKeysArgs {
    /// Name of the host
    name: String,
    /// A machine on the way to it instead: 1 is the nearest
    #[arg(long, value_name = "N")]
    jump: Option<usize>,
}

#[derive(Args)]
#[command(
    after_help = "The fingerprint comes from the machine itself, by another way than this one (`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`).

Example:
  sortie host keys accept builder --fingerprint SHA256:Zk3..."
)]
pub struct AcceptArgs {
    /// Name of the host
    name: String,
    /// Fingerprint that the machine must offer
    #[arg(long, value_name = "SHA256:...")]
    fingerprint: String,
    /// A machine on the way to it instead: 1 is the nearest
    #[arg(long, value_name = "N")]
    jump: Option<usize>,
    #[command(flatten)]
    key: Mutation,
}

/// Slots, or no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slots(Option<u32>);

fn slots(text: &str) -> Result<Slots, String> {
    match text {
        "none" => Ok(Slots(None)),
        _ => text
            .parse()
            .ok()
            .filter(|slots| *slots > 0)
            .map(|slots| Slots(Some(slots)))
            .ok_or_else(|| "a number from 1, or none".to_owned()),
    }
}

fn size(text: &str) -> Result<u64, String> {
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let unit: u64 = match unit.trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err("bytes, or with KiB, MiB, GiB".to_owned()),
    };
    digits.parse::<u64>().ok().and_then(|n| n.checked_mul(unit)).ok_or_else(|| "a number of bytes".to_owned())
}

pub(super) async fn set(args: SetArgs, context: &Context) -> Result<Done, Problem> {
    let mut body = Map::new();
    let mut give = |name: &str, value: Value| body.insert(name.to_owned(), value);
    if !args.labels.is_empty() {
        give("add_labels", json!(args.labels));
    }
    if !args.remove_labels.is_empty() {
        give("remove_labels", json!(args.remove_labels));
    }
    if let Some(Slots(slots)) = args.slots {
        give("slots", json!(slots));
    }
    if let Some(callbacks) = args.callbacks {
        give("callbacks", json!(callbacks));
    }
    if let Some(own_user) = args.own_user {
        give("own_user", json!(own_user));
    }
    if let Some(bytes) = args.disk_floor {
        give("disk_floor_bytes", json!(bytes));
    }
    if body.is_empty() {
        return Err(Problem::new(ErrorCode::Usage, "nothing to set: see `sortie host set --help`"));
    }
    let success = Client::new(context)?.post(format!("/v1/hosts/{}", segment(&args.name)), Value::Object(body), &args.key).await?;
    let text = show::host_text(&success.data);
    Ok(Done::new(success, text))
}

pub(super) async fn drain(args: DrainArgs, context: &Context) -> Result<Done, Problem> {
    let client = Client::new(context)?;
    let mut success = client.post(format!("/v1/hosts/{}/drain", segment(&args.name)), json!({}), &args.key).await?;
    let started = Instant::now();
    while args.wait && open(&success.data) > 0 {
        if args.timeout.is_some_and(|timeout| started.elapsed() >= Duration::from_secs(timeout)) {
            let message = format!("{} attempts on `{}` are still open; it goes on draining", open(&success.data), args.name);
            return Err(Problem::new(ErrorCode::StillRunning, message).details(success.data));
        }
        tokio::time::sleep(Duration::from_millis(DRAIN_LOOK_MS)).await;
        success.data = client.get(format!("/v1/hosts/{}", segment(&args.name))).await?.data;
        if success.data["draining"] != true {
            return Err(Problem::new(ErrorCode::Conflict, format!("`{}` was made ready again by somebody else", args.name)));
        }
    }
    let text = format!("{} drains; {} attempts are open there\n", args.name, open(&success.data));
    Ok(Done::new(success, text))
}

fn open(host: &Value) -> u64 {
    host["open_attempts"].as_u64().unwrap_or(0)
}

pub(super) async fn ready(name: &str, key: &Mutation, context: &Context) -> Result<Done, Problem> {
    let success = Client::new(context)?.post(format!("/v1/hosts/{}/ready", segment(name)), json!({}), key).await?;
    Ok(Done::new(success, format!("{name} takes jobs\n")))
}

pub(super) async fn gc(name: &str, key: &Mutation, context: &Context) -> Result<Done, Problem> {
    let success = Client::new(context)?.post(format!("/v1/hosts/{}/gc", segment(name)), json!({}), key).await?;
    let data = &success.data;
    let mut text = format!("removed {} acknowledged attempts, {} are kept\n", data["removed"], data["kept"]);
    for (field, words) in [("stopped", "ended, without a live run"), ("still_there", "without a live run, its end is not verified yet")] {
        for attempt in data[field].as_array().map(Vec::as_slice).unwrap_or_default() {
            text += &format!("{}  {words}\n", table::cell(attempt, ""));
        }
    }
    if data["foreign"].as_u64().unwrap_or(0) > 0 {
        text += &format!("{} attempts of other installations were left alone\n", data["foreign"]);
    }
    Ok(Done::new(success, text))
}

pub(super) async fn keys(command: KeysCommand, context: &Context) -> Result<Done, Problem> {
    let client = Client::new(context)?;
    match command {
        KeysCommand::Show(args) => {
            let which = query(&[("jump", args.jump.map(|jump| jump.to_string()))]);
            let success = client.get(format!("/v1/hosts/{}/keys{which}", segment(&args.name))).await?;
            let mut text = String::new();
            let keys = |list: &str| success.data[list].as_array().cloned().unwrap_or_default();
            for key in keys("pinned") {
                text += &format!("pinned   {}\n", table::cell(&key, "fingerprint"));
            }
            for key in keys("offered") {
                let known = if key["pinned"] == true { "" } else { "  (not pinned)" };
                text += &format!("offered  {}{known}\n", table::cell(&key, "fingerprint"));
            }
            Ok(Done::new(success, text))
        }
        KeysCommand::Accept(args) => {
            let path = format!("/v1/hosts/{}/keys", segment(&args.name));
            let success = client.post(path, json!({ "fingerprint": args.fingerprint, "jump": args.jump }), &args.key).await?;
            let text =
                format!("{}: {} is pinned now, instead of {}\n", args.name, args.fingerprint, table::cell(&success.data, "replaced"));
            Ok(Done::new(success, text))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_slots_are_read_and_nonsense_is_not() {
        assert_eq!(size("2GiB"), Ok(2 << 30));
        assert_eq!(size("512"), Ok(512));
        assert!(size("2GB").is_err() && size("").is_err() && size("99999999999GiB").is_err());
        assert_eq!((slots("none"), slots("3")), (Ok(Slots(None)), Ok(Slots(Some(3)))));
        assert!(slots("0").is_err() && slots("-1").is_err());
    }
}
