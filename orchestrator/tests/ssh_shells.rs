//! The one remote command under every shell that is installed, as a login shell would be given it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use sortie::shim::Shim;
use sortie::ssh::script::{COMMAND, Root, Step, header};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const NONCE: &str = "abcdefghijklmnopqrstuvwxyz";

fn shells() -> Vec<&'static str> {
    let all = ["sh", "bash", "dash", "busybox", "zsh", "fish", "csh", "tcsh", "ksh", "mksh"];
    let installed = |name: &&str| ["/bin", "/usr/bin"].iter().any(|dir| Path::new(dir).join(name).exists());
    all.into_iter().filter(installed).collect()
}

fn run(shell: &str, dir: &Path, input: &[u8]) -> Output {
    // Some shells leave files of their own in their home.
    let home = dir.join("home");
    std::fs::create_dir_all(&home).unwrap();
    let mut command = Command::new(shell);
    if shell == "busybox" {
        command.arg("sh");
    }
    command.arg("-c").arg(COMMAND).env("HOME", home).env_remove("XDG_STATE_HOME");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that gives up closes its input early.
    let _closed_early = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn shim() -> Shim {
    Shim::new(b"#!/bin/sh\n[ \"$1\" = session ] || exit 0\necho \"args: $*\"\ncat\n".as_slice())
}

fn says(output: &Output) -> String {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().filter(|line| !line.is_empty()).collect::<Vec<_>>().join("|")
}

#[test]
fn f085_every_shell_passes_the_command_on_and_the_shim_is_put_checked_and_run() {
    assert!(shells().contains(&"bash") && shells().contains(&"dash"), "{:?}", shells());
    for shell in shells() {
        let dir = tempfile::tempdir().unwrap();
        let shim = shim();
        // A root that any shell would trip over, if it ever were to parse it.
        let root = Root::parse(&format!("{}/a$(touch${{IFS}}canary);`id`'\"*", dir.path().display())).unwrap();
        let missing = run(shell, dir.path(), header(NONCE, Step::Run, &shim.sha256, Some(&root)).as_bytes());
        assert_eq!(missing.status.code(), Some(81), "{shell}: {missing:?}");
        assert_eq!(says(&missing), format!("SORTIE-SH/1 {NONCE} missing Linux {}", std::env::consts::ARCH), "{shell}");
        let mut input = header(NONCE, Step::Put { bytes: shim.bytes.len() }, &shim.sha256, Some(&root)).into_bytes();
        input.extend_from_slice(&shim.bytes);
        let put = run(shell, dir.path(), &input);
        let ready = format!("SORTIE-SH/1 {NONCE} ready {0}|args: session --root {0}", root.as_str());
        assert_eq!(says(&put), format!("SORTIE-SH/1 {NONCE} stored|{ready}"), "{shell}: {put:?}");
        for step in [Step::Run, Step::Check] {
            let mut input = header(NONCE, step, &shim.sha256, Some(&root)).into_bytes();
            input.extend_from_slice(b"the rest is the shim's");
            assert_eq!(says(&run(shell, dir.path(), &input)), format!("{ready}|the rest is the shim's"), "{shell}");
        }
        let bin = Path::new(root.as_str()).join("bin");
        assert_eq!(std::fs::read_dir(bin).unwrap().count(), 1, "{shell}: nothing is left behind");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "{shell}: no canary beside home and root");
    }
}

#[test]
fn f091_an_upload_cut_short_anywhere_or_changed_anywhere_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let shim = Shim::new(format!("#!/bin/sh\nexit 0\n{}", "# padding\n".repeat(500)).into_bytes());
    let root = Root::parse(dir.path().to_str().unwrap()).unwrap();
    let head = header(NONCE, Step::Put { bytes: shim.bytes.len() }, &shim.sha256, Some(&root)).into_bytes();
    let whole = [&head[..], &shim.bytes[..]].concat();
    let refused = |input: &[u8], what: &str| {
        let output = run("sh", dir.path(), input);
        assert_eq!((output.status.code(), says(&output)), (Some(83), format!("SORTIE-SH/1 {NONCE} damaged")), "{what}");
        assert_eq!(std::fs::read_dir(dir.path().join("bin")).unwrap().count(), 0, "{what}");
    };
    for at in (head.len()..whole.len()).step_by(199).chain([whole.len() - 1]) {
        refused(&whole[..at], &format!("cut after {at} bytes"));
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        refused(&flipped, &format!("byte {at} changed"));
    }
    // A header that promises fewer bytes than there are.
    for bytes in [0, 1, shim.bytes.len() - 1] {
        let head = header(NONCE, Step::Put { bytes }, &shim.sha256, Some(&root)).into_bytes();
        refused(&[&head[..], &shim.bytes[..]].concat(), &format!("{bytes} bytes promised"));
    }
    assert_eq!(run("sh", dir.path(), &whole).status.code(), Some(0), "and the whole of it is taken");
}

#[test]
fn without_a_root_the_host_picks_one_and_says_which() {
    for shell in shells() {
        let dir = tempfile::tempdir().unwrap();
        let shim = shim();
        let mut input = header(NONCE, Step::Put { bytes: shim.bytes.len() }, &shim.sha256, None).into_bytes();
        input.extend_from_slice(&shim.bytes);
        let said = says(&run(shell, dir.path(), &input));
        let expected = dir.path().join("home/.local/state/sortie");
        assert!(said.contains(&format!("ready {}|", expected.display())), "{shell}: {said}");
        assert_eq!(std::fs::read_dir(expected.join("bin")).unwrap().count(), 1);
    }
}

#[test]
fn a_header_that_is_none_ends_the_command() {
    let dir = tempfile::tempdir().unwrap();
    for input in
        ["", "nonsense\n", "SORTIE-SH/1 abc run x 0 relative/root\n", "SORTIE-SH/1 abc dance x 0 /tmp\n", "SORTIE-SH/2 abc run x 0 /tmp\n"]
    {
        let output = run("sh", dir.path(), input.as_bytes());
        assert_eq!(output.status.code(), Some(80), "{input:?}: {output:?}");
    }
}
