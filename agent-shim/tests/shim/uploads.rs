//! The receiving end of uploads, and what the shim does with it: whole files, resumed ones, refused ones, none at all.

use crate::server::{http, verify_proof};
use crate::vm::{Vm, eventually};
use sortie_protocol::artifact::{ArtifactFate, ArtifactMeta, HEADER_META, HEADER_OFFSET, Kept};
use sortie_protocol::bytes::from_hex;
use sortie_protocol::spec::Spec;
use sortie_protocol::verb::Verb;
use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

/// Files by slot.
#[derive(Default)]
pub struct Uploads {
    files: Mutex<BTreeMap<String, (ArtifactMeta, Vec<u8>)>>,
    /// Every request, in words.
    log: Mutex<Vec<String>>,
    /// Requests that are answered with silence from now on.
    lose: Mutex<usize>,
    /// Answered to everything.
    refuse: Mutex<Option<String>>,
}

impl Uploads {
    pub fn take(
        &self,
        method: &str,
        path: &str,
        headers: &HashMap<String, String>,
        body: Vec<u8>,
        receipt: impl FnOnce(&str, &[u8]) -> String,
    ) -> Option<String> {
        let text = from_hex(&headers[HEADER_META]).unwrap();
        verify_proof(headers, &text);
        let meta: ArtifactMeta = serde_json::from_slice(&text).unwrap();
        assert_eq!(path, format!("/v1/artifacts/{}/{}?kid=k1&exp=9&sig=canary-url-sig-88ab", meta.attempt, meta.slot));
        let mut files = self.files.lock().unwrap();
        let held = &mut files.entry(meta.slot.clone()).or_insert((meta.clone(), Vec::new())).1;
        self.log.lock().unwrap().push(format!("{method} {} {}", meta.slot, headers.get(HEADER_OFFSET).map_or("-", String::as_str)));
        if let Some(raw) = self.refuse.lock().unwrap().clone() {
            return Some(raw);
        }
        let at = |held: &[u8]| format!("{HEADER_OFFSET}: {}\r\n", held.len());
        if method == "HEAD" {
            return Some(format!("HTTP/1.1 200 X\r\n{}content-length: 0\r\nconnection: close\r\n\r\n", at(held)));
        }
        if headers[HEADER_OFFSET] != held.len().to_string() {
            return Some(http(409, &at(held), ""));
        }
        held.extend_from_slice(&body);
        let answer = if held.len() as u64 == meta.size {
            http(200, &at(held), &receipt(&headers["webhook-id"], &text))
        } else {
            http(202, &at(held), "")
        };
        let mut lose = self.lose.lock().unwrap();
        if *lose > 0 {
            *lose -= 1;
            return None;
        }
        Some(answer)
    }

    pub fn file(&self, slot: &str) -> Vec<u8> {
        self.files.lock().unwrap()[slot].1.clone()
    }

    fn requests(&self, method: &str) -> usize {
        self.log.lock().unwrap().iter().filter(|line| line.starts_with(method)).count()
    }
}

pub fn with(vm: &Vm, attempt: &str, script: &str, artifacts: &[&str]) -> Spec {
    Spec { artifacts: artifacts.iter().map(|name| (*name).to_owned()).collect(), ..vm.sh(attempt, script) }
}

fn missing(fate: &ArtifactFate) -> &str {
    match fate {
        ArtifactFate::Missing { missing } => missing,
        ArtifactFate::Kept(kept) => panic!("{kept:?}"),
    }
}

#[test]
fn named_files_are_uploaded_before_the_result_says_so() {
    let vm = Vm::new();
    let script = "mkdir out; printf abc > out/a; head -c 3000000 /dev/urandom > big; : > empty; ln -s /etc/passwd link; mkfifo fifo";
    let names = ["out/a", "big", "empty", "link", "fifo", "out", "absent"];
    vm.launched(&with(&vm, "att_upload000001", script, &names));
    let result = vm.posted_result("att_upload000001");
    assert_eq!(result.artifacts.iter().map(|note| note.name.as_str()).collect::<Vec<_>>(), names);
    let uploads = vm.server.uploads();
    let kept = |n: usize| {
        let ArtifactFate::Kept(Kept { sha256, size }) = &result.artifacts[n].fate else { panic!("{:?}", result.artifacts[n]) };
        assert_eq!((crate::vm::sha256(&uploads.file(&n.to_string())), uploads.file(&n.to_string()).len() as u64), (sha256.clone(), *size));
        *size
    };
    assert_eq!((kept(0), kept(1), kept(2)), (3, 3_000_000, 0));
    assert!(missing(&result.artifacts[3].fate).contains("symbolic link"));
    assert!(missing(&result.artifacts[4].fate).contains("regular"));
    assert!(missing(&result.artifacts[5].fate).contains("regular"));
    assert!(missing(&result.artifacts[6].fate).contains("no such file"));
}

#[test]
fn f106_a_spec_that_names_files_outside_is_refused_whole() {
    let vm = Vm::new();
    for (n, name) in ["../x", "/etc/passwd", "a/../../b", "a\0", ":result"].iter().enumerate() {
        vm.refused(vm.launch_verb(&with(&vm, &format!("att_outside{n:05}"), "true", &[name])));
    }
}

#[test]
fn a_large_document_is_uploaded_and_a_small_one_is_posted() {
    let vm = Vm::new();
    vm.launched(&vm.sh("att_large0000001", "(printf '\"'; head -c 400000 /dev/zero | tr '\\0' x; printf '\"') > $SORTIE_RESULT"));
    let result = vm.posted_result("att_large0000001");
    assert_eq!((result.result, result.result_error), (None, None));
    assert_eq!(result.result_kept.unwrap().sha256, crate::vm::sha256(&vm.server.uploads().file("result")));
}

#[test]
fn an_upload_whose_answers_are_lost_goes_on_where_the_server_stands() {
    let vm = Vm::new();
    *vm.server.uploads().lose.lock().unwrap() = 2;
    vm.launched(&with(&vm, "att_lost00000001", "head -c 2000000 /dev/urandom > f", &["f"]));
    let result = vm.posted_result("att_lost00000001");
    assert!(matches!(result.artifacts[0].fate, ArtifactFate::Kept(_)), "{:?}", result.artifacts);
    assert_eq!(vm.server.uploads().requests("HEAD"), 3, "once at the start, and after each lost answer");
    assert_eq!(vm.server.uploads().file("0"), std::fs::read(vm.file("att_lost00000001", "work/f")).unwrap());
}

#[test]
fn without_a_way_to_the_server_the_gap_is_said_at_once() {
    let vm = Vm::new();
    let spec = with(&vm, "att_pull00000001", "echo a > f", &["f"]);
    let mut verb = vm.launch_verb(&spec);
    let Verb::Launch { credentials, .. } = &mut verb else { panic!() };
    credentials.artifact_url = None;
    vm.verb(verb);
    let result = vm.posted_result("att_pull00000001");
    assert!(missing(&result.artifacts[0].fate).starts_with("not uploaded yet"));
}

#[test]
fn a_cancelled_job_does_not_wait_for_its_uploads() {
    let vm = Vm::new();
    *vm.server.uploads().refuse.lock().unwrap() = Some(http(500, "", ""));
    vm.launched(&with(&vm, "att_cancel000001", "echo a > f", &["f"]));
    eventually("the upload was tried", || vm.server.uploads().requests("HEAD") > 0);
    assert!(vm.cancel("att_cancel000001").tree_gone);
    let result = vm.posted_result("att_cancel000001");
    assert!(missing(&result.artifacts[0].fate).contains("answered 500"), "{:?}", result.artifacts);
    assert_eq!(result.exit_code, Some(0), "the job had ended before it was cancelled");
}

#[cfg(feature = "failpoints")]
#[test]
fn f103_a_supervisor_killed_between_two_pieces_goes_on_with_the_next() {
    for point in ["piece.sent:2", "files.kept"] {
        let vm = Vm::new();
        std::fs::write(vm.root().join("failpoint"), point).unwrap();
        vm.launched(&with(&vm, "att_killed000001", "head -c 1500000 /dev/urandom > f", &["f"]));
        // A probe is what calls a successor.
        eventually("the result is there", || {
            vm.status("att_killed000001");
            vm.server.got().iter().any(|got| got.id.contains(".result."))
        });
        assert!(!vm.root().join("failpoint").exists(), "{point} has fired");
        let result = vm.posted_result("att_killed000001");
        assert!(matches!(result.artifacts[0].fate, ArtifactFate::Kept(_)), "{point}: {:?}", result.artifacts);
        assert_eq!(vm.server.uploads().file("0"), std::fs::read(vm.file("att_killed000001", "work/f")).unwrap());
    }
}
