//! The command line: one file per command, the same words as the API that most of them call.
//!
//! [`run`] reads the arguments, does what they say and prints once ([`output`]); the exit code is that of the error's
//! code ([`crate::error_code`]), the only place that has one.

mod approval;
mod audit;
pub mod clean;
mod client;
mod connection;
mod context;
mod dead;
mod demo;
mod doctor;
mod event;
mod flow;
mod follow;
mod host;
mod init;
mod keys;
mod launch;
mod limits;
mod log;
mod operator;
mod output;
mod resource;
mod run;
mod runs;
mod schedule;
mod schema;
mod secret;
mod serve;
mod status;
mod table;
mod token;
mod waits;
mod worker;

pub use runs::event_line;

pub use schema::HISTORY as HISTORY_SCHEMA;

use crate::envelope::Problem;
use crate::error_code::{EXIT_DONE, ErrorCode};
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand};
use context::Context;
use output::{Done, Mode, Output};
use serde_json::json;
use std::ffi::OsString;
use std::path::PathBuf;

/// Launches coding agents on VMs over SSH and waits for them durably.
#[derive(Parser)]
#[command(name = "sortie", version, max_term_width = 100, propagate_version = false, after_help = AFTER_HELP)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
First steps:
  sortie init && sortie serve &
  sortie host add builder me@vm.example --host-key-fingerprint SHA256:...
  sortie launch --on builder --wait -- uname -a
  sortie flow push ./my-flow && sortie flow release my-flow && sortie run my-flow --wait

Output: one JSON envelope on standard output with --json, or when it is no terminal; text otherwise.
Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 not allowed, 5 conflict, 6 rejected by a person,
  7 unavailable, 124 still running at --timeout.
Environment: SORTIE_HOME (the installation), SORTIE_URL (its operator API), SORTIE_TOKEN (else the home's file).";

#[derive(Args)]
struct Global {
    /// Print one JSON envelope (the default when standard output is no terminal)
    #[arg(long, global = true, conflicts_with = "text")]
    json: bool,
    /// Print text for people
    #[arg(long, global = true)]
    text: bool,
    /// No colours; NO_COLOR says the same
    #[arg(long, global = true)]
    no_color: bool,
    /// Folder of the installation [default: ~/.local/share/sortie]
    #[arg(long, global = true, env = "SORTIE_HOME", value_name = "DIR", hide_env_values = true)]
    home: Option<PathBuf>,
    /// Operator API of the server [default: operator_listen of the home's config.toml]
    #[arg(long, global = true, env = "SORTIE_URL", value_name = "URL", hide_env_values = true)]
    url: Option<String>,
}

/// What every change of the server's state takes.
#[derive(Args, Clone, Debug, Default)]
pub struct Mutation {
    /// The same request under the same key is done once; one is made and printed where none is given
    #[arg(long, value_name = "KEY")]
    pub idempotency_key: Option<String>,
}

#[derive(Subcommand)]
#[expect(clippy::large_enum_variant, reason = "parsed once a process")]
enum Command {
    /// Make an installation: folder, configuration, keys, SSH identity, operator token, store
    Init(init::InitArgs),
    /// Run the server in the foreground
    Serve(serve::ServeArgs),
    /// Serve jobs on this machine for a server that cannot reach it
    Worker(worker::WorkerArgs),
    /// See the whole of it work, in seconds: nothing installed, nothing left behind
    Demo(demo::DemoArgs),
    /// Look at the whole installation on one screen
    Status,
    /// Machines that jobs run on
    #[command(subcommand)]
    Host(host::HostCommand),
    /// Flows: check, test, simulate, push, release, promote, compare
    #[command(subcommand)]
    Flow(flow::FlowCommand),
    /// Start a run of a flow
    Run(run::RunArgs),
    /// Schedules of flows: look, pause, fire by hand
    #[command(subcommand)]
    Schedule(schedule::ScheduleCommand),
    /// Outside events that runs wait for
    #[command(subcommand)]
    Event(event::EventCommand),
    /// Run one command on a host, without a flow file
    Launch(launch::LaunchArgs),
    /// Runs: look, watch, explain, control
    #[command(subcommand)]
    Runs(runs::RunsCommand),
    /// Runs that gave up after their retries: list, redrive, purge
    #[command(subcommand)]
    Dead(dead::DeadCommand),
    /// Questions to people: list, decide, hand out links
    #[command(subcommand)]
    Approval(approval::ApprovalCommand),
    /// What runs have kept: list, fetch, link, collect
    #[command(subcommand)]
    Resource(resource::ResourceCommand),
    /// Waits of runs: list, answer, hand out what answers them
    #[command(subcommand)]
    Waits(waits::WaitsCommand),
    /// Correlation tokens: what was handed out, and whether one holds
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Secrets of flows and connections
    #[command(subcommand)]
    Secret(secret::SecretCommand),
    /// Where the server sends to: chat, mail, webhooks, APIs
    #[command(subcommand)]
    Connection(connection::ConnectionCommand),
    /// People who operate the installation: names, roles, tokens
    #[command(subcommand)]
    Operator(operator::OperatorCommand),
    /// What operators have changed: when, who, what, with which outcome
    Audit(audit::AuditArgs),
    /// Signing keys and roots of the installation
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Look for what is not right, and say how to put it right; changes nothing
    Doctor(doctor::DoctorArgs),
    /// Print a JSON Schema of the program's output
    Schema(schema::SchemaArgs),
    /// Check and evaluate flows for the server
    #[command(hide = true)]
    FlowWorker,
}

/// Do what the arguments say; gives the exit code. The first argument is the program's name.
#[must_use]
pub fn run(args: Vec<OsString>) -> u8 {
    if args.get(1).is_some_and(|word| word == "flow-worker") {
        sortie_flow::worker::main();
    }
    let cli = match parse(&args) {
        Ok(cli) => cli,
        Err(error) => return refused(&error, &args),
    };
    let out = Output { mode: Mode::choose(cli.global.json, cli.global.text), asked: cli.global.json };
    let result = Context::new(out, cli.global.home, cli.global.url).and_then(|context| dispatch(cli.command, &context));
    out.finish(result)
}

fn parse(args: &[OsString]) -> Result<Cli, clap::Error> {
    let plain = args.iter().any(|word| word == "--no-color");
    let command = if plain { Cli::command().color(clap::ColorChoice::Never) } else { Cli::command() };
    command.try_get_matches_from(args).and_then(|matches| <Cli as clap::FromArgMatches>::from_arg_matches(&matches))
}

/// Help and version are text; every other refusal is a problem like any other.
fn refused(error: &clap::Error, args: &[OsString]) -> u8 {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let _ = error.print();
        return EXIT_DONE;
    }
    let before = args.iter().take_while(|word| *word != "--");
    let said = |flag: &str| before.clone().any(|word| word == flag);
    let out = Output { mode: Mode::choose(said("--json"), said("--text")), asked: said("--json") };
    let text = error.render().to_string();
    let (message, rest) = text.split_once("\n\n").unwrap_or((text.as_str(), ""));
    let message = message.strip_prefix("error: ").unwrap_or(message).trim().to_owned();
    let usage: Vec<&str> = rest.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let problem = Problem::new(ErrorCode::Usage, message).details(json!({ "kind": format!("{:?}", error.kind()), "usage": usage }));
    out.finish(Err(problem.hint(if usage.is_empty() { "see --help".to_owned() } else { usage.join("\n      ") })))
}

fn dispatch(command: Command, context: &Context) -> Result<Done, Problem> {
    match command {
        Command::Init(args) => runtime()?.block_on(init::run(args, context)),
        Command::Serve(args) => serve::run(&args, context),
        Command::Worker(args) => worker::run(&args, context),
        Command::Demo(args) => demo::run(args),
        Command::Keys(command) => keys::run(command, context),
        Command::Schema(args) => schema::run(&args),
        Command::Flow(flow::FlowCommand::Check(args)) => flow::check::run(&args, context),
        Command::Token(token::TokenCommand::Verify(args)) => token::verify(&args, context),
        Command::FlowWorker => sortie_flow::worker::main(),
        other => runtime()?.block_on(remote(other, context)),
    }
}

/// Commands that speak with the server.
async fn remote(command: Command, context: &Context) -> Result<Done, Problem> {
    match command {
        Command::Status => status::run(context).await,
        Command::Host(command) => host::run(command, context).await,
        Command::Flow(command) => flow::run(command, context).await,
        Command::Run(args) => run::run(args, context).await,
        Command::Schedule(command) => schedule::run(command, context).await,
        Command::Event(command) => event::run(command, context).await,
        Command::Launch(args) => launch::run(args, context).await,
        Command::Runs(command) => runs::run(command, context).await,
        Command::Dead(command) => dead::run(command, context).await,
        Command::Approval(command) => approval::run(command, context).await,
        Command::Resource(command) => resource::run(command, context).await,
        Command::Waits(command) => waits::run(command, context).await,
        Command::Token(command) => token::run(command, context).await,
        Command::Secret(command) => secret::run(command, context).await,
        Command::Connection(command) => connection::run(command, context).await,
        Command::Operator(command) => operator::run(command, context).await,
        Command::Audit(args) => audit::run(args, context).await,
        Command::Doctor(args) => doctor::run(&args, context).await,
        _ => Err(Problem::new(ErrorCode::Failed, "this command does not speak with a server")),
    }
}

/// One thread is enough for one request.
fn runtime() -> Result<tokio::runtime::Runtime, Problem> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.map_err(|error| Problem::new(ErrorCode::Failed, format!("no runtime: {error}")))
}

/// Name the TLS backend, once for the process.
pub(crate) fn crypto() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default(); // an error means: already done
}

/// A duration argument in milliseconds.
fn duration(text: &str) -> Result<u64, String> {
    sortie_flow::duration::parse(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_hold_together_and_every_command_has_help() {
        Cli::command().debug_assert();
        fn walk(command: &clap::Command, path: &str) {
            for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help") {
                let path = format!("{path} {}", sub.get_name());
                assert!(sub.get_about().is_some(), "{path} says nothing about itself");
                let leaf = !sub.has_subcommands();
                let help = sub.clone().render_long_help().to_string();
                assert!(!leaf || help.contains("Example") || path == " status", "{path} has no example:\n{help}");
                walk(sub, &path);
            }
        }
        walk(&Cli::command(), "");
    }

    /// One that did would take the other's value: `--url` of a connection would be asked, with the operator's token.
    #[test]
    fn no_command_has_an_argument_that_all_commands_have() {
        fn walk(command: &clap::Command, global: &[String]) {
            for sub in command.get_subcommands() {
                for argument in sub.get_arguments() {
                    let name = argument.get_id().to_string();
                    assert!(!global.contains(&name), "{} has a --{name} of its own", sub.get_name());
                }
                walk(sub, global);
            }
        }
        let all = Cli::command();
        let global: Vec<String> = all.get_arguments().filter(|a| a.is_global_set()).map(|a| a.get_id().to_string()).collect();
        assert!(global.iter().any(|name| name == "url"), "{global:?}");
        walk(&all, &global);
    }

    #[test]
    fn no_argument_takes_a_token_or_secret() {
        fn walk(command: &clap::Command) {
            for argument in command.get_arguments() {
                let name = argument.get_id().as_str();
                assert!(!["token", "password", "secret", "passphrase"].contains(&name), "{} takes {name}", command.get_name());
            }
            command.get_subcommands().for_each(walk);
        }
        walk(&Cli::command());
    }
}
