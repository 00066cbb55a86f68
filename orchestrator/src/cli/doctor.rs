//! `sortie doctor`: what is not right with an installation, with its fix. Changes nothing.

use super::client::Client;
use super::context::Context;
use super::limits::DOCTOR_MS;
use super::output::Done;
use super::table;
use crate::envelope::{Problem, Success};
use crate::error_code::ErrorCode;
use crate::http::api::token;
use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};
use sortie_keys::KeyRing;
use sortie_keys::ssh::Identity;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

#[derive(Args)]
#[command(after_help = "Exits with 1 where something blocks. Looks at modes, configuration, keys, server, public URL, hosts,
and at the journals of the newest runs.

Example:
  sortie doctor --json")]
pub struct DoctorArgs {
    /// Reach every host too; takes a few seconds for each that is away
    #[arg(long)]
    hosts: bool,
}

/// How bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Level {
    Ok,
    Warning,
    Blocked,
}

/// One thing that was looked at.
#[derive(Serialize)]
struct Finding {
    check: &'static str,
    level: Level,
    message: String,
    fix: Option<String>,
}

/// What was found so far.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn ok(&mut self, check: &'static str, message: impl Into<String>) {
        self.0.push(Finding { check, level: Level::Ok, message: message.into(), fix: None });
    }

    fn bad(&mut self, check: &'static str, level: Level, message: impl Into<String>, fix: impl Into<String>) {
        self.0.push(Finding { check, level, message: message.into(), fix: Some(fix.into()) });
    }
}

/// Look.
pub async fn run(args: &DoctorArgs, context: &Context) -> Result<Done, Problem> {
    let mut found = Findings::default();
    home(context, &mut found);
    keys(context, &mut found);
    if let Some(url) = configuration(context, &mut found) {
        public_url(&url, &mut found).await;
    }
    server(context, args.hosts, &mut found).await;
    let blocked = found.0.iter().filter(|finding| finding.level == Level::Blocked).count();
    let findings = serde_json::to_value(&found.0).unwrap_or_default();
    let text = text(&findings);
    if blocked > 0 {
        let problem = Problem::new(ErrorCode::Blocked, format!("{blocked} things must be put right:\n{text}"));
        return Err(problem.details(json!({ "findings": findings })));
    }
    Ok(Done::new(Success::new(json!({ "findings": findings })), text))
}

fn text(findings: &Value) -> String {
    let one = |finding: &Value| {
        let fix = table::cell(finding, "fix");
        let fix = if fix.is_empty() { fix } else { format!("\n         fix: {fix}") };
        format!("{:<8} {}: {}{fix}\n", table::cell(finding, "level"), table::cell(finding, "check"), table::cell(finding, "message"))
    };
    findings.as_array().map(Vec::as_slice).unwrap_or_default().iter().map(one).collect()
}

fn home(context: &Context, found: &mut Findings) {
    let path = context.home.path();
    let Ok(metadata) = std::fs::metadata(path) else {
        return found.bad("home", Level::Blocked, format!("{} is not there", path.display()), "run `sortie init`, or set SORTIE_HOME");
    };
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return found.bad(
            "home",
            Level::Blocked,
            format!("{} has mode {mode:04o}", path.display()),
            format!("chmod 0700 {}", path.display()),
        );
    }
    found.ok("home", path.display().to_string());
    match token::read(&context.home.operator_token()) {
        Ok(_) => found.ok("operator_token", "there, for its owner alone"),
        Err(problem) => found.bad("operator_token", Level::Blocked, problem.message, problem.hint.unwrap_or_default()),
    }
}

fn keys(context: &Context, found: &mut Findings) {
    match KeyRing::open(&context.home.keys()) {
        Ok(ring) => found.ok("keys", format!("generation {}, signing with {}", ring.generation(), ring.active_kid())),
        Err(error) => {
            found.bad("keys", Level::Blocked, error.to_string(), "restore the folder keys/ from a backup, or put its modes right")
        }
    }
    match Identity::load(&context.home.identity(), None) {
        Ok(identity) => found.ok("ssh_identity", identity.fingerprint()),
        Err(error) => {
            found.bad("ssh_identity", Level::Warning, error.to_string(), "hosts that use the installation's own key cannot be reached")
        }
    }
    let store = context.home.store();
    match std::fs::metadata(&store) {
        Ok(metadata) if metadata.len() > 0 => found.ok("store", format!("{}, {} bytes", store.display(), metadata.len())),
        _ => found.bad("store", Level::Blocked, format!("{} is not there", store.display()), "restore it from a backup"),
    }
}

/// Gives the public URL.
fn configuration(context: &Context, found: &mut Findings) -> Option<String> {
    let config = match context.config() {
        Ok(config) => config,
        Err(problem) => {
            found.bad("config", Level::Blocked, problem.message, "correct config.toml");
            return None;
        }
    };
    found.ok("config", format!("callbacks at {}, operators at {}", config.listen, config.operator_listen));
    if !config.operator_listen.ip().is_loopback() {
        found.bad(
            "operator_listen",
            Level::Warning,
            format!("operators are listened to on {}, without TLS", config.operator_listen),
            "use loopback and an SSH tunnel",
        );
    }
    for path in config.tls.iter().flat_map(|tls| [&tls.certificate, &tls.key]).chain(&config.callback_ca) {
        if let Err(error) = std::fs::File::open(path) {
            found.bad("tls", Level::Blocked, format!("{}: {error}", path.display()), "correct config.toml, or the file");
        }
    }
    if let Some(tls) = &config.tls {
        open_to_others(&tls.key, found);
    }
    let local = url::Url::parse(config.audience()).ok().and_then(|url| url.host().map(|host| super::client::is_loopback(&host)));
    if local == Some(true) {
        let message = format!("{} is this machine only: other machines cannot post results there", config.audience());
        found.bad(
            "public_url",
            Level::Warning,
            message,
            "set public_url to an address that the hosts can reach; until then results are collected over SSH",
        );
    } else if config.plain_http && config.audience().starts_with("http://") {
        found.bad("public_url", Level::Warning, "callbacks go over plain HTTP", "use https unless you trust the network whole");
    }
    Some(config.audience().to_owned())
}

fn open_to_others(path: &Path, found: &mut Findings) {
    if let Ok(metadata) = std::fs::metadata(path)
        && metadata.permissions().mode() & 0o077 != 0
    {
        found.bad("tls", Level::Blocked, format!("{} may be read by others", path.display()), format!("chmod 0600 {}", path.display()));
    }
}

async fn public_url(url: &str, found: &mut Findings) {
    super::crypto();
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(Duration::from_millis(DOCTOR_MS)).build();
    let Ok(http) = http else { return };
    match http.get(format!("{url}/healthz")).send().await {
        Ok(answer) if answer.status().is_success() => found.ok("callbacks", format!("{url} answers, as seen from here")),
        Ok(answer) => {
            let message = format!("{url}/healthz answered {}", answer.status());
            found.bad(
                "callbacks",
                Level::Warning,
                message,
                "let the proxy in front pass /v1/callbacks/ and /healthz on to the callback listener",
            );
        }
        Err(error) => {
            let why = std::iter::successors(std::error::Error::source(&error), |error| error.source())
                .last()
                .map_or_else(|| error.to_string(), ToString::to_string);
            let fix = "start the server, or make the address reachable; it may be reachable from the hosts all the same (a private CA, another network)";
            found.bad("callbacks", Level::Warning, format!("{url} is not reached from here: {why}"), fix);
        }
    }
}

async fn server(context: &Context, reach_hosts: bool, found: &mut Findings) {
    let client = match Client::new(context) {
        Ok(client) => client,
        Err(problem) => return found.bad("server", Level::Blocked, problem.message, problem.hint.unwrap_or_default()),
    };
    let status = match client.get("/v1/status").await {
        Ok(status) => status.data,
        Err(problem) if problem.code == ErrorCode::Unreachable => {
            return found.bad("server", Level::Warning, problem.message, "start it with `sortie serve`");
        }
        Err(problem) => return found.bad("server", Level::Blocked, problem.message, problem.hint.unwrap_or_default()),
    };
    found.ok("server", format!("version {}, installation {}", table::cell(&status, "version"), table::cell(&status, "installation.id")));
    let debts = status["debts"].as_u64().unwrap_or(0);
    if debts > 0 {
        found.bad(
            "debts",
            Level::Warning,
            format!("{debts} jobs could not be verified to be stopped"),
            "reach their hosts: `sortie host test NAME`",
        );
    }
    journals(&client, found).await;
    hosts(&client, reach_hosts, found).await;
}

/// Whether what is stored of the newest runs is what was written (F019).
async fn journals(client: &Client, found: &mut Findings) {
    let seen = match client.get("/v1/journals").await {
        Ok(seen) => seen.data,
        Err(problem) => return found.bad("journals", Level::Warning, problem.message, "try again"),
    };
    for run in seen["broken"].as_array().into_iter().flatten() {
        let fix = "the disk or somebody changed the store: restore a backup, then run `sortie doctor` again";
        found.bad("journals", Level::Blocked, table::cell(run, "message"), fix);
    }
    if seen["broken"].as_array().is_some_and(Vec::is_empty) {
        let (runs, events) = (table::cell(&seen, "runs"), table::cell(&seen, "events"));
        found.ok("journals", format!("{events} events of the newest {runs} runs are those that were appended"));
    }
}

async fn hosts(client: &Client, reach: bool, found: &mut Findings) {
    let hosts = match client.get("/v1/hosts").await {
        Ok(hosts) => hosts.data["hosts"].as_array().cloned().unwrap_or_default(),
        Err(problem) => return found.bad("hosts", Level::Warning, problem.message, "try again"),
    };
    if hosts.is_empty() {
        return found.bad("hosts", Level::Warning, "there is no host to run jobs on", "sortie host add NAME USER@ADDRESS");
    }
    if !reach {
        return found.ok("hosts", format!("{} hosts; --hosts reaches them", hosts.len()));
    }
    for host in &hosts {
        let name = table::cell(host, "name");
        let path = format!("/v1/hosts/{}/test", super::client::segment(&name));
        match client.ask(super::client::Ask { method: "POST", path, ..super::client::Ask::default() }).await {
            Ok(_) => found.ok("host", format!("{name} answers")),
            Err(problem) => found.bad("host", Level::Warning, format!("{name}: {}", problem.message), format!("sortie host test {name}")),
        }
    }
}
