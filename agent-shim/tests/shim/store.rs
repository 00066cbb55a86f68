//! Files: logs, garbage collection, privacy.

use crate::server::{Mode, http};
use crate::vm::Vm;
use sortie_protocol::verb::{Refusal, Reply, Verb};
use sortie_protocol::view::Phase;
use std::os::unix::fs::PermissionsExt;

#[test]
fn gc_makes_tombstones_of_acknowledged_attempts_and_keeps_the_rest() {
    let vm = Vm::new();
    vm.launched(&vm.sh("att_gcdone000001", "mkdir -p deep/er; ln -s /etc deep/link; true"));
    vm.wait_phase("att_gcdone000001", Phase::Acked);
    vm.server.mode(Mode::Raw(http(401, "", "")));
    vm.launched(&vm.sh("att_gckept000001", "true"));
    vm.wait_phase("att_gckept000001", Phase::Finished);
    vm.cancel("att_gcseal000001");
    let Reply::Swept { removed, kept, .. } = vm.verb(Verb::Gc { older_than_ms: 3_600_000 }) else { panic!() };
    assert_eq!((removed, kept), (0, 2), "too young");
    crate::vm::eventually("swept", || matches!(vm.verb(Verb::Gc { older_than_ms: 0 }), Reply::Swept { removed: 1, kept: 1, .. }));
    assert_eq!(vm.refused(vm.launch_verb(&vm.sh("att_gcdone000001", "true"))), Refusal::Sealed, "the name never becomes free");
    assert_eq!(std::fs::read_dir(vm.file("att_gcdone000001", "")).unwrap().count(), 1);
    assert!(std::path::Path::new("/etc/passwd").exists());
    assert_eq!(vm.collected_result("att_gckept000001").exit_code, Some(0));
    assert_eq!(vm.status("att_gcseal000001").phase, Phase::Sealed);
}

#[test]
fn logs_are_ranges_by_absolute_offset() {
    let vm = Vm::new();
    vm.launched(&vm.sh("att_logs00000001", "printf 0123456789; printf err >&2"));
    vm.wait_phase("att_logs00000001", Phase::Acked);
    let read = |stream: &str, offset, limit| match vm.verb(Verb::Logs {
        attempt: "att_logs00000001".into(),
        stream: stream.into(),
        offset,
        limit,
    }) {
        Reply::Logs { offset, data, total, open } => (offset, String::from_utf8(data.0).unwrap(), total, open),
        other => panic!("{other:?}"),
    };
    assert_eq!(read("stdout", 3, 4), (3, "3456".to_owned(), 10, false));
    assert_eq!(read("stdout", 10, 4), (10, String::new(), 10, false));
    assert_eq!(read("stdout", 99, u64::MAX), (99, String::new(), 10, false));
    assert_eq!(read("stderr", 0, u64::MAX), (0, "err".to_owned(), 3, false));
    let verb = Verb::Logs { attempt: "att_logs00000001".into(), stream: "../spec.json".into(), offset: 0, limit: 9 };
    assert_eq!(vm.refused(verb), Refusal::Usage);
}

#[test]
fn everything_below_the_root_is_private_and_the_job_has_the_logins_umask() {
    let vm = Vm::new();
    vm.launched(&vm.sh("att_private00001", "touch made"));
    vm.wait_phase("att_private00001", Phase::Acked);
    let mode = |path: std::path::PathBuf| path.symlink_metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(vm.root()), 0o700);
    assert_eq!(mode(vm.file("att_private00001", "")), 0o700);
    for name in ["spec.json", "credentials.json", "events.log", "child.json", "stdout", "stderr", "shim.log"] {
        assert_eq!(mode(vm.file("att_private00001", name)), 0o600, "{name}");
    }
    let login = rustix::process::umask(rustix::fs::Mode::empty());
    rustix::process::umask(login);
    assert_eq!(mode(vm.file("att_private00001", "work/made")), 0o666 & !login.as_raw_mode());
}
