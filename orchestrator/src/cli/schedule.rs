//! `sortie schedule`: look at schedules, hold them, fire them by hand.

use super::Mutation;
use super::client::{Client, query, segment};
use super::context::Context;
use super::output::Done;
use super::table;
use crate::envelope::Problem;
use clap::{Args, Subcommand};
use serde_json::json;

#[derive(Subcommand)]
pub enum ScheduleCommand {
    /// Schedules of what is live, with their next times
    List(ListArgs),
    /// One schedule: its newest times, what was missed, what was in force when
    #[command(after_help = "Example:\n  sortie schedule show nightly")]
    Show(Name),
    /// Fire no more until it is resumed
    #[command(after_help = "Example:\n  sortie schedule pause nightly")]
    Pause(Named),
    /// Fire again from now on; what came meanwhile is not made up for
    #[command(after_help = "Example:\n  sortie schedule resume nightly")]
    Resume(Named),
    /// Fire once, now
    #[command(after_help = "Example:\n  sortie schedule trigger nightly")]
    Trigger(Named),
    /// Fire the times of a past span that were not fired
    Backfill(BackfillArgs),
}

#[derive(Args)]
#[command(after_help = "Example:\n  sortie schedule list --flow nightly")]
pub struct ListArgs {
    /// Of this flow
    #[arg(long, value_name = "NAME")]
    flow: Option<String>,
}

/// Which schedule.
#[derive(Args)]
pub struct Name {
    /// Name of the flow
    flow: String,
    /// Name of the schedule: `schedule` is the first of a flow, `schedule-2` the next
    #[arg(default_value = "schedule")]
    name: String,
}

/// Which schedule to change.
#[derive(Args)]
pub struct Named {
    #[command(flatten)]
    name: Name,
    #[command(flatten)]
    key: Mutation,
}

#[derive(Args)]
#[command(
    after_help = "Times are those of the cron expression that was in force then. They follow each other, unless the schedule says `allow`.

Example:
  sortie schedule backfill nightly --from 2026-01-01T00:00:00Z --to 2026-01-08T00:00:00Z"
)]
pub struct BackfillArgs {
    #[command(flatten)]
    name: Name,
    /// From this time, RFC 3339
    #[arg(long, value_name = "TIME")]
    from: String,
    /// Up to this time, RFC 3339
    #[arg(long, value_name = "TIME")]
    to: String,
    #[command(flatten)]
    key: Mutation,
}

/// Do it.
pub async fn run(command: ScheduleCommand, context: &Context) -> Result<Done, Problem> {
    let client = Client::new(context)?;
    match command {
        ScheduleCommand::List(args) => {
            let success = client.get(format!("/v1/schedules{}", query(&[("flow", args.flow)]))).await?;
            let columns = [
                ("FLOW", "flow"),
                ("NAME", "name"),
                ("CRON", "cron"),
                ("ZONE", "tz"),
                ("NEXT", "next"),
                ("PAUSED", "paused"),
                ("OVERLAP", "overlap"),
            ];
            let text = table::of(&success.data["schedules"], &columns);
            Ok(Done::new(success, text))
        }
        ScheduleCommand::Show(name) => {
            let success = client.get(path(&name, "")).await?;
            let fields =
                [("flow", "flow"), ("name", "name"), ("cron", "cron"), ("zone", "tz"), ("next", "next"), ("paused by", "paused_by")];
            let columns = [("AT", "at"), ("CAUSE", "cause"), ("STATE", "state"), ("RUN", "run"), ("NOTE", "note")];
            let text = format!("{}\n{}", table::fields(&success.data, &fields), table::of(&success.data["times"], &columns));
            Ok(Done::new(success, text))
        }
        ScheduleCommand::Pause(named) => change(&client, &named, "pause").await,
        ScheduleCommand::Resume(named) => change(&client, &named, "resume").await,
        ScheduleCommand::Trigger(named) => {
            let success = client.post(path(&named.name, "/trigger"), json!({}), &named.key).await?;
            let text = format!("{}\n", table::cell(&success.data, "run"));
            Ok(Done::new(success, text))
        }
        ScheduleCommand::Backfill(args) => {
            let success = client.post(path(&args.name, "/backfill"), json!({ "from": args.from, "to": args.to }), &args.key).await?;
            let fired = success.data["fired"].as_array().map_or(0, Vec::len);
            let text = format!("{fired} times are fired, {} were there\n", table::cell(&success.data, "were_there"));
            Ok(Done::new(success, text))
        }
    }
}

async fn change(client: &Client, named: &Named, what: &str) -> Result<Done, Problem> {
    let success = client.post(path(&named.name, &format!("/{what}")), json!({}), &named.key).await?;
    let fields = [("flow", "flow"), ("name", "name"), ("next", "next"), ("paused by", "paused_by")];
    let text = table::fields(&success.data, &fields);
    Ok(Done::new(success, text))
}

fn path(name: &Name, rest: &str) -> String {
    format!("/v1/schedules/{}/{}{rest}", segment(&name.flow), segment(&name.name))
}
