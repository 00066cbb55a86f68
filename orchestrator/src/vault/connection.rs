//! Connections: where the server sends to and as whom. Accounts are swapped here, and no flow changes.

use super::limits::{FIELD_CHARS, MAIL_RECIPIENTS};
use serde::{Deserialize, Serialize};
use sortie_store::model::vault::ConnectionRow;
use url::Url;

/// What a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// JSON by POST.
    Webhook,
    /// An incoming webhook of Slack, or of what speaks like it.
    Slack,
    /// Mail.
    Smtp,
    /// Base of an API, for `http` steps.
    Http,
}

impl Kind {
    /// As in JSON and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Slack => "slack",
            Self::Smtp => "smtp",
            Self::Http => "http",
        }
    }

    /// Whether people can be told through it.
    #[must_use]
    pub const fn tells(self) -> bool {
        !matches!(self, Self::Http)
    }
}

/// How a connection shows who sends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Auth {
    /// Not at all.
    #[default]
    None,
    /// `Authorization: Bearer`, with this secret.
    Bearer {
        /// Name of the secret.
        secret: String,
    },
    /// A user and this secret: `Authorization: Basic`, or the login of a mail server.
    Basic {
        /// Name of the user.
        user: String,
        /// Name of the secret.
        secret: String,
    },
    /// A header with this secret.
    Header {
        /// Name of the header.
        name: String,
        /// Name of the secret.
        secret: String,
    },
}

impl Auth {
    /// Name of the secret.
    #[must_use]
    pub fn secret(&self) -> Option<&str> {
        match self {
            Self::None => None,
            Self::Bearer { secret } | Self::Basic { secret, .. } | Self::Header { secret, .. } => Some(secret),
        }
    }
}

/// Where to, and as whom. Secrets by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connection {
    /// What it speaks.
    pub kind: Kind,
    /// Where to; `smtp://` (STARTTLS) or `smtps://` for mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Name of the secret that is the URL, where the URL itself says who may send (Slack).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_secret: Option<String>,
    /// Who sends.
    #[serde(default)]
    pub auth: Auth,
    /// Whether it may lead to private addresses (RFC 1918, ULA, CGNAT, loopback); link-local ones take the configuration.
    #[serde(default)]
    pub allow_private: bool,
    /// Mail: whom it is from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Mail: whom it goes to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<String>,
    /// Mail: without TLS. Only without a secret, to a server on a network you trust whole.
    #[serde(default)]
    pub plaintext: bool,
}

impl Connection {
    /// From the store.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn from_row(row: &ConnectionRow) -> Result<Self, String> {
        Self::deserialize(&row.data).map_err(|error| error.to_string())
    }

    /// Names of its secrets.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.url_secret.as_deref().into_iter().chain(self.auth.secret())
    }

    /// What cannot be right about it.
    ///
    /// # Errors
    /// For people: what is wrong and what to do.
    pub fn check(&self) -> Result<(), String> {
        match (&self.url, &self.url_secret) {
            (Some(url), None) => drop(self.check_url(url)?),
            (None, Some(_)) if self.kind == Kind::Smtp => return Err("the URL of a mail server is no secret: name it".to_owned()),
            (None, Some(_)) => {}
            _ => return Err("a connection has a url, or the name of a secret that is its URL".to_owned()),
        }
        let lines = self.from.iter().chain(&self.to);
        if lines.clone().any(|text| text.chars().count() > FIELD_CHARS || text.chars().any(char::is_control)) {
            return Err(format!("from and to have at most {FIELD_CHARS} characters, in one line"));
        }
        if self.kind == Kind::Smtp { self.check_mail() } else { self.check_no_mail() }
    }

    /// What cannot be right about a URL of it.
    ///
    /// # Errors
    /// For people. Never quotes the URL, which may be a secret.
    pub fn check_url(&self, url: &str) -> Result<Url, String> {
        let url = Url::parse(url).map_err(|error| format!("its URL: {error}"))?;
        if url.host().is_none() || !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err("its URL names a host, no user, no password and no fragment: secrets go in by name".to_owned());
        }
        match (self.kind, url.scheme()) {
            (Kind::Smtp, "smtp" | "smtps") | (Kind::Webhook | Kind::Slack | Kind::Http, "https") => Ok(url),
            (Kind::Webhook | Kind::Slack | Kind::Http, "http") if self.secrets().next().is_none() || self.allow_private => Ok(url),
            (Kind::Webhook | Kind::Slack | Kind::Http, "http") => {
                Err("a secret would go over plain HTTP: use https, or allow private addresses for a network you trust whole".to_owned())
            }
            (Kind::Smtp, other) => Err(format!("mail goes to smtp:// or smtps://, not to {other}://")),
            (_, other) => Err(format!("its URL is http or https, not {other}")),
        }
    }

    fn check_mail(&self) -> Result<(), String> {
        let address =
            |text: &String| text.parse::<lettre::message::Mailbox>().map_err(|error| format!("`{text}` is no mail address: {error}"));
        address(self.from.as_ref().ok_or("mail needs --from")?)?;
        self.to.iter().try_for_each(|to| address(to).map(drop))?;
        if self.to.is_empty() || self.to.len() > MAIL_RECIPIENTS {
            return Err(format!("mail goes to 1 to {MAIL_RECIPIENTS} addresses"));
        }
        match &self.auth {
            Auth::None => Ok(()),
            Auth::Basic { .. } if self.plaintext => Err("a password would go over the network in clear: leave plaintext out".to_owned()),
            Auth::Basic { .. } => Ok(()),
            _ => Err("a mail server takes a user and a secret".to_owned()),
        }
    }

    fn check_no_mail(&self) -> Result<(), String> {
        if self.from.is_some() || !self.to.is_empty() || self.plaintext {
            return Err("from, to and plaintext are for mail".to_owned());
        }
        let Auth::Header { name, .. } = &self.auth else { return Ok(()) };
        match reqwest::header::HeaderName::from_bytes(name.as_bytes()) {
            Ok(name) if !crate::outbound::limits::OWN_HEADERS.contains(&name.as_str()) => Ok(()),
            _ => Err(format!("`{name}` is no header that a connection can set")),
        }
    }
}
