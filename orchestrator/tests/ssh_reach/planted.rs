//! F086, F087: what stands in the environment and in the files of a login. Programs of its `PATH` are not ours, variables that change
//! what programs do reach neither the shim nor a job, and more noise than a login makes is refused.

use crate::real::{Real, spec};
use crate::ssh_support::{Sshd, ask};
use sortie::launcher::Sent;
use sortie_core::failure::FailureKind;
use sortie_protocol::bytes::Bytes;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// Everything that the remote command runs by name.
const USED: [&str; 17] = [
    "sortie-shim",
    "sh",
    "sha256sum",
    "busybox",
    "shasum",
    "openssl",
    "cksum",
    "uname",
    "head",
    "mv",
    "mkdir",
    "chmod",
    "find",
    "rm",
    "sync",
    "id",
    "env",
];
const VARIABLES: [&str; 4] = ["LD_PRELOAD", "LD_LIBRARY_PATH", "BASH_ENV", "ENV"];

/// A library that writes down every program that loads it.
const SPY: &str = r#"
#include <fcntl.h>
#include <unistd.h>
__attribute__((constructor)) static void spy(void) {
    char name[4096];
    ssize_t length = readlink("/proc/self/exe", name, sizeof name - 1);
    int file = open(SPIED, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (length > 0 && file >= 0) { name[length] = '\n'; write(file, name, length + 1); close(file); }
}
"#;

fn plant(dir: &Path) {
    let planted = dir.join("planted");
    std::fs::create_dir(&planted).unwrap();
    for name in USED {
        let program = planted.join(name);
        std::fs::write(&program, format!("#!/bin/sh\necho {name} >>{}/executed\n", dir.display())).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    std::fs::write(dir.join("rc"), "export LD_LIBRARY_PATH=/nowhere\n").unwrap();
    std::fs::write(dir.join("spy.c"), SPY).unwrap();
    let define = format!("-DSPIED=\"{}/spied\"", dir.display());
    let built = Command::new("cc").args(["-shared", "-fPIC", "-w", &define, "-o", "spy.so", "spy.c"]).current_dir(dir).output();
    assert!(built.as_ref().is_ok_and(|output| output.status.success()), "a C compiler: {built:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f087_what_is_planted_in_the_environment_of_a_login_reaches_neither_shim_nor_job() {
    let environment = "SetEnv HOME={dir}/home XDG_STATE_HOME={dir}/home/state PATH={dir}/planted:/usr/bin:/bin \
                       LD_PRELOAD={dir}/spy.so BASH_ENV={dir}/rc ENV={dir}/rc\n";
    let sshd = Sshd::prepared("ed25519", environment, plant);
    let real = Real::on(&sshd).await;
    let out = sshd.path("environ");
    let script = format!("/bin/cat /proc/$$/environ >{}", out.display());
    let result = real.run(&spec("att_planted000001", ["/bin/sh", "-c", &script].map(Bytes::from).to_vec())).await;
    assert_eq!(result.exit_code, Some(0), "{result:?}");
    let read = |name: &str| std::fs::read_to_string(sshd.path(name)).unwrap_or_default();
    assert_eq!(read("executed"), "", "planted programs were executed");
    assert!(read("spied").contains("/bash\n"), "the library is loaded by the login's own shell: {:?}", read("spied"));
    assert!(!read("spied").contains("sortie-shim"), "the shim loads nothing: {}", read("spied"));
    let environ = String::from_utf8(std::fs::read(out).unwrap()).unwrap();
    for entry in environ.split('\0') {
        assert!(!VARIABLES.iter().any(|name| entry.starts_with(&format!("{name}="))), "{entry}");
    }
    assert!(environ.contains("/planted:/usr/bin:/bin"), "the login's own PATH is the job's: {environ}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f086_a_hundred_megabytes_of_noise_are_refused_on_either_stream_and_a_little_is_not() {
    let sshd = Sshd::start();
    for noise in ["yes", "yes | tr -d '\\n'", "cat /dev/zero"] {
        for stream in ["", " >&2"] {
            let rc = |bytes: usize| format!("{noise} | head -c {bytes}{stream}\n");
            std::fs::write(sshd.path("home/.bashrc"), rc(100_000_000)).unwrap();
            let error = ask(&sshd.launcher(), &sshd.host()).await.unwrap_err();
            assert_eq!((error.kind, error.sent), (FailureKind::Refused, Sent::Nothing), "{noise}{stream}: {error}");
            assert!(error.message.contains("prints without end"), "{noise}{stream}: {error}");
            std::fs::write(sshd.path("home/.bashrc"), rc(100_000)).unwrap();
            ask(&sshd.launcher(), &sshd.host()).await.unwrap();
        }
    }
}
