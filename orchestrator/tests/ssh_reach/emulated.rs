//! The shim for aarch64 on a machine of that type, emulated by qemu: it is chosen by what the machine says, arrives whole, and
//! answers. A job needs orphans to come back to its keeper (`PR_SET_CHILD_SUBREAPER`), which qemu's user mode does not have.

use crate::real::{Real, spec};
use crate::ssh_support::Sshd;
use sortie::shim::{Arch, embedded};
use sortie_protocol::bytes::Bytes;
use sortie_protocol::verb::{Refusal, Reply, Verb};
use sortie_protocol::view::Phase;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

const QEMU: &str = "/usr/bin/qemu-aarch64-static";
/// Name of the kernel's rule by which programs for aarch64 are given to qemu.
const RULE: &str = "sortie-tests-aarch64";
/// 64-bit little-endian ELF, `e_machine` 183; whatever the ABI, executables and shared objects.
const MAGIC: &str = r"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00";
const MASK: &str = r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff";

/// Mounts the kernel's table of formats, has the rule in it, and holds both until its input ends: some kernels forget rules with the mount.
const HOLD: &str = "at=/proc/sys/fs/binfmt_misc; mount -t binfmt_misc none $at && printf %s \"$1\" >$at/register && echo ready && cat; \
                    echo -1 >$at/$0";

/// The kernel executes programs for aarch64 while this is there.
struct Emulation {
    holder: Option<Child>,
}

fn runs(program: &Path) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

impl Emulation {
    fn of(program: &Path) -> Self {
        assert!(Path::new(QEMU).exists(), "{QEMU} is missing: run tests/install");
        let mut emulation = Self { holder: None };
        if !runs(program) {
            let rule = format!(":{RULE}:M::{MAGIC}:{MASK}:{QEMU}:F");
            let mut command = Command::new("unshare");
            command.args(["--mount", "/bin/sh", "-c", HOLD, RULE, &rule]).stdin(Stdio::piped()).stdout(Stdio::piped());
            let holder = emulation.holder.insert(command.spawn().unwrap());
            let mut said = String::new();
            BufReader::new(holder.stdout.take().unwrap()).read_line(&mut said).unwrap();
            assert_eq!(said, "ready\n", "the kernel takes no formats of programs (binfmt_misc)");
            assert!(runs(program), "{} does not run under {QEMU}", program.display());
        }
        emulation
    }
}

impl Drop for Emulation {
    fn drop(&mut self) {
        if let Some(mut holder) = self.holder.take() {
            // The end of its input is what it waits for.
            drop(holder.stdin.take());
            let _ended = holder.wait();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_aarch64_machine_is_sent_its_shim_whole_and_is_answered_by_it() {
    let sshd = Sshd::on_machine("aarch64");
    let (_, shim) = embedded().iter().find(|(arch, _)| *arch == Arch::LinuxAarch64).expect("built with its cross compiler: tests/install");
    assert_eq!(shim.arch(), Some(Arch::LinuxAarch64));
    let copy = sshd.path("shim");
    std::fs::write(&copy, &shim.bytes).unwrap();
    std::fs::set_permissions(&copy, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let _emulation = Emulation::of(&copy);
    let real = Real::on(&sshd).await;
    assert_eq!(sshd.shims(), [format!("sortie-shim-{}", shim.sha256)], "the other one was not sent");
    assert!(std::fs::read(sshd.root().join("bin").join(&sshd.shims()[0])).unwrap() == *shim.bytes);
    let Reply::Doctor(facts) = real.ask(Verb::Doctor { create_marker: false }).await else { panic!("doctor") };
    assert!(facts.uname.ends_with(" aarch64") && facts.marker == real.host.marker, "{facts:?}");
    // Claims, tombstones and refusals are those of every machine type.
    let Reply::Status(views) = real.ask(Verb::Status { attempts: vec!["att_aarch0000001".to_owned()], seal: true }).await else {
        panic!("status")
    };
    assert_eq!(views[0].phase, Phase::Sealed);
    let launched = real.launch(&spec("att_aarch0000001", vec![Bytes::from("true")])).await;
    assert!(matches!(launched, Reply::Refused { refusal: Refusal::Sealed, .. }), "{launched:?}");
}
