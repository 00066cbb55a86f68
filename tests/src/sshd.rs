//! A real OpenSSH server of a test's own.

use crate::{limits, ports, wait};
use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const SSHD: &str = "/usr/sbin/sshd";

/// The server. Stopped when dropped.
pub struct Sshd {
    /// Where it listens, on loopback.
    pub port: u16,
    folder: tempfile::TempDir,
    process: Option<Child>,
    key_type: &'static str,
}

impl Sshd {
    /// A server with a fresh Ed25519 host key and nobody who may log in.
    #[must_use]
    pub fn start() -> Self {
        assert!(Path::new(SSHD).is_file(), "{SSHD} is missing: run tests/install");
        let folder = tempfile::Builder::new().prefix("sortie-sshd-").tempdir().unwrap();
        let mut sshd = Self { port: ports::free(), folder, process: None, key_type: "ed25519" };
        fs::write(sshd.file("authorized_keys"), "").unwrap();
        sshd.new_host_key("ed25519");
        sshd.run();
        sshd
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Let a key in, by its public line.
    pub fn authorize(&self, line: &str) {
        let mut file = fs::OpenOptions::new().append(true).open(self.file("authorized_keys")).unwrap();
        writeln!(file, "{line}").unwrap();
    }

    /// Let users other than root read who may log in.
    pub fn open_to_all_users(&self) {
        fs::set_permissions(self.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(self.file("authorized_keys"), fs::Permissions::from_mode(0o644)).unwrap();
    }

    /// Another host key of this type (`ed25519`, `ecdsa`, `rsa`); used from the next start on.
    pub fn new_host_key(&mut self, key_type: &'static str) {
        self.key_type = key_type;
        for name in ["host_key", "host_key.pub"] {
            let _ = fs::remove_file(self.file(name));
        }
        let made = Command::new("ssh-keygen").args(["-q", "-N", "", "-t", key_type, "-f"]).arg(self.file("host_key")).status();
        assert!(made.unwrap().success(), "ssh-keygen failed");
    }

    /// The public line of the host key.
    #[must_use]
    pub fn host_key(&self) -> String {
        let line = fs::read_to_string(self.file("host_key.pub")).unwrap();
        line.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
    }

    /// A file with the public line of the host key.
    #[must_use]
    pub fn host_key_file(&self) -> PathBuf {
        self.file("host_key.pub")
    }

    /// Start it, on the same port as before.
    pub fn run(&mut self) {
        assert!(self.process.is_none(), "it runs already");
        let text = format!(
            "Port {}\nListenAddress 127.0.0.1\nHostKey {key}\nAuthorizedKeysFile {keys}\nPidFile none\nUsePAM no\nStrictModes no\n\
             PermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPrintMotd no\nLogLevel VERBOSE\n\
             MaxStartups 100\nX11Forwarding no\n",
            self.port,
            key = self.file("host_key").display(),
            keys = self.file("authorized_keys").display(),
        );
        fs::write(self.file("sshd_config"), text).unwrap();
        fs::set_permissions(self.file("host_key"), fs::Permissions::from_mode(0o600)).unwrap();
        // The privilege separation folder that distributions make at boot.
        let _ = fs::create_dir_all("/run/sshd");
        let log = fs::OpenOptions::new().create(true).append(true).open(self.file("log")).unwrap();
        let mut command = Command::new(SSHD);
        command.args(["-D", "-e", "-f"]).arg(self.file("sshd_config")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.process = Some(command.spawn().unwrap());
        let port = self.port;
        wait::holds(&format!("sshd listens on {port}; its log:\n{}", self.log()), limits::SOON, || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
    }

    /// Stop listening. Sessions that run stay, as they do with a real one.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// What it has written to its log.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.file("log")).unwrap_or_default()
    }

    /// Logins that succeeded so far.
    #[must_use]
    pub fn logins(&self) -> usize {
        self.log().matches("Accepted publickey").count()
    }

    /// Sessions that were opened with a command so far.
    #[must_use]
    pub fn commands(&self) -> usize {
        self.log().matches("Starting session: command").count()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.stop();
    }
}
