//! `sortie approval`: what people are asked, and deciding it.

use super::Mutation;
use super::client::{Ask, Client, query, segment};
use super::context::Context;
use super::output::Done;
use super::runs::control_done;
use super::table;
use crate::envelope::Problem;
use clap::{Args, Subcommand};
use serde_json::json;

#[derive(Subcommand)]
pub enum ApprovalCommand {
    /// Approvals that are not decided, oldest runs first
    List(ListArgs),
    /// One approval: what is asked, of whom, who decided so far
    Show(ShowArgs),
    /// Say yes
    Approve(VoteArgs),
    /// Say no
    Reject(VoteArgs),
    /// Make a one-use link with which somebody without a token decides
    Link(LinkArgs),
}

#[derive(Args)]
#[command(after_help = "Example:
  sortie approval list")]
pub struct ListArgs {
    /// After this one, as the page before says
    #[arg(long, value_name = "RUN:CALL")]
    after: Option<String>,
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
}

#[derive(Args)]
#[command(after_help = "Example:
  sortie approval show wait_0d...")]
pub struct ShowArgs {
    /// Id of the approval
    approval: String,
}

#[derive(Args)]
#[command(
    after_help = "A decision names the revision that was looked at, so that nobody decides about something else than they saw. Deciding the
same twice changes nothing; the first decision of a person stands.

Examples:
  sortie approval approve wait_0d... --revision 12 --comment 'looks right'
  sortie approval reject wait_0d... --revision 12 --comment 'wrong branch'"
)]
pub struct VoteArgs {
    /// Id of the approval
    approval: String,
    /// The revision that you looked at; `approval show` says it
    #[arg(long, value_name = "N")]
    revision: u64,
    /// Why
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    #[command(flatten)]
    key: Mutation,
}

#[derive(Args)]
#[command(
    after_help = "The link shows the question and takes one decision of that person. Whoever has it can decide: send it to them alone.
You can give only roles that you have yourself.

Example:
  sortie approval link wait_0d... --for ann@example.org --role maintainers --expires 24h"
)]
pub struct LinkArgs {
    /// Id of the approval
    approval: String,
    /// Who decides by it, as the history will say
    #[arg(long = "for", value_name = "NAME")]
    name: String,
    /// A role that they decide in; may be given several times
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// For how long; until the approval's own deadline at the longest
    #[arg(long, value_name = "DURATION", value_parser = super::duration)]
    expires: Option<u64>,
}

/// Do it.
pub async fn run(command: ApprovalCommand, context: &Context) -> Result<Done, Problem> {
    let client = Client::new(context)?;
    match command {
        ApprovalCommand::List(args) => list(args, &client).await,
        ApprovalCommand::Show(args) => show(&args.approval, &client).await,
        ApprovalCommand::Approve(args) => vote(args, "approve", &client).await,
        ApprovalCommand::Reject(args) => vote(args, "reject", &client).await,
        ApprovalCommand::Link(args) => link(args, &client).await,
    }
}

async fn list(args: ListArgs, client: &Client) -> Result<Done, Problem> {
    let query = query(&[("after", args.after), ("limit", Some(args.limit.to_string()))]);
    let success = client.get(format!("/v1/approvals{query}")).await?;
    let columns = [
        ("APPROVAL", "id"),
        ("FLOW", "flow"),
        ("TITLE", "title"),
        ("REVISION", "revision"),
        ("APPROVED", "approved"),
        ("OF", "quorum"),
        ("BY", "approvers"),
        ("UNTIL", "deadline_at"),
    ];
    let text = table::of(&success.data["approvals"], &columns);
    Ok(Done::new(success, text))
}

async fn show(id: &str, client: &Client) -> Result<Done, Problem> {
    let success = client.get(format!("/v1/approvals/{}", segment(id))).await?;
    let fields = [
        ("approval", "id"),
        ("title", "title"),
        ("flow", "flow"),
        ("run", "run"),
        ("step", "step"),
        ("open", "open"),
        ("outcome", "outcome"),
        ("revision", "revision"),
        ("needed", "quorum"),
        ("approved", "approved"),
        ("by", "approvers"),
        ("comment needed", "comment_required"),
        ("to look at", "show"),
        ("since", "since"),
        ("until", "deadline_at"),
    ];
    let mut text = table::fields(&success.data, &fields);
    if let Some(words) = success.data["text"].as_str().filter(|words| !words.is_empty()) {
        text += &format!("\n{words}\n");
    }
    if success.data["votes"].as_array().is_some_and(|votes| !votes.is_empty()) {
        let columns = [("WHO", "actor"), ("DECIDED", "decision"), ("COMMENT", "comment"), ("AT", "at")];
        text += &format!("\n{}", table::of(&success.data["votes"], &columns));
    }
    Ok(Done::new(success, text))
}

async fn vote(args: VoteArgs, decision: &str, client: &Client) -> Result<Done, Problem> {
    let body = json!({ "decision": decision, "revision": args.revision, "comment": args.comment, "via": "cli" });
    control_done(client.post(format!("/v1/approvals/{}/vote", segment(&args.approval)), body, &args.key).await?)
}

async fn link(args: LinkArgs, client: &Client) -> Result<Done, Problem> {
    let path = format!("/v1/approvals/{}/links", segment(&args.approval));
    let body = json!({ "name": args.name, "roles": args.roles, "expires_ms": args.expires });
    let success = client.ask(Ask { method: "POST", path, body: Some(body), ..Ask::default() }).await?;
    let text = table::fields(&success.data, &[("for", "name"), ("roles", "roles"), ("until", "expires_at"), ("link", "url")]);
    Ok(Done::new(success, text))
}
