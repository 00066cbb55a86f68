//! F082: a host certificate is believed within its terms, and not beyond.

use crate::keys::{authority, certified};
use crate::ssh_support::{ask, quick, stand_in};
use sortie::launcher::Sent;
use sortie::ssh::enroll::{EnrollRequest, Expected, Place};
use sortie::ssh::login::Identities;
use sortie::ssh::{Config, SshLauncher};
use sortie_core::failure::FailureKind;

const FINE: &[&str] = &["-n", "127.0.0.1", "-V", "-1d:+1d"];

#[tokio::test]
async fn f082_a_certificate_of_a_trusted_authority_stands_for_a_key_that_is_not_pinned() {
    for kind in ["ed25519", "ecdsa", "rsa"] {
        let (sshd, ca) = certified(kind, FINE);
        let mut host = sshd.host();
        (host.host_keys, host.host_cas) = (vec![], vec![ca]);
        ask(&sshd.launcher(), &host).await.unwrap_or_else(|error| panic!("{kind}: {error}"));
    }
}

#[tokio::test]
async fn f082_what_a_certificate_does_not_cover_is_refused_before_the_login() {
    let outdated: &[&str] = &["-n", "127.0.0.1", "-V", "20200101:20200102"];
    let early: &[&str] = &["-n", "127.0.0.1", "-V", "+1d:+2d"];
    for (options, says) in [
        (&["-n", "elsewhere", "-V", "-1d:+1d"][..], "made out to elsewhere, not to 127.0.0.1"),
        (&["-V", "-1d:+1d"][..], "made out to nobody"),
        (&["-n", "127.0.0.*", "-V", "-1d:+1d"][..], "made out to 127.0.0.*"),
        (outdated, "ran out"),
        (early, "not valid before"),
        (&["-n", "127.0.0.1", "-V", "-1d:+1d", "-O", "critical:strange@example=1"][..], "critical option `strange@example`"),
    ] {
        let (sshd, ca) = certified("ed25519", options);
        let mut host = sshd.host();
        (host.host_keys, host.host_cas) = (vec![], vec![ca]);
        let error = ask(&sshd.launcher(), &host).await.unwrap_err();
        assert_eq!((error.kind, error.sent), (FailureKind::HostKey, Sent::Nothing), "{options:?}: {error}");
        assert!(error.message.contains(says), "{options:?}: {error}");
        assert_eq!(sshd.logins(), 0);
    }
}

#[tokio::test]
async fn f082_another_authority_a_revoked_one_and_sha1_are_refused() {
    let (sshd, ca) = certified("ed25519", FINE);
    let other = authority(&sshd, "other", "ed25519");
    let mut host = sshd.host();
    let key = std::mem::take(&mut host.host_keys);
    host.host_cas = vec![other.clone()];
    let error = ask(&sshd.launcher(), &host).await.unwrap_err();
    assert!(error.kind == FailureKind::HostKey && error.message.contains("no authority"), "{error}");
    for revoked in [&ca, &key[0]] {
        (host.host_keys, host.host_cas) = (vec![format!("@revoked {revoked}")], vec![ca.clone(), other.clone()]);
        let error = ask(&sshd.launcher(), &host).await.unwrap_err();
        assert!(error.kind == FailureKind::HostKey && error.message.contains("revoked"), "{error}");
    }
    let (sshd, ca) = certified("rsa", &["-n", "127.0.0.1", "-t", "ssh-rsa"]);
    let mut host = sshd.host();
    (host.host_keys, host.host_cas) = (vec![], vec![ca]);
    let error = ask(&sshd.launcher(), &host).await.unwrap_err();
    assert!(error.kind == FailureKind::HostKey && error.message.contains("too weak"), "{error}");
    assert_eq!(sshd.logins(), 0);
}

#[tokio::test]
async fn f082_the_list_of_revoked_keys_counts_at_once_and_nothing_is_asked_without_it() {
    let (sshd, ca) = certified("ed25519", &["-n", "127.0.0.1", "-V", "-1d:+1d", "-z", "7"]);
    let list = sshd.path("revoked");
    let identities = Identities { key: sshd.path("id"), ..Identities::default() };
    let launcher = SshLauncher::new(Config { identities, shims: stand_in(), limits: quick(), revoked: Some(list.clone()) });
    let mut host = sshd.host();
    host.host_cas = vec![ca];
    let error = ask(&launcher, &host).await.unwrap_err();
    assert_eq!((error.kind, error.sent), (FailureKind::Unreachable, Sent::Nothing), "{error}");
    assert!(error.message.contains("revoked_host_keys"), "{error}");
    let revoke = |serial: u64| {
        std::fs::write(sshd.path("spec"), format!("serial: {serial}\n")).unwrap();
        let made = std::process::Command::new("ssh-keygen")
            .args(["-q", "-k", "-f"])
            .arg(&list)
            .arg("-s")
            .args([sshd.path("ca.pub"), sshd.path("spec")])
            .output();
        assert!(made.unwrap().status.success());
    };
    revoke(7);
    let error = ask(&launcher, &host).await.unwrap_err();
    assert!(error.kind == FailureKind::HostKey && error.message.contains("list of revoked keys"), "{error}");
    assert_eq!(sshd.logins(), 0);
    revoke(8);
    ask(&launcher, &host).await.unwrap();
}

#[tokio::test]
async fn f082_with_an_authority_a_plain_key_must_still_be_pinned() {
    let plain = crate::ssh_support::Sshd::start();
    let ca = authority(&plain, "ca", "ed25519");
    let mut host = plain.host();
    host.host_cas = vec![ca.clone()];
    ask(&plain.launcher(), &host).await.unwrap();
    host.host_keys = vec![];
    let error = ask(&plain.launcher(), &host).await.unwrap_err();
    assert_eq!((error.kind, error.sent), (FailureKind::HostKey, Sent::Nothing), "{error}");
    assert_eq!(plain.logins(), 1);
}

#[tokio::test]
async fn f082_an_alias_name_is_what_counts_and_known_hosts_may_name_the_authority() {
    let (sshd, ca) = certified("ed25519", &["-n", "vm.internal", "-V", "-1d:+1d"]);
    let mut host = sshd.host();
    (host.host_keys, host.host_cas, host.key_name) = (vec![], vec![ca.clone()], Some("vm.internal".into()));
    ask(&sshd.launcher(), &host).await.unwrap();

    let lost = authority(&sshd, "lost", "ed25519");
    let known = sshd.path("known_hosts");
    std::fs::write(&known, format!("@cert-authority *.internal {ca}\n@revoked * {lost}\n")).unwrap();
    let place = Place {
        address: "127.0.0.1".into(),
        port: sshd.port,
        user: crate::ssh_support::user(),
        expected: Some(Expected::KnownHosts(vec![known])),
        key_name: Some("vm.internal".into()),
        ..Place::default()
    };
    let request = EnrollRequest { host: place, root: Some(sshd.root().display().to_string()), ..EnrollRequest::default() };
    let identities = Identities { key: sshd.path("id"), ..Identities::default() };
    let launcher = SshLauncher::new(Config { identities, limits: quick(), ..Config::new("") });
    let enrolled = launcher.enroll(&request).await.unwrap();
    assert_eq!(enrolled.host_cas, [ca]);
    assert_eq!(enrolled.host_keys, [format!("@revoked {lost}")]);
}
