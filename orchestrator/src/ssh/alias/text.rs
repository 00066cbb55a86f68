//! The forms that ssh_config and `ssh -G` share: machines on the way, tokens, patterns.

use super::{AliasError, at_home};
use std::path::PathBuf;

/// `[USER@]HOST[:PORT]`, or the same as `ssh://` address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Jump {
    pub(super) user: Option<String>,
    pub(super) host: String,
    pub(super) port: Option<u16>,
}

impl Jump {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text.strip_prefix("ssh://").map_or(text, |rest| rest.trim_end_matches('/'));
        let (user, place) = text.rsplit_once('@').map_or((None, text), |(user, place)| (Some(user.to_owned()), place));
        let (host, port) = match place.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']')?;
                (host, if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
            }
            None if place.matches(':').count() == 1 => place.split_once(':').map(|(host, port)| (host, Some(port)))?,
            None => (place, None),
        };
        let port = match port {
            Some(text) => Some(text.parse().ok().filter(|port: &u16| *port > 0)?),
            None => None,
        };
        let plain = |text: &str| !text.is_empty() && !text.starts_with('-') && text.chars().all(|c| c.is_ascii_graphic());
        (plain(host) && user.as_deref().is_none_or(plain)).then(|| Self { user, host: host.to_owned(), port })
    }
}

/// The list of a `ProxyJump`; empty for `none`.
pub(super) fn jumps(value: &str) -> Vec<String> {
    if value.eq_ignore_ascii_case("none") { vec![] } else { value.split(',').map(|jump| jump.trim().to_owned()).collect() }
}

/// What tokens stand for.
pub(super) struct Tokens<'a> {
    pub(super) alias: &'a str,
    pub(super) address: &'a str,
    pub(super) user: &'a str,
}

impl Tokens<'_> {
    /// A path with its tokens replaced and `~/` put in place.
    ///
    /// # Errors
    /// A token that is not known here, or a variable.
    pub(super) fn path(&self, value: &str) -> Result<PathBuf, AliasError> {
        self.expand(value, "dhnru").map(|path| at_home(&path))
    }

    /// Text with its tokens replaced, of which only these are known.
    ///
    /// # Errors
    /// Another token, or a variable.
    pub(super) fn expand(&self, value: &str, known: &str) -> Result<String, AliasError> {
        if value.contains("${") {
            return Err(AliasError(format!("`{value}`: variables are not read; write the value")));
        }
        let mut text = String::with_capacity(value.len());
        let mut chars = value.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                text.push(c);
                continue;
            }
            match chars.next() {
                Some('%') => text.push('%'),
                Some('d') if known.contains('d') => text.push_str(&at_home("~/").to_string_lossy()),
                Some('h') if known.contains('h') => text.push_str(self.address),
                Some('n') if known.contains('n') => text.push_str(self.alias),
                Some('r') if known.contains('r') => text.push_str(self.user),
                Some('u') if known.contains('u') => text.push_str(&std::env::var("USER").unwrap_or_default()),
                other => return Err(AliasError(format!("`{value}`: the token %{} is not read", other.unwrap_or(' ')))),
            }
        }
        Ok(text)
    }
}

/// Whether a pattern list of a `Host` line takes a name: one fits, and none that is excluded by `!`.
pub(super) fn takes<'a>(patterns: impl Iterator<Item = &'a str>, name: &str) -> bool {
    let mut fits = false;
    for pattern in patterns {
        match pattern.strip_prefix('!') {
            Some(excluded) if glob(excluded.as_bytes(), name.as_bytes()) => return false,
            Some(_) => {}
            None => fits |= glob(pattern.as_bytes(), name.as_bytes()),
        }
    }
    fits
}

/// `*` for any number of bytes, `?` for one; goes back to the last `*` only.
pub(super) fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match (pattern.get(p), star) {
            (Some(b'*'), _) => {
                star = Some((p, t));
                p += 1;
            }
            (Some(c), _) if *c == b'?' || c.eq_ignore_ascii_case(&text[t]) => {
                p += 1;
                t += 1;
            }
            (_, Some((at, from))) => {
                star = Some((at, from + 1));
                (p, t) = (at + 1, from + 1);
            }
            (_, None) => return false,
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}
