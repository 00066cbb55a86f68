//! Where the server may send to (F073). Public addresses; others only where configuration or connection say so.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What the configuration allows beyond public addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    allowed: Vec<Allowed>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Allowed {
    /// A network.
    Net(IpAddr, u8),
    /// A host by its name, wherever it leads.
    Host(String),
}

/// A destination that is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{host} leads to {address}, {why}; an operator can allow it by outbound.allow in config.toml{or}")]
pub struct Denied {
    host: String,
    address: IpAddr,
    why: &'static str,
    or: &'static str,
}

/// Why an address is not a public one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotPublic {
    /// In words.
    pub why: &'static str,
    /// Whether a connection may allow it by itself; link-local addresses (metadata of clouds) and what is no host at all it may not.
    pub private: bool,
}

impl Policy {
    /// From the entries of `outbound.allow`: networks (`10.0.0.0/8`), addresses and names of hosts.
    ///
    /// # Errors
    /// The entry that makes no sense.
    pub fn parse(entries: &[String]) -> Result<Self, String> {
        entries.iter().map(|entry| Allowed::parse(entry)).collect::<Result<_, _>>().map(|allowed| Self { allowed })
    }

    /// Whether a request for `host` may go to this address.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn check(&self, host: &str, address: IpAddr, allow_private: bool) -> Result<(), Denied> {
        let Some(NotPublic { why, private }) = not_public(address) else { return Ok(()) };
        if (private && allow_private) || self.allowed.iter().any(|allowed| allowed.has(host, address)) {
            return Ok(());
        }
        let or = if private { ", or by a connection with --allow-private" } else { "" };
        Err(Denied { host: host.to_owned(), address, why, or })
    }
}

impl Allowed {
    fn parse(entry: &str) -> Result<Self, String> {
        let bad = || format!("outbound.allow: `{entry}` is no network (10.0.0.0/8), address or name of a host");
        if let Some((address, prefix)) = entry.split_once('/') {
            let (address, prefix): (IpAddr, u8) = (address.parse().map_err(|_| bad())?, prefix.parse().map_err(|_| bad())?);
            return if prefix <= width(address) { Ok(Self::Net(address, prefix)) } else { Err(bad()) };
        }
        if let Ok(address) = entry.parse::<IpAddr>() {
            return Ok(Self::Net(address, width(address)));
        }
        match url::Host::parse(entry) {
            Ok(url::Host::Domain(name)) => Ok(Self::Host(plain_name(&name))),
            _ => Err(bad()),
        }
    }

    fn has(&self, host: &str, address: IpAddr) -> bool {
        match self {
            Self::Host(name) => *name == plain_name(host),
            Self::Net(net, prefix) => {
                // An IPv4 address that comes mapped is the address that it maps.
                let address = if net.is_ipv4() { address.to_canonical() } else { address };
                net.is_ipv4() == address.is_ipv4() && bits(*net, *prefix) == bits(address, *prefix)
            }
        }
    }
}

/// Without the dot at the end, in lower case: the same host.
fn plain_name(host: &str) -> String {
    host.trim_end_matches('.').to_ascii_lowercase()
}

const fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The first bits of an address.
fn bits(address: IpAddr, prefix: u8) -> u128 {
    let (value, width) = match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    };
    value.checked_shr(u32::from(width - prefix)).unwrap_or(0)
}

/// Why an address is not on the public Internet, if it is not: the IANA special-purpose registries, and the forms that carry
/// another address inside.
#[must_use]
pub fn not_public(address: IpAddr) -> Option<NotPublic> {
    match address {
        IpAddr::V4(v4) => not_public_v4(v4),
        IpAddr::V6(v6) => not_public_v6(v6),
    }
}

const fn never(why: &'static str) -> Option<NotPublic> {
    Some(NotPublic { why, private: false })
}

const fn private(why: &'static str) -> Option<NotPublic> {
    Some(NotPublic { why, private: true })
}

fn not_public_v4(address: Ipv4Addr) -> Option<NotPublic> {
    match address.octets() {
        [0, ..] => never("which means this host on this network (0.0.0.0/8)"),
        [127, ..] => private("a loopback address"),
        [10, ..] | [192, 168, ..] => private("a private address (RFC 1918)"),
        [172, b, ..] if b & 0xf0 == 16 => private("a private address (RFC 1918)"),
        [100, b, ..] if b & 0xc0 == 64 => private("a shared address of carriers (RFC 6598)"),
        [169, 254, ..] => never("a link-local address, where clouds keep their metadata"),
        [192, 0, 0, _] | [192, 88, 99, _] => never("an address of protocols, not of hosts"),
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => never("an address for documentation"),
        [198, b, ..] if b & 0xfe == 18 => never("an address for benchmarks"),
        [224..=239, ..] => never("a multicast address"),
        [240..=255, ..] => never("a reserved or broadcast address"),
        _ => None,
    }
}

fn not_public_v6(address: Ipv6Addr) -> Option<NotPublic> {
    let segments = address.segments();
    if address.is_unspecified() {
        return never("the unspecified address");
    }
    if address.is_loopback() {
        return private("a loopback address");
    }
    if let Some(inside) = carried(segments) {
        // The form itself is no way to a host of the Internet that its IPv4 address would not be.
        return not_public_v4(inside).or_else(|| if segments[5] == 0xffff { None } else { never("an IPv4 address inside of an IPv6 one") });
    }
    match segments {
        [a, ..] if a & 0xfe00 == 0xfc00 => private("a private address (ULA)"),
        [a, ..] if a & 0xffc0 == 0xfe80 => never("a link-local address"),
        [a, ..] if a & 0xffc0 == 0xfec0 => never("a site-local address"),
        [a, ..] if a & 0xff00 == 0xff00 => never("a multicast address"),
        [0x2001, 0xdb8, ..] | [0x3fff, ..] => never("an address for documentation"),
        [0x2001, b, ..] if b < 0x200 => never("an address of protocols (Teredo, ORCHID and the like)"),
        [0x100, 0, 0, 0, ..] => never("an address that drops what is sent there"),
        // Everything that is handed out is 2000::/3.
        [a, ..] if a & 0xe000 != 0x2000 => never("not a global address"),
        _ => None,
    }
}

/// The IPv4 address inside: mapped, compatible, translated (SIIT), NAT64 (both prefixes), 6to4.
const fn carried(s: [u16; 8]) -> Option<Ipv4Addr> {
    let low = Some(v4(s[6], s[7]));
    match s {
        [0, 0, 0, 0, 0, 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..] | [0, 0, 0, 0, 0, 0, ..] => low,
        [0x64, 0xff9b, 0, 0, 0, 0, ..] | [0x64, 0xff9b, 1, ..] => low,
        [0x2002, a, b, ..] => Some(v4(a, b)),
        _ => None,
    }
}

const fn v4(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits((high as u32) << 16 | low as u32)
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
