//! The one remote command, the same for every host and question, and the header line that it reads from standard input.
//!
//! ```text
//! SORTIE-SH/1 <nonce> <verb> <sha-256 of the shim> <bytes of the shim> <state root, or ->\n
//! ```
//!
//! `run` starts the shim that is there, `check` verifies its digest first, `put` receives it first; `use` has, in place of the
//! bytes, the path of a shim that others have installed, and verifies that. What the command says
//! stands in lines of its own, with the nonce, so that noise of login shells is told apart (F086). Data never gets into
//! the command (F085): it holds no single quote, backslash, newline or exclamation mark, so that sh, bash, zsh, fish, csh
//! and tcsh pass it on unchanged.

use super::limits::ROOT_BYTES;
use sortie_protocol::frame;

/// First word of a header line and of what the command says.
pub const MAGIC: &str = "SORTIE-SH/1";

macro_rules! script {
    ($name:ident $by_root:ident $($line:literal)+) => {
        /// What is executed on every host. `PATH` is set for the tools that the command needs (F087) and given back to the shim.
        pub const $name: &str = concat!("/bin/sh -c '", $($line, " ",)+ "'");
        /// The same by way of `sudo`, with root's home: everything there, the state root too, is then as after a login as root. The
        /// path is whole, since a login's `PATH` is not believed (F087).
        pub const $by_root: &str = concat!("/usr/bin/sudo -n -H -- /bin/sh -c '", $($line, " ",)+ "'");
    };
}

script! { COMMAND COMMAND_BY_SUDO
    "LC_ALL=C; export LC_ALL; umask 077;"
    "p=$PATH; PATH=/usr/bin:/bin:/usr/sbin:/sbin:/run/current-system/sw/bin:$PATH;"
    "read -r m n v s z r || exit 80;"
    "say() { echo; echo \"SORTIE-SH/1 $n $*\"; };"
    "die() { say \"$2\"; exit \"$1\"; };"
    "clean() { rm -f \"$t\"; };"
    "sum() { h=$(sha256sum \"$1\" || busybox sha256sum \"$1\" || shasum -a 256 \"$1\" || openssl dgst -r -sha256 \"$1\""
    "|| cksum -a sha256 --untagged \"$1\") 2>/dev/null; h=${h%% *}; [ \"$h\" = \"$s\" ]; };"
    "starts() { \"$f\" --version </dev/null >/dev/null 2>&1; case $? in 126|127) false;; esac; };"
    "case \"$m $r\" in \"SORTIE-SH/1 /\"*|\"SORTIE-SH/1 -\") ;; *) exit 80;; esac;"
    "if [ \"$r\" = - ]; then r=;"
    "for d in \"${XDG_STATE_HOME:-$HOME/.local/state}/sortie\" \"$HOME/.sortie\" \"/var/tmp/sortie-$(id -u)\"; do"
    "case \"$d\" in *[[:space:]]*|*[[:cntrl:]]*) continue;; /*) ;; *) continue;; esac;"
    "mkdir -p \"$d/bin\" 2>/dev/null || continue;"
    "[ -L \"$d\" ] && continue; [ -O \"$d\" ] || continue;"
    "x=$d/bin/.try-$n; true 2>/dev/null >\"$x\" || continue;"
    "chmod 700 \"$x\"; \"$x\" 2>/dev/null; c=$?; rm -f \"$x\"; [ \"$c\" = 0 ] || continue;"
    "r=$d; break; done; [ -n \"$r\" ] || die 82 noroot; fi;"
    "f=$r/bin/sortie-shim-$s;"
    "case \"$v\" in"
    "use) f=$z; h=; [ -f \"$f\" ] && [ -x \"$f\" ] && sum \"$f\" || die 81 \"foreign $(uname -s) $(uname -m) ${h:--}\"; starts || die 85 noexec;;"
    "run) [ -x \"$f\" ] || die 81 \"missing $(uname -s) $(uname -m)\";;"
    "check) [ -x \"$f\" ] && sum \"$f\" || die 81 \"missing $(uname -s) $(uname -m)\"; starts || die 85 noexec;;"
    "put) t=$r/bin/.put-$n; trap clean EXIT; trap \"exit 83\" HUP INT TERM;"
    "mkdir -p \"$r/bin\" || die 84 nostore;"
    "find \"$r/bin\" -name \".put-*\" -mmin +60 -exec rm -f {} + 2>/dev/null;"
    "head -c \"$z\" >\"$t\" || die 84 nostore;"
    "sum \"$t\" || die 83 damaged; chmod 700 \"$t\" || die 84 nostore; sync \"$t\" 2>/dev/null;"
    "mv -f \"$t\" \"$f\" || die 84 nostore; starts || die 85 noexec;"
    "trap - EXIT; say stored;;"
    "*) exit 80;; esac;"
    "PATH=$p; say \"ready $r\"; exec \"$f\" session --root \"$r\";"
}

/// What the command is to do before it starts the shim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing: this process has verified the shim before.
    Run,
    /// Verify its digest (F091).
    Check,
    /// Receive it; the bytes follow the header, and nothing else until [`Word::Ready`] (a `head` may read ahead).
    Put {
        /// Bytes to receive.
        bytes: usize,
    },
}

/// The header line, newline included.
#[must_use]
pub fn header(nonce: &str, step: Step, sha256: &str, root: Option<&Root>) -> String {
    let (verb, bytes) = match step {
        Step::Run => ("run", 0),
        Step::Check => ("check", 0),
        Step::Put { bytes } => ("put", bytes),
    };
    format!("{MAGIC} {nonce} {verb} {sha256} {bytes} {}\n", root.map_or("-", Root::as_str))
}

/// The header line for a shim that is installed at `path`, newline included.
#[must_use]
pub fn use_header(nonce: &str, sha256: &str, path: &Root, root: Option<&Root>) -> String {
    format!("{MAGIC} {nonce} use {sha256} {} {}\n", path.as_str(), root.map_or("-", Root::as_str))
}

/// What the command says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// The shim is not there, or not whole. With `uname -s` and `uname -m`.
    Missing {
        /// Kernel.
        system: String,
        /// Machine.
        machine: String,
    },
    /// The shim that is installed there is another, or none that can be executed.
    Foreign {
        /// Kernel.
        system: String,
        /// Machine.
        machine: String,
        /// Its digest, or `-`.
        sha256: String,
    },
    /// The shim was received, verified and put in its place.
    Stored,
    /// The shim is being started on this state root; requests may follow.
    Ready {
        /// The state root, as the host writes it.
        root: String,
    },
    /// Given up; nothing was started.
    GaveUp(GaveUp),
    /// Not known here.
    Other(String),
}

/// Why the command gave up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GaveUp {
    /// No directory to write to and execute from.
    NoRoot,
    /// The shim was cut short or changed on its way.
    Damaged,
    /// The shim could not be written.
    NoStore,
    /// The shim could not be executed.
    NoExec,
}

impl GaveUp {
    /// For people: what is wrong and what to do.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::NoRoot => "no directory on the host can be written to and executed from; name one with --root",
            Self::Damaged => "the shim was damaged on its way to the host (or the host has none of sha256sum, busybox, shasum, openssl)",
            Self::NoStore => "the shim could not be written to the state root (rights, or no room)",
            Self::NoExec => {
                "the shim cannot be executed in the state root (noexec mount, or another machine type); name another with --root"
            }
        }
    }
}

/// Read a line that starts with [`MAGIC`] and the nonce; `rest` is what follows.
#[must_use]
pub fn parse_word(rest: &str) -> Word {
    let words: Vec<&str> = rest.split(' ').collect();
    match words.as_slice() {
        ["missing", system, machine] => Word::Missing { system: (*system).to_owned(), machine: (*machine).to_owned() },
        ["foreign", system, machine, sha256] => {
            Word::Foreign { system: (*system).to_owned(), machine: (*machine).to_owned(), sha256: (*sha256).to_owned() }
        }
        ["stored"] => Word::Stored,
        ["ready", root] => Word::Ready { root: (*root).to_owned() },
        ["noroot"] => Word::GaveUp(GaveUp::NoRoot),
        ["damaged"] => Word::GaveUp(GaveUp::Damaged),
        ["nostore"] => Word::GaveUp(GaveUp::NoStore),
        ["noexec"] => Word::GaveUp(GaveUp::NoExec),
        _ => Word::Other(rest.chars().take(80).collect()),
    }
}

/// A state root that can stand in a header line: absolute, no white space, control character or backslash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Root(String);

impl Root {
    /// Take a path.
    ///
    /// # Errors
    /// For people: what is wrong with it.
    pub fn parse(path: &str) -> Result<Self, String> {
        if !path.starts_with('/') || path.len() > ROOT_BYTES {
            return Err(format!("a state root is an absolute path of at most {ROOT_BYTES} bytes"));
        }
        if path.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\\') {
            return Err("a state root has no white space, control character or backslash in it".to_owned());
        }
        Ok(Self(path.to_owned()))
    }

    /// As given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A fresh nonce: 26 lower-case letters and digits, 128 random bits.
#[must_use]
pub fn nonce() -> String {
    let mut bits = [0_u8; 16];
    // The system's generator fails only where there is none, and then nothing here is safe to do.
    aws_lc_rs::rand::fill(&mut bits).expect("the system has a random generator");
    data_encoding::BASE32_NOPAD.encode(&bits).to_ascii_lowercase()
}

const _: () = assert!(frame::MAGIC.len() < MAGIC.len(), "a frame header is no word of the command");

#[cfg(test)]
#[path = "script_tests.rs"]
mod tests;
