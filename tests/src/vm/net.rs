//! The wire between the server's namespace and the machines.

use super::namespace::Namespace;
use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

/// Length of a net's prefix: 62 addresses, the first of them the server's.
pub const BITS: u8 = 26;
/// Nets of that size in 198.18.0.0/15, which is for tests of networks (RFC 2544).
const NETS: u32 = 1 << (BITS - 15);
const FIRST: u32 = u32::from_be_bytes([198, 18, 0, 0]);

/// A net: a switch, and one end of a cable in the namespace of the test. Gone when it is dropped.
pub struct Net {
    switch: Namespace,
    number: u32,
    machines: AtomicU8,
}

impl Net {
    /// One that no other test has: the name of its interface is taken by making it.
    ///
    /// # Panics
    /// When it cannot be made; these tests are never skipped.
    #[must_use]
    pub fn new() -> Self {
        static TRIED: AtomicU32 = AtomicU32::new(0);
        let switch = Namespace::machine("set -e; ip link set lo up; ip link add br0 type bridge; ip link set br0 up");
        let mut said = String::new();
        for _ in 0..NETS {
            let number = (std::process::id().wrapping_mul(89) + TRIED.fetch_add(1, Ordering::Relaxed)) % NETS;
            let name = format!("sortie{number}");
            let pid = switch.pid().to_string();
            match ip(&["link", "add", &name, "type", "veth", "peer", "name", "uplink", "netns", &pid]) {
                Ok(()) => {
                    let net = Self { switch, number, machines: AtomicU8::new(0) };
                    net.connect(&name);
                    return net;
                }
                Err(message) => said = message,
            }
        }
        panic!("no net can be made (root and iproute2 are needed, run tests/install): {said}");
    }

    fn connect(&self, name: &str) {
        self.switch.run("ip link set dev uplink master br0 up");
        ip(&["addr", "add", &format!("{}/{BITS}", self.server()), "dev", name]).unwrap();
        ip(&["link", "set", name, "up"]).unwrap();
    }

    /// The server's address, as machines see it.
    #[must_use]
    pub fn server(&self) -> Ipv4Addr {
        Ipv4Addr::from(FIRST + (self.number << (32 - BITS)) + 1)
    }

    pub(super) fn next(&self) -> u8 {
        let number = self.machines.fetch_add(1, Ordering::Relaxed);
        assert!(number < 60, "a net has 60 machines");
        number
    }

    pub(super) fn address(&self, number: u8) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.server()) + 1 + u32::from(number))
    }

    /// A cable from the switch to this process's namespace, where it is called `eth0`.
    pub(super) fn plug(&self, number: u8, pid: u32) {
        let port = format!("port{number}");
        // The port of a machine that was switched off a moment ago may still be there.
        let _ = ip_in(&self.switch, &["link", "del", &port]);
        // The same network card after a reboot, so that nobody's table of neighbours is wrong.
        let (card, pid) = (format!("02:00:00:00:00:{number:02x}"), pid.to_string());
        let peer = ["name", "eth0", "address", &card, "netns", &pid];
        let add = [&["link", "add", &port, "master", "br0", "up", "type", "veth", "peer"], &peer[..]].concat();
        ip_in(&self.switch, &add).unwrap();
    }

    /// The server's machine asks anew who has which address.
    pub(super) fn forget_neighbours(&self) {
        ip(&["neigh", "flush", "dev", &format!("sortie{}", self.number)]).unwrap();
    }
}

impl Default for Net {
    fn default() -> Self {
        Self::new()
    }
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    said(Command::new("ip").args(arguments))
}

/// In the switch's network, with process ids as they are known here.
fn ip_in(namespace: &Namespace, arguments: &[&str]) -> Result<(), String> {
    said(Command::new("nsenter").args(["--target", &namespace.pid().to_string(), "--net", "--", "ip"]).args(arguments))
}

fn said(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() { Ok(()) } else { Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr))) }
}
