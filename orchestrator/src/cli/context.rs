//! Where and who: home, server and token, from flags, environment and files.

use super::limits::FILE_BYTES;
use super::output::Output;
use crate::config::{Config, Home};
use crate::envelope::{Next, Problem};
use crate::error_code::ErrorCode;
use crate::http::api::token;
use sortie_keys::Secret;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// What every command knows.
pub struct Context {
    /// Where it prints.
    pub out: Output,
    /// The installation's folder.
    pub home: Home,
    url: Option<String>,
}

impl Context {
    /// From the flags.
    ///
    /// # Errors
    /// Where there is neither a home nor a user's folder.
    pub fn new(out: Output, home: Option<PathBuf>, url: Option<String>) -> Result<Self, Problem> {
        let home = home.or_else(default_home).ok_or_else(|| Problem::new(ErrorCode::Usage, "set SORTIE_HOME: there is no HOME either"))?;
        let home = std::path::absolute(&home).map_err(|error| Problem::new(ErrorCode::Usage, format!("{}: {error}", home.display())))?;
        Ok(Self { out, home: Home::new(home), url: url.filter(|url| !url.is_empty()) })
    }

    /// The configuration of the home.
    ///
    /// # Errors
    /// Where it is missing or wrong.
    pub fn config(&self) -> Result<Config, Problem> {
        Config::load(&self.home).map_err(|error| {
            let problem = Problem::new(ErrorCode::Failed, error.to_string());
            if self.home.config().exists() { problem } else { problem.next(Next::act(&["init"])) }
        })
    }

    /// Base URL of the server's operator API, without a slash at its end.
    ///
    /// # Errors
    /// Where neither flag, environment nor home say one, or it is no http or https URL.
    pub fn url(&self) -> Result<String, Problem> {
        let Some(given) = &self.url else {
            return Ok(format!("http://{}", reachable(self.config()?.operator_listen)));
        };
        let url = url::Url::parse(given).map_err(|error| Problem::new(ErrorCode::Usage, format!("SORTIE_URL `{given}`: {error}")))?;
        if !["http", "https"].contains(&url.scheme()) || !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
            return Err(Problem::new(ErrorCode::Usage, "SORTIE_URL is an http or https URL without user, password and query"));
        }
        Ok(given.trim_end_matches('/').to_owned())
    }

    /// The operator's token: `SORTIE_TOKEN`, else the home's file.
    ///
    /// # Errors
    /// Where there is none, or its file is open to others.
    pub fn token(&self) -> Result<Secret, Problem> {
        match std::env::var("SORTIE_TOKEN") {
            Ok(text) if !text.is_empty() => token::from_text(Secret::new(text.trim().to_owned()))
                .ok_or_else(|| Problem::new(ErrorCode::Unauthorized, "SORTIE_TOKEN holds characters that no token has")),
            _ => token::read(&self.home.operator_token()),
        }
    }
}

fn default_home() -> Option<PathBuf> {
    let data = std::env::var_os("XDG_DATA_HOME").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let data = data.or_else(|| std::env::var_os("HOME").filter(|dir| !dir.is_empty()).map(|home| Path::new(&home).join(".local/share")));
    data.map(|data| data.join("sortie"))
}

/// An address that can be connected to: a server that listens on all is reached on loopback.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// A bounded file, or standard input for `-`.
///
/// # Errors
/// Where it cannot be read or is larger than [`FILE_BYTES`].
pub fn read_file(path: &Path) -> Result<Vec<u8>, Problem> {
    let shown = path.display();
    let problem = |error: std::io::Error| Problem::new(ErrorCode::Usage, format!("cannot read {shown}: {error}"));
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().lock().take(FILE_BYTES + 1).read_to_end(&mut bytes).map_err(problem)?;
    } else {
        std::fs::File::open(path).map_err(problem)?.take(FILE_BYTES + 1).read_to_end(&mut bytes).map_err(problem)?;
    }
    if bytes.len() as u64 > FILE_BYTES {
        return Err(Problem::new(ErrorCode::TooLarge, format!("{shown} has more than {FILE_BYTES} bytes")));
    }
    Ok(bytes)
}

/// A bounded text file.
///
/// # Errors
/// As [`read_file`], and where it is not UTF-8.
pub fn read_text(path: &Path) -> Result<String, Problem> {
    String::from_utf8(read_file(path)?).map_err(|_| Problem::new(ErrorCode::Usage, format!("{} is not UTF-8 text", path.display())))
}

/// A JSON argument: the text itself, `@FILE`, or `-` (and `@-`) for standard input.
///
/// # Errors
/// Where it cannot be read, or is no JSON.
pub fn json_argument(flag: &str, text: &str) -> Result<serde_json::Value, Problem> {
    let text = match text.strip_prefix('@').or((text == "-").then_some("-")) {
        Some(path) => read_text(Path::new(path))?,
        None => text.to_owned(),
    };
    serde_json::from_str(&text).map_err(|error| Problem::new(ErrorCode::Usage, format!("{flag} is no JSON: {error}")))
}
