//! Logging in with an OpenSSH user certificate, from a file or held by an agent; one that does not hold is not shown.

use crate::agents::Agent;
use crate::keys::{authority, sign};
use crate::ssh_support::{Sshd, ask, keygen, public_line, quick, stand_in};
use sortie::launcher::Sent;
use sortie::ssh::login::Identities;
use sortie::ssh::{Config, SshLauncher};
use sortie_core::failure::FailureKind;
use sortie_core::host::{Host, Login};

/// A server that lets in by certificates of an authority alone.
fn server() -> Sshd {
    Sshd::prepared("ed25519", "AuthorizedKeysFile none\nTrustedUserCAKeys {dir}/users.pub\n", |dir| {
        keygen(&dir.join("users"), "ed25519");
    })
}

fn host(sshd: &Sshd, key: &str) -> Host {
    let at = |name: &str| sshd.path(name).display().to_string();
    Host { login: Login::Certificate { key: at(key), certificate: at(&format!("{key}-cert.pub")) }, ..sshd.host() }
}

#[tokio::test]
async fn a_certificate_lets_in_where_the_key_alone_does_not() {
    let sshd = server();
    for kind in ["ed25519", "ecdsa", "rsa"] {
        keygen(&sshd.path(kind), kind);
        sign(&sshd.path("users"), &sshd.path(kind), &["-n", &crate::ssh_support::user(), "-V", "-1d:+1d"]);
        ask(&sshd.launcher(), &host(&sshd, kind)).await.unwrap_or_else(|error| panic!("{kind}: {error}"));
        let bare = Host { login: Login::Key(sshd.path(kind).display().to_string()), ..sshd.host() };
        assert_eq!(ask(&sshd.launcher(), &bare).await.unwrap_err().kind, FailureKind::Auth);
    }
}

#[tokio::test]
async fn a_certificate_that_does_not_hold_is_said_so_and_the_host_not_asked() {
    let sshd = server();
    let user = crate::ssh_support::user();
    keygen(&sshd.path("k"), "ed25519");
    for (options, says) in [
        (&["-n", user.as_str(), "-V", "20200101:20200102"][..], "ran out"),
        (&["-n", user.as_str(), "-V", "+1d:+2d"][..], "not valid before"),
        (&["-h", "-n", user.as_str()][..], "made for hosts"),
    ] {
        sign(&sshd.path("users"), &sshd.path("k"), options);
        let error = ask(&sshd.launcher(), &host(&sshd, "k")).await.unwrap_err();
        assert_eq!((error.kind, error.sent), (FailureKind::Auth, Sent::Nothing), "{error}");
        assert!(error.message.contains(says), "{error}");
    }
    // Of another key, and none at all.
    keygen(&sshd.path("other"), "ed25519");
    sign(&sshd.path("users"), &sshd.path("other"), &["-n", &user]);
    std::fs::copy(sshd.path("other-cert.pub"), sshd.path("k-cert.pub")).unwrap();
    assert!(ask(&sshd.launcher(), &host(&sshd, "k")).await.unwrap_err().message.contains("another key"));
    std::fs::write(sshd.path("k-cert.pub"), public_line(&sshd.path("k"))).unwrap();
    assert!(ask(&sshd.launcher(), &host(&sshd, "k")).await.unwrap_err().message.contains("no OpenSSH certificate"));
    assert_eq!(sshd.log.count("Connection from"), 0, "{}", sshd.log.text());
    // One by an authority that the host does not trust is its matter to refuse.
    authority(&sshd, "stranger", "ed25519");
    sign(&sshd.path("stranger"), &sshd.path("k"), &["-n", &user]);
    let error = ask(&sshd.launcher(), &host(&sshd, "k")).await.unwrap_err();
    assert!(error.kind == FailureKind::Auth && error.message.contains("TrustedUserCAKeys"), "{error}");
}

#[tokio::test]
async fn a_certificate_that_the_agent_holds_goes_before_its_bare_key() {
    let sshd = server();
    keygen(&sshd.path("k"), "ed25519");
    sign(&sshd.path("users"), &sshd.path("k"), &["-n", &crate::ssh_support::user()]);
    let agent = Agent::start(&sshd);
    agent.add(&sshd.path("k"));
    let identities = Identities { agent_socket: Some(agent.socket.clone()), ..Identities::default() };
    let launcher = SshLauncher::new(Config { identities, shims: stand_in(), limits: quick(), revoked: None });
    ask(&launcher, &Host { login: Login::Agent, ..sshd.host() }).await.unwrap();
    // The key in the agent, the certificate in a file.
    let certificate = sshd.path("k-cert.pub").display().to_string();
    ask(&launcher, &Host { login: Login::Certificate { key: "agent".into(), certificate }, ..sshd.host() }).await.unwrap();
}
