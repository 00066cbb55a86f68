//! `sortie connection`: where the server sends to, and as whom.

use super::Mutation;
use super::client::{Ask, Client, segment};
use super::context::Context;
use super::output::Done;
use super::table;
use crate::envelope::Problem;
use crate::error_code::ErrorCode;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

#[derive(Subcommand)]
pub enum ConnectionCommand {
    /// Add a connection, or put another account into its place
    Add(Box<AddArgs>),
    /// All connections
    #[command(after_help = "Example:\n  sortie connection list")]
    List,
    /// Send something through a connection and say what came of it
    #[command(after_help = "Example:\n  sortie connection test ops-chat")]
    Test(ChangeArgs),
    /// Which flows use a connection, and which secrets it uses
    #[command(after_help = "Example:\n  sortie connection usages ops-chat")]
    Usages(NameArgs),
    /// Remove a connection; refused while something names it
    #[command(after_help = "Example:\n  sortie connection remove ops-chat")]
    Remove(RemoveArgs),
}

/// What a connection speaks.
#[derive(Clone, Copy, ValueEnum)]
pub enum KindArg {
    /// JSON by POST
    Webhook,
    /// An incoming webhook of Slack
    Slack,
    /// Mail
    Smtp,
    /// Base of an API, for http steps
    Http,
}

#[derive(Args)]
#[command(after_help = "Secrets are named, never given here: set them with `sortie secret set NAME`.

Examples:
  sortie connection add ops-chat --kind slack --url-secret slack-webhook
  sortie connection add hook --kind webhook --endpoint https://hooks.example/sortie --bearer hook-token
  sortie connection add mail --kind smtp --endpoint smtps://mail.example --user sortie --password-secret mail --from sortie@example.com --to ops@example.com
  sortie connection add tracker --kind http --endpoint https://api.tracker.example/v2 --bearer tracker-token")]
pub struct AddArgs {
    /// Name, which flows know it by
    name: String,
    /// What it speaks
    #[arg(long, value_enum)]
    kind: KindArg,
    /// URL where to; smtp:// (STARTTLS) or smtps:// for mail
    // Not `--url`: that is the server's own address, which a command of the same name would take, with the operator's token.
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Secret that is the URL, where the URL itself says who may send
    #[arg(long, value_name = "NAME", conflicts_with = "endpoint")]
    url_secret: Option<String>,
    /// Secret for `Authorization: Bearer`
    #[arg(long, value_name = "NAME", alias = "secret")]
    bearer: Option<String>,
    /// User for `Authorization: Basic` or a mail server
    #[arg(long, requires = "password_secret")]
    user: Option<String>,
    /// Secret that is the user's password
    #[arg(long, value_name = "NAME", requires = "user")]
    password_secret: Option<String>,
    /// Header that carries the secret of --header-secret
    #[arg(long, value_name = "HEADER", requires = "header_secret")]
    header: Option<String>,
    /// Secret for the header
    #[arg(long, value_name = "NAME", requires = "header")]
    header_secret: Option<String>,
    /// It may lead to private addresses
    #[arg(long)]
    allow_private: bool,
    /// Mail: whom it is from
    #[arg(long, value_name = "ADDRESS")]
    from: Option<String>,
    /// Mail: whom it goes to; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    to: Vec<String>,
    /// Mail: without TLS, only without a password
    #[arg(long)]
    plaintext: bool,
    /// Take the place of the connection of this name
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    key: Mutation,
}

#[derive(Args)]
pub struct NameArgs {
    /// Name of the connection
    name: String,
}

#[derive(Args)]
pub struct ChangeArgs {
    /// Name of the connection
    name: String,
    #[command(flatten)]
    key: Mutation,
}

#[derive(Args)]
pub struct RemoveArgs {
    /// Name of the connection
    name: String,
    /// Also where something names it
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    key: Mutation,
}

const COLUMNS: [(&str, &str); 6] =
    [("NAME", "name"), ("KIND", "kind"), ("URL", "url|url_secret"), ("TO", "to"), ("CHANGED", "changed_at"), ("BY", "changed_by")];

/// Do it.
pub async fn run(command: ConnectionCommand, context: &Context) -> Result<Done, Problem> {
    let client = Client::new(context)?;
    match command {
        ConnectionCommand::Add(args) => {
            let body = json!({ "name": args.name, "replace": args.replace, "connection": connection(&args)? });
            let success = client.post("/v1/connections", body, &args.key).await?;
            let text = table::fields(&success.data, &[("name", "name"), ("kind", "kind"), ("url", "url"), ("to", "to")]);
            Ok(Done::new(success, text))
        }
        ConnectionCommand::List => {
            let success = client.get("/v1/connections").await?;
            let text = table::of(&success.data["connections"], &COLUMNS);
            Ok(Done::new(success, text))
        }
        ConnectionCommand::Test(args) => {
            let success = client.post(format!("/v1/connections/{}/test", segment(&args.name)), json!({}), &args.key).await?;
            let status = table::cell(&success.data, "status");
            let text = if status.is_empty() { format!("{} took it\n", args.name) } else { format!("{} answered {status}\n", args.name) };
            Ok(Done::new(success, text))
        }
        ConnectionCommand::Usages(args) => {
            let success = client.get(format!("/v1/connections/{}/usages", segment(&args.name))).await?;
            let shown = [("name", "name"), ("flows", "flows"), ("default for notices", "default_for_notices"), ("secrets", "secrets")];
            let text = table::fields(&success.data, &shown);
            Ok(Done::new(success, text))
        }
        ConnectionCommand::Remove(args) => {
            let force = if args.force { "?force=true" } else { "" };
            let path = format!("/v1/connections/{}{force}", segment(&args.name));
            let success = client.ask(Ask { method: "DELETE", path, key: Some(args.key.idempotency_key), ..Ask::default() }).await?;
            Ok(Done::new(success, format!("removed {}\n", args.name)))
        }
    }
}

fn connection(args: &AddArgs) -> Result<Value, Problem> {
    let kind = match args.kind {
        KindArg::Webhook => "webhook",
        KindArg::Slack => "slack",
        KindArg::Smtp => "smtp",
        KindArg::Http => "http",
    };
    let auth = match (&args.bearer, &args.user, &args.header) {
        (None, None, None) => json!("none"),
        (Some(secret), None, None) => json!({ "bearer": { "secret": secret } }),
        (None, Some(user), None) => json!({ "basic": { "user": user, "secret": args.password_secret } }),
        (None, None, Some(name)) => json!({ "header": { "name": name, "secret": args.header_secret } }),
        _ => return Err(Problem::new(ErrorCode::Usage, "one of --bearer, --user and --header says who sends")),
    };
    Ok(json!({
        "kind": kind,
        "url": args.endpoint,
        "url_secret": args.url_secret,
        "auth": auth,
        "allow_private": args.allow_private,
        "from": args.from,
        "to": args.to,
        "plaintext": args.plaintext,
    }))
}
