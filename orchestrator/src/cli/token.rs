//! `sortie token`: what was handed out, and whether a token holds.

use super::client::{Client, segment};
use super::context::{Context, read_file, read_text};
use super::output::Done;
use super::table;
use crate::clock::{Clock, rfc3339};
use crate::envelope::{Problem, Success};
use crate::error_code::ErrorCode;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use sortie_keys::limits::LEEWAY_S;
use sortie_keys::{Expect, KeyRing, Secret, verify_with_jwks};
use std::path::{Path, PathBuf};

#[derive(Subcommand)]
pub enum TokenCommand {
    /// What each attempt and wait of a run was handed (never the token), and what came back on it
    #[command(after_help = "Example:\n  sortie token show run_0d...")]
    Show(ShowArgs),
    /// Check a token from standard input, without server and database
    Verify(VerifyArgs),
}

#[derive(Args)]
pub struct ShowArgs {
    /// Id of the run, or at least 6 of its first or last characters
    run: String,
}

#[derive(Args)]
#[command(after_help = "Works on any machine with a JWKS file (`sortie keys jwks`). Without --jwks, the keys of this installation.
A token that does not hold exits with 1 and names the claim.

Examples:
  sortie keys jwks > jwks.json
  sortie token verify --jwks jwks.json --issuer ins_... --audience https://sortie.example.com < token
  sortie token verify < token")]
pub struct VerifyArgs {
    /// Public keys [default: those of the home]
    #[arg(long, value_name = "FILE", requires = "issuer", requires = "audience")]
    jwks: Option<PathBuf>,
    /// Id of the installation that must have made it [default: not checked against one without --jwks]
    #[arg(long, value_name = "ID")]
    issuer: Option<String>,
    /// Public URL that it must be for [default: those of the home]
    #[arg(long, value_name = "URL")]
    audience: Vec<String>,
}

/// Do it.
pub async fn run(command: TokenCommand, context: &Context) -> Result<Done, Problem> {
    match command {
        TokenCommand::Show(args) => {
            let success = Client::new(context)?.get(format!("/v1/runs/{}/tokens", segment(&args.run))).await?;
            let text = show_text(&success.data);
            Ok(Done::new(success, text))
        }
        TokenCommand::Verify(args) => verify(&args, context),
    }
}

/// Check a token that comes on standard input.
///
/// # Errors
/// `token_invalid` with the check and the claim that failed.
pub fn verify(args: &VerifyArgs, context: &Context) -> Result<Done, Problem> {
    let token = Secret::new(read_file(Path::new("-"))?);
    let token = token.expose_str().ok_or_else(|| Problem::new(ErrorCode::Usage, "standard input is no text"))?.trim();
    if token.is_empty() {
        return Err(Problem::new(ErrorCode::Usage, "no token on standard input").hint("pipe it: `sortie token verify < FILE`"));
    }
    let audiences = if args.audience.is_empty() { home_audiences(context)? } else { args.audience.clone() };
    let audiences: Vec<&str> = audiences.iter().map(|url| url.trim_end_matches('/')).collect();
    let issuer = match &args.issuer {
        Some(issuer) => issuer.clone(),
        None => claimed_issuer(token),
    };
    let expect = Expect { issuer: &issuer, audiences: &audiences, now_s: Clock::system().now_s(), leeway_s: LEEWAY_S };
    let verdict = match &args.jwks {
        Some(path) => verify_with_jwks(&jwks(&read_text(path)?), token, &expect)
            .map_err(|error| Problem::new(ErrorCode::Usage, format!("{}: {error}", path.display())))?,
        None => {
            KeyRing::open(&context.home.keys()).map_err(|error| Problem::new(ErrorCode::Failed, error.to_string()))?.verify(token, &expect)
        }
    };
    match verdict {
        Ok(verified) => {
            let claims = &verified.claims;
            let mut data = json!({ "valid": true, "kid": verified.kid, "claims": claims, "issuer_checked": args.issuer.is_some() });
            for (name, at) in [("issued_at", claims.iat), ("counts_from", claims.nbf), ("expires_at", claims.exp)] {
                data[name] = rfc3339(at.saturating_mul(1_000)).into();
            }
            let shown = [
                ("installation", "claims.iss"),
                ("for", "claims.aud"),
                ("run", "claims.sub"),
                ("speaks for", "claims.jti"),
                ("step", "claims.step"),
                ("fence", "claims.fence"),
                ("scope", "claims.scope"),
                ("issued", "issued_at"),
                ("expires", "expires_at"),
                ("key", "kid"),
            ];
            let text = format!("valid\n{}", table::fields(&data, &shown));
            Ok(Done::new(Success::new(data), text))
        }
        Err(fault) => {
            let details = json!({ "valid": false, "check": fault.check, "claim": fault.claim });
            Err(Problem::new(ErrorCode::TokenInvalid, format!("the token does not hold: {fault}")).details(details))
        }
    }
}

/// A JWKS, also out of the envelope that `keys jwks --json` prints.
fn jwks(text: &str) -> String {
    let inside = serde_json::from_str::<Value>(text).ok().and_then(|mut value| value.get_mut("data").map(Value::take));
    inside.map_or_else(|| text.to_owned(), |data| data.to_string())
}

fn home_audiences(context: &Context) -> Result<Vec<String>, Problem> {
    let known = std::fs::read(context.home.audiences()).ok().and_then(|bytes| serde_json::from_slice::<Vec<String>>(&bytes).ok());
    let mut all = known.unwrap_or_default();
    all.push(context.config()?.audience().to_owned());
    Ok(all)
}

/// What the token itself says: the keys of a home sign for one installation only.
fn claimed_issuer(token: &str) -> String {
    use base64::Engine as _;
    let payload = token.split('.').nth(1).and_then(|part| base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).ok());
    let claims = payload.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok()).unwrap_or_default();
    claims["iss"].as_str().unwrap_or_default().to_owned()
}

fn show_text(data: &Value) -> String {
    let mut text = String::new();
    let shown = [
        ("step", "step"),
        ("attempt", "attempt"),
        ("wait", "wait"),
        ("number", "number"),
        ("fence", "fence"),
        ("state", "state"),
        ("open", "open"),
        ("scope", "scope"),
        ("host", "handed.host"),
        ("audience", "handed.audience"),
        ("url", "url"),
        ("key", "handed.kid"),
        ("key is", "key_state"),
        ("root generation", "handed.root_generation"),
        ("root is", "root_state"),
        ("issued", "handed.issued_at"),
        ("expires", "handed.expires_at|deadline_at"),
        ("last heartbeat", "last_heartbeat.at"),
        ("clock skew ms", "last_heartbeat.skew_ms"),
    ];
    for of in ["attempts", "waits"] {
        for one in data[of].as_array().map(Vec::as_slice).unwrap_or_default() {
            text += &table::fields(one, &shown);
            for callback in one["callbacks"].as_array().map(Vec::as_slice).unwrap_or_default() {
                text += &format!(
                    "came back  {} {} {}\n",
                    table::cell(callback, "at"),
                    table::cell(callback, "outcome"),
                    table::cell(callback, "id")
                );
            }
            text.push('\n');
        }
    }
    if text.is_empty() { "nothing was handed out yet\n".to_owned() } else { text }
}
