//! Files, secret files and secret standard input that a job is handed.

use crate::vm::Vm;
use sortie_protocol::bytes::Bytes;
use sortie_protocol::callback::JobOutcome;
use sortie_protocol::spec::{Spec, SpecFile};
use sortie_protocol::verb::Verb;

fn file(path: &str, text: &str) -> SpecFile {
    SpecFile { path: path.to_owned(), data: Bytes::from(text) }
}

#[test]
fn files_are_there_before_the_start_and_secrets_go_with_the_end() {
    let vm = Vm::new();
    let id = "att_files0000001";
    let script = "cat; cat conf/a secret/b; stat -c %a conf/a secret/b";
    let mut verb = vm.launch_verb(&Spec { files: vec![file("conf/a", "plain ")], ..vm.sh(id, script) });
    let Verb::Launch { credentials, .. } = &mut verb else { panic!() };
    credentials.secret_stdin = Some(Bytes::from("canary-stdin "));
    credentials.secret_files.insert("secret/b".to_owned(), Bytes::from("canary-file\n"));
    credentials.secret_env.insert("X".to_owned(), Bytes::from("canary-env"));
    vm.verb(verb);
    let result = vm.posted_result(id);
    assert_eq!(result.output, "canary-stdin plain canary-file\n600\n600\n");
    assert!(vm.file(id, "work/conf/a").exists() && !vm.file(id, "work/secret/b").exists());
    for name in ["credentials.json", "spec.json", "shim.log"] {
        assert!(!std::fs::read_to_string(vm.file(id, name)).unwrap().contains("canary-file"), "{name}");
        assert!(!std::fs::read_to_string(vm.file(id, name)).unwrap().contains("canary-env"), "{name}");
    }
}

#[test]
fn f106_a_file_that_cannot_be_written_is_a_start_that_failed() {
    let vm = Vm::new();
    let outside = vm.scratch("outside");
    std::fs::create_dir(&outside).unwrap();
    let cwd = vm.scratch("cwd");
    std::fs::create_dir(&cwd).unwrap();
    std::os::unix::fs::symlink(&outside, cwd.join("link")).unwrap();
    let cwd = Some(Bytes::from(cwd.to_str().unwrap()));
    vm.launch(&Spec { files: vec![file("link/evil", "x")], cwd, ..vm.sh("att_files0000002", "true") });
    let result = vm.posted_result("att_files0000002");
    assert_eq!(result.outcome, JobOutcome::SpawnFailed);
    assert!(result.message.unwrap().contains("link/evil"));
    assert_eq!(std::fs::read_dir(outside).unwrap().count(), 0);
    vm.refused(vm.launch_verb(&Spec { files: vec![file("../evil", "x")], ..vm.sh("att_files0000003", "true") }));
}
