//! A real OpenSSH server on loopback.

use crate::{limits, place};
use anyhow::{Context, bail};
use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

const PROGRAM: &str = "/usr/sbin/sshd";

/// It. Stopped when dropped.
pub struct Sshd {
    /// Where it listens.
    pub port: u16,
    folder: PathBuf,
    process: Child,
}

impl Sshd {
    /// Start one that lets in this public key.
    ///
    /// # Errors
    /// Where OpenSSH is not installed.
    pub fn start(folder: &Path, public_line: &str) -> anyhow::Result<Self> {
        fs::create_dir_all(folder)?;
        let file = |name: &str| folder.join(name);
        let made = Command::new("ssh-keygen").args(["-q", "-N", "", "-t", "ed25519", "-f"]).arg(file("host_key")).status();
        if !made.context("ssh-keygen is missing")?.success() {
            bail!("ssh-keygen failed");
        }
        fs::write(file("authorized_keys"), format!("{public_line}\n"))?;
        let port = place::free()?.port();
        let text = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nUsePAM no\nStrictModes no\n\
             PermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPrintMotd no\nLogLevel ERROR\n\
             MaxStartups 100\nMaxSessions {}\nSetEnv HOME={}\n",
            file("host_key").display(),
            file("authorized_keys").display(),
            limits::MAX_SESSIONS,
            // A home without start-up files of a shell: those cost every `ssh` command what they cost, and Sortie only once.
            file("home").display(),
        );
        fs::create_dir_all(file("home"))?;
        fs::write(file("config"), text)?;
        // The privilege separation folder that distributions make at boot.
        let _ = fs::create_dir_all("/run/sshd");
        let process = Command::new(PROGRAM)
            .args(["-D", "-e", "-f"])
            .arg(file("config"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(file("log"))?)
            .spawn()
            .with_context(|| format!("{PROGRAM} is missing"))?;
        let sshd = Self { port, folder: folder.to_owned(), process };
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if started.elapsed() > limits::SETTLE {
                bail!("sshd does not listen: {}", fs::read_to_string(sshd.folder.join("log")).unwrap_or_default());
            }
            std::thread::sleep(limits::LOOK);
        }
        Ok(sshd)
    }

    /// Its host key, a public line without comment.
    ///
    /// # Errors
    /// Where the file is gone.
    pub fn host_key(&self) -> anyhow::Result<String> {
        let line = fs::read_to_string(self.folder.join("host_key.pub"))?;
        Ok(line.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
