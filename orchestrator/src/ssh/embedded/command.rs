//! One command on the embedded host: a shell with its streams on a channel.

use russh::server::{Handle, Msg};
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Sig};
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes read from a stream at once: one SSH packet.
const CHUNK: usize = 32 << 10;

/// What the commands of one host share.
pub struct Commands {
    /// `HOME` and working directory.
    pub home: PathBuf,
    /// One for each command at once.
    pub permits: Arc<Semaphore>,
}

impl Commands {
    /// Start a command in a process group of its own and tend to it in the background.
    ///
    /// # Errors
    /// Too many run already, or the shell cannot be started.
    pub fn start(self: Arc<Self>, channel: Channel<Msg>, command: &[u8], handle: Handle) -> io::Result<()> {
        let permit = Arc::clone(&self.permits).try_acquire_owned().map_err(io::Error::other)?;
        let mut shell = Command::new("/bin/sh");
        shell.arg("-c").arg(OsStr::from_bytes(command)).current_dir(&self.home).env_clear();
        // As sshd does: a minimal environment, and nothing of ours.
        shell.env("HOME", &self.home).env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin").env("SHELL", "/bin/sh");
        for name in ["USER", "LOGNAME"] {
            if let Some(value) = std::env::var_os(name) {
                shell.env(name, value);
            }
        }
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let child = shell.spawn()?;
        tokio::spawn(tend(child, channel, handle, permit));
        Ok(())
    }
}

async fn tend(mut child: Child, channel: Channel<Msg>, handle: Handle, _permit: OwnedSemaphorePermit) {
    let id = channel.id();
    let (reader, writer) = channel.split();
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let input = tokio::spawn(feed(reader, stdin));
    // A channel stays open as long as anyone holds the streams, as with sshd.
    tokio::join!(ship(stdout, &writer, None), ship(stderr, &writer, Some(1)));
    let status = child.wait().await;
    input.abort();
    let _gone_already = writer.eof().await;
    match status.as_ref().map(how_it_ended) {
        Ok(Ok(code)) => {
            let _gone_already = writer.exit_status(code).await;
        }
        Ok(Err(signal)) => {
            let _gone_already = handle.exit_signal_request(id, signal, false, String::new(), String::new()).await;
        }
        Err(error) => tracing::warn!(%error, "a command of the embedded SSH host could not be waited for"),
    }
    let _gone_already = writer.close().await;
}

/// Standard input, until end of file or the connection's end. Drained always: what a command does not read is dropped
/// with its pipe, so that the connection never waits for it longer than the pipe is open.
async fn feed(mut reader: ChannelReadHalf, mut stdin: Option<ChildStdin>) {
    while let Some(message) = reader.wait().await {
        match message {
            ChannelMsg::Data { data } => {
                if let Some(pipe) = &mut stdin
                    && pipe.write_all(&data).await.is_err()
                {
                    stdin = None;
                }
            }
            ChannelMsg::Eof | ChannelMsg::Close => stdin = None,
            _ => {}
        }
    }
}

async fn ship(stream: Option<impl AsyncRead + Unpin>, writer: &ChannelWriteHalf<Msg>, extended: Option<u32>) {
    let Some(mut stream) = stream else { return };
    let mut chunk = vec![0; CHUNK];
    while let Ok(read @ 1..) = stream.read(&mut chunk).await {
        let bytes = chunk[..read].to_vec();
        let shipped = match extended {
            None => writer.data_bytes(bytes).await,
            Some(kind) => writer.extended_data_bytes(kind, bytes).await,
        };
        if shipped.is_err() {
            break;
        }
    }
}

fn how_it_ended(status: &ExitStatus) -> Result<u32, Sig> {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ok(code.unsigned_abs()),
        (None, signal) => Err(signal_name(signal.unwrap_or_default())),
    }
}

/// RFC 4254, 6.10; others go by their number.
fn signal_name(number: i32) -> Sig {
    match number {
        1 => Sig::HUP,
        2 => Sig::INT,
        3 => Sig::QUIT,
        4 => Sig::ILL,
        6 => Sig::ABRT,
        8 => Sig::FPE,
        9 => Sig::KILL,
        11 => Sig::SEGV,
        13 => Sig::PIPE,
        14 => Sig::ALRM,
        15 => Sig::TERM,
        other => Sig::Custom(other.to_string()),
    }
}
