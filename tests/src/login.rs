//! A user of this machine who is not root, made for one test.

use crate::{limits, wait};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// The user. Removed when dropped, with its home.
pub struct Login {
    /// Its name.
    pub name: String,
    home: tempfile::TempDir,
    sudoers: Option<PathBuf>,
}

impl Login {
    /// A user who may log in by key, and has no more rights than that.
    #[must_use]
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("sortie-t{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let private = std::fs::Permissions::from_mode(0o700);
        let home = tempfile::Builder::new().prefix("sortie-login-").permissions(private).tempdir().unwrap();
        let login = Self { name, home, sudoers: None };
        // `*`: no password fits, and yet the account is not locked, as sshd sees it.
        let home = login.home.path().display().to_string();
        wait::holds("nobody else changes the users of this machine", limits::SOON, || {
            is_done("useradd", &["--no-create-home", "--home-dir", &home, "--shell", "/bin/bash", "--password", "*", &login.name])
        });
        assert!(is_done("chown", &[&login.name, &home]));
        login
    }

    /// One who may do all by `sudo`, without a password.
    #[must_use]
    pub fn with_sudo() -> Self {
        let mut login = Self::new();
        // sudo passes over names with a dot; a dash is none.
        let file = Path::new("/etc/sudoers.d").join(&login.name);
        std::fs::write(&file, format!("{} ALL=(ALL:ALL) NOPASSWD: ALL\n", login.name)).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o440)).unwrap();
        login.sudoers = Some(file);
        login
    }

    /// Its home.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.home.path()
    }
}

impl Default for Login {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Login {
    fn drop(&mut self) {
        if let Some(file) = &self.sudoers {
            let _ = std::fs::remove_file(file);
        }
        let started = std::time::Instant::now();
        while !is_done("userdel", &["--force", &self.name]) && started.elapsed() < limits::SOON / 3 {
            std::thread::sleep(limits::LOOK);
        }
    }
}

fn is_done(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
}
