//! Every bound of the SSH side, with its reason. Tests put shorter ones in [`Limits`].

use std::time::Duration;

/// Sessions (channels) at once on one connection. sshd's `MaxSessions` is 10 by default and counts a session until its
/// close is processed, so more than 6 are refused now and then.
pub const SESSIONS: usize = 4;
/// Handshakes at once to one address and port: sshd's `MaxStartups` (10:30:100) drops more of them at random.
pub const HANDSHAKES_PER_HOST: usize = 4;
/// Handshakes at once of the whole process: each costs milliseconds of CPU and a file descriptor.
pub const HANDSHAKES: usize = 32;
/// Questions that may wait for one host. A fan-out larger than this is refused here and retried by its due work.
pub const QUEUE: usize = 1024;
/// Bytes of questions that may wait for one host: with the largest requests the queue is shorter.
pub const QUEUE_BYTES: usize = 64 << 20;
/// Longest time that a question may itself ask the host to take (`cancel` waits for a verified end).
pub const PATIENCE: Duration = Duration::from_secs(600);
/// Hosts whose lanes (queue, connection, known shims) are remembered; idle ones beyond this are forgotten first.
pub const LANES: usize = 4096;
/// Bytes read from a server before the login is done: banners, key exchange, EXT_INFO. A real one needs under 16 KiB (F079).
pub const PREAUTH_BYTES: u64 = 1 << 20;
/// Bytes read from a server after the login since anything was heard that somebody had asked for, whatever they are: standard error,
/// noise, messages and requests of the protocol. [`SESSIONS`] of the largest answers at once are half of it (F079).
pub const UNHEARD_BYTES: u64 = 64 << 20;
/// Longest line of standard output that can be a word or a header, in bytes; longer ones are noise.
pub const LINE_BYTES: usize = 4096;
/// Last bytes of a session's standard error kept for messages to people.
pub const STDERR_BYTES: usize = 1024;
/// What a session's reader may have heard and nobody has taken yet. The shim says one thing per question.
pub const HEARD: usize = 8;
/// Largest shim, in bytes: by design it is at most 4 MiB (3,765,224 bytes with the MCP server), a debug build a few times that.
pub const SHIM_BYTES: u64 = 64 << 20;
/// Piece in which a shim is written to a channel, in bytes: one SSH packet.
pub const PIECE_BYTES: usize = 32 << 10;
/// Longest time for writing a shim to a host: 4 MiB at 7 KiB/s.
pub const UPLOAD: Duration = Duration::from_secs(600);
/// Messages of one channel that may wait for its reader before the whole connection is held back (32 KiB each).
pub const CHANNEL_MESSAGES: usize = 32;
/// Longest state root, in bytes (`PATH_MAX` less what the shim appends to it).
pub const ROOT_BYTES: usize = 1024;
/// Addresses of one name that are tried.
pub const DIAL_ADDRESSES: usize = 8;
/// How long an address has before the next one is tried beside it (RFC 8305 recommends 250 ms).
pub const DIAL_STAGGER: Duration = Duration::from_millis(250);
/// Machines on the way to a host: every one is a login, and an SSH connection inside the one before.
pub const JUMPS: usize = 8;
/// Connections to machines on the way that are remembered for sharing; dead ones beyond this are forgotten first.
pub const SHARED: usize = 1024;
/// How long OpenSSH may take to say what an alias means: it reads files; a `Match exec` may look further.
pub const ALIAS: Duration = Duration::from_secs(5);
/// Bytes of an ssh_config file, and of what `ssh -G` prints (about 4 KiB).
pub const ALIAS_BYTES: u64 = 256 << 10;
/// Files of an ssh_config with all that it includes; more are a circle.
pub const ALIAS_FILES: usize = 64;
/// Certificate authorities of one host, and revoked keys.
pub const AUTHORITIES: usize = 64;
/// Commands at once on one embedded host: it serves a demo and tests.
pub const EMBEDDED_COMMANDS: usize = 64;
/// Connections at once to one embedded host.
pub const EMBEDDED_CONNECTIONS: usize = 32;

const _: () = assert!(UNHEARD_BYTES >= 2 * (SESSIONS * sortie_protocol::limits::FRAME_BYTES) as u64);

/// Time limits, one for each phase, and what else a test shortens.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Name look-up and TCP connect, or the channel through the machine before.
    pub connect: Duration,
    /// Until the server has said which SSH it speaks; part of `kex`.
    pub banner: Duration,
    /// Banner and key exchange.
    pub kex: Duration,
    /// Login.
    pub auth: Duration,
    /// Opening a channel.
    pub open: Duration,
    /// From the exec request to the first word of the remote command, and for each answer after it.
    pub exec: Duration,
    /// Writing one request, or 32 KiB of a shim: a peer with a closed window must not hold us.
    pub write: Duration,
    /// Between two keepalives on a silent connection; after [`Limits::keepalives`] unanswered ones it is dead.
    pub keepalive: Duration,
    /// Keepalives that may go unanswered.
    pub keepalives: usize,
    /// A session without a question ends after this long, and the connection with its last session. A burst stays on one
    /// connection; nothing is held for hours.
    pub idle: Duration,
    /// A question that has waited this long for a session is given back unsent.
    pub queued: Duration,
    /// Tries of a handshake that the server drops before the login: `MaxStartups` drops at random, and lets in the next one.
    pub handshake_tries: u32,
    /// First pause between two such tries; doubles, with jitter.
    pub handshake_pause: Duration,
    /// How long a server that dropped all of them is left alone: OpenSSH 9.8 and later drops an address once it has 15 s of penalties.
    pub penalty: Duration,
    /// Tries to open the first session of a connection when the server says it has too many.
    pub open_tries: u32,
    /// For a graceful goodbye, before the socket is closed anyhow.
    pub goodbye: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            banner: Duration::from_secs(10),
            kex: Duration::from_secs(30),
            auth: Duration::from_secs(30),
            open: Duration::from_secs(10),
            exec: Duration::from_secs(60),
            write: Duration::from_secs(30),
            keepalive: Duration::from_secs(15),
            keepalives: 3,
            idle: Duration::from_secs(5),
            queued: Duration::from_secs(120),
            handshake_tries: 4,
            handshake_pause: Duration::from_millis(200),
            penalty: Duration::from_secs(15),
            open_tries: 6,
            goodbye: Duration::from_secs(1),
        }
    }
}
