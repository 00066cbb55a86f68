//! The ssh-agent: one key of it signs, and while it is away what waits for a host waits on.

use crate::ssh_support::{Sshd, ask, keygen, quick, stand_in};
use sortie::launcher::Sent;
use sortie::ssh::login::Identities;
use sortie::ssh::{Config, SshLauncher};
use sortie_core::failure::FailureKind;
use sortie_core::host::{Host, Login};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A running ssh-agent.
pub struct Agent {
    pub socket: PathBuf,
    child: Child,
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Agent {
    pub fn start(sshd: &Sshd) -> Self {
        let socket = sshd.path("agent");
        let _none_yet = std::fs::remove_file(&socket);
        let mut child = Command::new("ssh-agent").arg("-D").arg("-a").arg(&socket).stdout(Stdio::null()).spawn().unwrap();
        while !socket.exists() {
            assert!(child.try_wait().unwrap().is_none(), "ssh-agent ended");
            std::thread::yield_now();
        }
        Self { socket, child }
    }

    pub fn add(&self, key: &Path) {
        let added = Command::new("ssh-add").arg("-q").arg(key).env("SSH_AUTH_SOCK", &self.socket).status().unwrap();
        assert!(added.success());
    }
}

fn launcher(socket: &Path) -> SshLauncher {
    let identities = Identities { agent_socket: Some(socket.to_owned()), ..Identities::default() };
    SshLauncher::new(Config { identities, shims: stand_in(), limits: quick(), revoked: None })
}

#[tokio::test]
async fn f090_an_agent_that_is_away_is_waited_for() {
    let sshd = Sshd::start();
    let host = Host { login: Login::Agent, ..sshd.host() };
    let agent = Agent::start(&sshd);
    let socket = agent.socket.clone();
    agent.add(&sshd.path("id"));
    ask(&launcher(&socket), &host).await.unwrap();
    drop(agent);
    let error = ask(&launcher(&socket), &host).await.unwrap_err();
    // `unreachable` and nothing sent: the driver asks again until the launch's own limit.
    assert_eq!((error.kind, error.sent), (FailureKind::Unreachable, Sent::Nothing), "{error}");
    assert!(error.message.contains("the ssh-agent at"), "{error}");
    let agent = Agent::start(&sshd);
    let error = ask(&launcher(&socket), &host).await.unwrap_err();
    assert!(error.kind == FailureKind::Unreachable && error.message.contains("holds no key"), "{error}");
    agent.add(&sshd.path("id"));
    ask(&launcher(&socket), &host).await.unwrap();
}

#[tokio::test]
async fn of_several_keys_in_the_agent_one_is_named() {
    let sshd = Sshd::start();
    let agent = Agent::start(&sshd);
    keygen(&sshd.path("other"), "ed25519");
    agent.add(&sshd.path("other"));
    agent.add(&sshd.path("id"));
    let any = Host { login: Login::Agent, ..sshd.host() };
    let error = ask(&launcher(&agent.socket), &any).await.unwrap_err();
    assert!(error.kind == FailureKind::Auth && error.message.contains("choose one"), "{error}");
    let listed = Command::new("ssh-keygen").arg("-lf").arg(sshd.path("id.pub")).output().unwrap();
    let fingerprint = String::from_utf8(listed.stdout).unwrap().split(' ').nth(1).unwrap().to_owned();
    ask(&launcher(&agent.socket), &Host { login: Login::AgentKey(fingerprint), ..any }).await.unwrap();
    assert_eq!(sshd.logins(), 1, "{}", sshd.log.text());
}
