//! The hosts of a line: a hashed name, or a comma list of names with `*`, `?` and `!`.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

pub(super) const DEFAULT_PORT: u16 = 22;

/// What a host is called in known_hosts: its lower-case name, in brackets with the port where that is not 22.
pub(super) struct Target(String);

impl Target {
    pub(super) fn new(host: &str, port: u16) -> Self {
        let host = host.to_lowercase();
        Self(if port == DEFAULT_PORT { host } else { format!("[{host}]:{port}") })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The second field of a line.
#[derive(Clone, Debug)]
pub(super) enum Hosts {
    /// `|1|salt|hash`: HMAC-SHA1 of the name. One name alone, no patterns.
    Hashed { salt: Vec<u8>, hash: Vec<u8> },
    /// Patterns, each with whether it excludes.
    Patterns(Vec<(bool, String)>),
}

impl Hosts {
    pub(super) fn parse(field: &str) -> Option<Self> {
        if let Some(hashed) = field.strip_prefix('|') {
            let (salt, hash) = hashed.strip_prefix("1|")?.split_once('|')?;
            let (salt, hash) = (STANDARD.decode(salt).ok()?, STANDARD.decode(hash).ok()?);
            return (hash.len() == 20).then_some(Self::Hashed { salt, hash });
        }
        let patterns = field.split(',').filter(|pattern| !pattern.is_empty());
        let patterns = patterns.map(|pattern| match pattern.strip_prefix('!') {
            Some(excluded) => (true, excluded.to_lowercase()),
            None => (false, pattern.to_lowercase()),
        });
        Some(Self::Patterns(patterns.collect()))
    }

    /// An exclusion that matches wins over everything else on the line.
    pub(super) fn matches(&self, target: &Target) -> bool {
        match self {
            Self::Hashed { salt, hash } => {
                let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, salt); // OpenSSH's choice; hides names, guards nothing
                hmac::verify(&key, target.as_str().as_bytes(), hash).is_ok()
            }
            Self::Patterns(patterns) => {
                let mut hits = patterns.iter().filter(|(_, pattern)| glob(pattern.as_bytes(), target.as_str().as_bytes())).peekable();
                hits.peek().is_some() && hits.all(|(excluded, _)| !excluded)
            }
        }
    }
}

/// `*` for any number of bytes, `?` for one. Goes back to the last `*` only, so it takes at most `pattern * text` steps.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut last_star = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                last_star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == b'?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((star, from)) = last_star else { return false };
                last_star = Some((star, from + 1));
                p = star + 1;
                t = from + 1;
            }
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::glob;

    #[test]
    fn globs() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("*", "anything", true),
            ("", "", true),
            ("", "a", false),
            ("?", "", false),
            ("a?c", "abc", true),
            ("*.example.com", "a.b.example.com", true),
            ("*.example.com", "example.com", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-b-", false),
            ("[*]:2222", "[h]:2222", true),
            ("**a**", "xxaxx", true),
        ] {
            assert_eq!(glob(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} on {text}");
        }
        assert!(!glob("*a".repeat(40).as_bytes(), "a".repeat(5_000).replace('a', "b").as_bytes()));
    }
}
