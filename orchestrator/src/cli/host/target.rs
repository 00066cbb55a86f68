//! `[USER@]ADDRESS[:PORT]`.

use crate::envelope::Problem;
use crate::error_code::ErrorCode;

/// Where and as whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub user: String,
    pub address: String,
    pub port: u16,
}

impl Target {
    /// Read it.
    ///
    /// # Errors
    /// `usage`, also for what a program could take for an option.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let bad = || Problem::new(ErrorCode::Usage, format!("`{text}` is not of the form [USER@]ADDRESS[:PORT]"));
        let (user, place) = match text.rsplit_once('@') {
            Some((user, place)) => (user.to_owned(), place),
            None => (std::env::var("USER").map_err(|_| bad())?, text),
        };
        let (address, port) = match place.strip_prefix('[') {
            Some(rest) => {
                let (address, port) = rest.split_once(']').ok_or_else(bad)?;
                (address, port.strip_prefix(':').or(if port.is_empty() { Some("22") } else { None }).ok_or_else(bad)?)
            }
            None if place.matches(':').count() == 1 => place.split_once(':').ok_or_else(bad)?,
            None => (place, "22"),
        };
        let port = port.parse().ok().filter(|port| *port > 0).ok_or_else(bad)?;
        let plain = |text: &str| !text.is_empty() && !text.starts_with('-') && text.chars().all(|c| c.is_ascii_graphic());
        if plain(&user) && plain(address) { Ok(Self { user, address: address.to_owned(), port }) } else { Err(bad()) }
    }

    /// Whether it is a bare name, as an alias of ssh_config is: no user, no port, no address.
    #[must_use]
    pub fn is_bare(text: &str) -> bool {
        !text.contains(['@', ':', '[']) && text.parse::<std::net::IpAddr>().is_err() && text != "localhost"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_and_what_could_be_an_option_is_not() {
        let target = |user: &str, address: &str, port| Target { user: user.into(), address: address.into(), port };
        assert_eq!(Target::parse("me@vm.example").unwrap(), target("me", "vm.example", 22));
        assert_eq!(Target::parse("me@vm.example:2222").unwrap(), target("me", "vm.example", 2222));
        assert_eq!(Target::parse("me@[::1]:2222").unwrap(), target("me", "::1", 2222));
        assert_eq!(Target::parse("me@fe80::1").unwrap(), target("me", "fe80::1", 22));
        for text in ["me@", "@vm", "me@vm:0", "me@vm:70000", "me@[::1", "me@-oProxyCommand=x", "-l@vm", "me@a b"] {
            assert_eq!(Target::parse(text).unwrap_err().code, ErrorCode::Usage, "{text}");
        }
        assert!(Target::is_bare("builder") && !Target::is_bare("me@vm") && !Target::is_bare("10.0.0.1") && !Target::is_bare("vm:22"));
    }
}
