//! Shims that others have installed, shims for other machine types, two shims side by side.

use crate::ssh_support::{STAND_IN, Sshd, ask, quick, stand_in};
use sortie::launcher::Sent;
use sortie::shim::{Arch, Shim, Shims};
use sortie_core::failure::FailureKind;
use sortie_core::host::Host;
use std::os::unix::fs::PermissionsExt;

fn install(sshd: &Sshd, content: &str) -> Host {
    let path = sshd.path("installed");
    std::fs::write(&path, content).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::create_dir_all(sshd.root()).unwrap();
    Host { shim: Some(path.display().to_string()), ..sshd.host() }
}

#[tokio::test]
async fn an_installed_shim_is_used_where_its_digest_is_ours_and_nothing_is_sent() {
    let sshd = Sshd::start();
    let host = install(&sshd, STAND_IN);
    ask(&sshd.launcher(), &host).await.unwrap();
    assert!(sshd.shims().is_empty(), "{:?}", sshd.shims());
}

#[tokio::test]
async fn f087_another_installed_shim_is_refused_and_never_executed() {
    let sshd = Sshd::start();
    let canary = sshd.path("canary");
    let host = install(&sshd, &format!("#!/bin/sh\ntouch {}\nexit 0\n", canary.display()));
    let error = ask(&sshd.launcher(), &host).await.unwrap_err();
    assert_eq!((error.kind, error.sent), (FailureKind::Refused, Sent::Nothing), "{error}");
    assert!(error.message.contains("none of this program's"), "{error}");
    assert!(!canary.exists() && sshd.shims().is_empty());
    let gone = Host { shim: Some("/nowhere/sortie-shim".into()), ..host };
    assert!(ask(&sshd.launcher(), &gone).await.unwrap_err().message.contains("no file that can be executed"));
}

#[tokio::test]
async fn a_machine_type_without_a_shim_is_refused_clearly() {
    let sshd = Sshd::on_machine("riscv64");
    let error = ask(&sshd.launcher(), &sshd.host()).await.unwrap_err();
    assert_eq!((error.kind, error.sent), (FailureKind::Refused, Sent::Nothing), "{error}");
    assert!(error.message.contains("no shim for Linux riscv64") && error.message.contains("x86_64 and aarch64"), "{error}");
    let sshd = Sshd::on_machine("aarch64");
    let only = Shims::for_type(Arch::LinuxX86_64, Shim::new(STAND_IN.as_bytes()));
    let error = ask(&sshd.launcher_with(only, quick()), &sshd.host()).await.unwrap_err();
    assert!(error.kind == FailureKind::Refused && error.message.contains("config.toml"), "{error}");
    assert!(sshd.shims().is_empty(), "nothing was sent to either");
}

#[tokio::test]
async fn each_machine_type_is_sent_its_own_shim() {
    let sshd = Sshd::on_machine("aarch64");
    let mut shims = Shims::for_type(Arch::LinuxX86_64, Shim::new(b"\x7fELF of another type".as_slice()));
    let own = Shim::new(STAND_IN.as_bytes());
    let name = format!("sortie-shim-{}", own.sha256);
    shims.add(Arch::LinuxAarch64, own);
    ask(&sshd.launcher_with(shims, quick()), &sshd.host()).await.unwrap();
    assert_eq!(sshd.shims(), [name]);
}

#[tokio::test]
async fn two_shims_lie_side_by_side_by_their_digests() {
    let sshd = Sshd::start();
    ask(&sshd.launcher(), &sshd.host()).await.unwrap();
    let newer = Shims::only(Shim::new(format!("{STAND_IN}# newer\n").into_bytes()));
    ask(&sshd.launcher_with(newer, quick()), &sshd.host()).await.unwrap();
    assert_eq!(sshd.shims().len(), 2, "{:?}", sshd.shims());
    // The older program still finds its own.
    ask(&sshd.launcher_with(stand_in(), quick()), &sshd.host()).await.unwrap();
    assert_eq!(sshd.shims().len(), 2);
}
