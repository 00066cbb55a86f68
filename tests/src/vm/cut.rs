//! What can be wrong between server and machine: cuts by the direction in which a connection was opened, as firewalls and NAT make
//! them, and holes that swallow packets.

use super::Vm;

/// Connections that cannot pass, by who opened them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the server to the machine: SSH. Alone, it is a machine behind NAT.
    ToVm,
    /// From the machine to the server: callbacks.
    FromVm,
    /// All.
    Both,
}

/// How a cut shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Packets vanish.
    Drop,
    /// Connections are reset.
    Reject,
}

/// Hooks through which all packets of the machine go.
const CHAINS: &str = "table inet cut {
    chain in { type filter hook input priority 0; iifname \"lo\" accept; ct state invalid counter; }
    chain out { type filter hook output priority 0; oifname \"lo\" accept; ct state invalid counter; }
}
";

impl Vm {
    /// Cut it, connections that are open included. Cuts add up.
    pub fn cut(&self, way: Way, how: How) {
        let (came, went) = match way {
            Way::ToVm => ("ct direction original ", "ct direction reply "),
            Way::FromVm => ("ct direction reply ", "ct direction original "),
            Way::Both => ("", ""),
        };
        let end = match how {
            How::Drop => "drop",
            How::Reject => "meta l4proto tcp reject with tcp reset",
        };
        self.rules(&[format!("in {came}{end}"), format!("out {went}{end}")]);
    }

    /// Larger packets vanish without a word (F094).
    pub fn swallow_over(&self, bytes: u32) {
        self.rules(&[format!("in meta length > {bytes} drop"), format!("out meta length > {bytes} drop")]);
    }

    /// Undo everything of the kind.
    pub fn heal(&self) {
        self.nft(&format!("table inet cut\ndelete table inet cut\n{CHAINS}"));
    }

    /// Count from now on how often somebody begins to connect to its SSH server, whatever becomes of it; for [`Vm::knocks`].
    pub fn count_knocks(&self) {
        let chain = "chain in { type filter hook input priority -10; tcp dport 22 tcp flags & (syn | ack) == syn counter; }";
        self.nft(&format!("table inet count {{\n{chain}\n}}\n"));
    }

    /// Connections that were begun since [`Vm::count_knocks`], each SYN that was sent again counted, too.
    ///
    /// # Panics
    /// When they were not counted.
    #[must_use]
    pub fn knocks(&self) -> u64 {
        let rules = self.run("nft list chain inet count in");
        rules.split_once("counter packets ").unwrap().1.split(' ').next().unwrap().parse().unwrap()
    }

    fn rules(&self, rules: &[String]) {
        let text: String = rules.iter().map(|rule| format!("add rule inet cut {rule}\n")).collect();
        self.nft(&text);
    }

    /// In one transaction.
    fn nft(&self, text: &str) {
        self.run(&format!("nft -f - <<'END'\n{text}END\n"));
    }
}
