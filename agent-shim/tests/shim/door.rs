//! The job's door: what its commands do, and whom it serves.

use crate::uploads;
use crate::vm::{SHIM, Vm, eventually};
use serde_json::{Value, json};
use sortie_protocol::artifact::ArtifactFate;
use sortie_protocol::confine::Isolation;
use sortie_protocol::spec::Spec;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

/// A job that lives until the test says so, and its door.
pub fn waiting(vm: &Vm, attempt: &str) {
    vm.launched(&vm.sh(attempt, &format!("until [ -e {} ]; do sleep 0.02; done", vm.scratch("go").display())));
    eventually("the door", || vm.file(attempt, "door").exists());
}

/// A process of the job, as far as anybody can tell: it carries its cookie.
pub fn inside(vm: &Vm, attempt: &str, program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("SORTIE_JOB", attempt).env("SORTIE_SOCKET", vm.file(attempt, "door")).current_dir(vm.file(attempt, "work"));
    command
}

fn run(command: &mut Command) -> (i32, Value) {
    let out = command.stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    (out.status.code().unwrap(), serde_json::from_str(&text).unwrap())
}

fn shim(vm: &Vm, attempt: &str, arguments: &[&str]) -> (i32, Value) {
    run(inside(vm, attempt, SHIM).args(arguments))
}

#[test]
fn a_job_reports_keeps_and_answers_through_its_door() {
    let vm = Vm::new();
    let script = "set -e
        sortie-shim progress '{\"step\":1}'
        \"$SORTIE_SHIM\" checkpoint --  '[1,2]'
        mkdir -p sub; echo first > sub/note; cd sub
        sortie-shim artifact ./note; sortie-shim artifact ../sub/note --name notes/first
        echo second > note; sortie-shim artifact \"$PWD/note\"; rm note
        printf '{\"n\": 1.5}' | sortie-shim result -";
    vm.launched(&vm.sh("att_door00000001", script));
    let result = vm.posted_result("att_door00000001");
    assert_eq!((result.exit_code, result.error_output.as_str()), (Some(0), ""), "{}", result.output);
    assert_eq!(result.progress.unwrap().data, json!({"step": 1}));
    assert_eq!(result.checkpoint.unwrap().data, json!([1, 2]));
    assert_eq!(result.result, Some(json!({"n": 1.5})));
    assert_eq!(std::fs::read_to_string(vm.file("att_door00000001", "document.json")).unwrap(), "{\"n\": 1.5}", "byte for byte");
    let names: Vec<&str> = result.artifacts.iter().map(|note| note.name.as_str()).collect();
    assert_eq!(names, ["sub/note", "notes/first"]);
    assert!(result.artifacts.iter().all(|note| matches!(note.fate, ArtifactFate::Kept(_))), "{:?}", result.artifacts);
    let uploaded = |slot: &str| String::from_utf8(vm.server.uploads().file(slot)).unwrap();
    assert_eq!((uploaded("k0").as_str(), uploaded("k1").as_str()), ("second\n", "first\n"), "each as it was when it was kept");
}

#[test]
fn a_kept_file_stands_in_for_one_that_the_spec_names_and_that_is_gone() {
    let vm = Vm::new();
    let script = "echo kept > a; echo old > b; sortie-shim artifact a; sortie-shim artifact b; rm a; echo new > b";
    vm.launched(&uploads::with(&vm, "att_door00000002", script, &["a", "b"]));
    let result = vm.posted_result("att_door00000002");
    assert_eq!(result.artifacts.len(), 2);
    let uploaded = |slot: &str| String::from_utf8(vm.server.uploads().file(slot)).unwrap();
    assert_eq!((uploaded("0").as_str(), uploaded("1").as_str()), ("kept\n", "new\n"));
}

#[test]
fn what_is_wrong_is_said_in_words_in_json_and_by_exit_code() {
    let vm = Vm::new();
    waiting(&vm, "att_door00000003");
    let long = format!("\"{}\"", "x".repeat(16 << 10));
    let cases: [(&[&str], i32, &str); 10] = [
        (&["progress"], 2, "missing"),
        (&["progress", "no json"], 2, "not JSON"),
        (&["progress", &long], 2, "the limit is 16384"),
        (&["progress", "1", "--text", "x"], 2, "either"),
        (&["checkpoint", "@absent"], 3, "absent"),
        (&["artifact", "absent"], 3, "no such file"),
        (&["artifact", "/etc/passwd"], 4, "not below"),
        (&["ask", "two\nlines"], 2, "one line"),
        (&["ask", "t", "--timeout", "soon"], 2, "30s"),
        (&["result", "{", "--bad"], 2, "needs"),
    ];
    for (arguments, wanted, word) in cases {
        let (code, said) = shim(&vm, "att_door00000003", arguments);
        let message = said["error"]["message"].as_str().unwrap_or_default().to_owned();
        let word = if word == "needs" { "not known" } else { word };
        assert!(code == wanted && said["ok"] == false && message.contains(word), "{arguments:?}: {code} {said}");
    }
    let help = inside(&vm, "att_door00000003", SHIM).args(["ask", "--help"]).output().unwrap();
    assert!(help.status.success() && String::from_utf8(help.stdout).unwrap().contains("--park-after"));
    let mut outside = Command::new(SHIM);
    let (code, said) = run(outside.args(["progress", "1"]).env_remove("SORTIE_SOCKET"));
    assert_eq!((code, said["error"]["code"].as_str()), (7, Some("unavailable")));
}

#[test]
fn f106_nothing_but_a_regular_file_below_the_working_directory_is_kept() {
    let vm = Vm::new();
    std::fs::write(vm.scratch("secret"), "secret").unwrap();
    let work = vm.file("att_door00000004", "work");
    waiting(&vm, "att_door00000004");
    let make = format!(
        "ln -s {0} link; ln -s {1} dir; mkfifo fifo; mkdir sub; mknod device c 1 5 2>/dev/null || true; echo x > plain",
        vm.scratch("secret").display(),
        vm.scratch("").display()
    );
    assert!(Command::new("/bin/sh").args(["-c", &make]).current_dir(&work).status().unwrap().success());
    for bad in ["link", "dir/secret", "fifo", "sub", "device", "../credentials.json", "../../../secret", "/proc/self/environ"] {
        let (code, said) = shim(&vm, "att_door00000004", &["artifact", bad]);
        assert!(matches!(code, 3 | 4), "{bad}: {code} {said}");
    }
    for bad in ["../up", "/abs", ":result", "a//b", ""] {
        let (code, said) = shim(&vm, "att_door00000004", &["artifact", "plain", "--name", bad]);
        assert_eq!(code, 2, "{bad}: {said}");
    }
    assert!(std::fs::read_dir(vm.file("att_door00000004", "kept")).map_or(0, Iterator::count) == 0, "nothing was kept");
    assert_eq!(shim(&vm, "att_door00000004", &["artifact", "plain"]).0, 0);
}

#[test]
fn f060_a_door_serves_its_own_job_only() {
    let vm = Vm::new();
    waiting(&vm, "att_door00000005");
    // Of the same user, but of no job; and of another job.
    let mut stranger = inside(&vm, "att_door00000005", SHIM);
    let (code, said) = run(stranger.args(["progress", "1"]).env_remove("SORTIE_JOB"));
    assert_eq!((code, said["error"]["code"].as_str()), (4, Some("not_allowed")));
    let door = vm.file("att_door00000005", "door");
    let script = format!("SORTIE_SOCKET={} sortie-shim result 666", door.display());
    vm.launched(&vm.sh("att_door00000006", &script));
    assert_eq!(vm.posted_result("att_door00000006").exit_code, Some(4));
    assert!(!vm.file("att_door00000005", "document.json").exists());
    // A child that has thrown the cookie away is still a child.
    let script = "env -u SORTIE_JOB \"$SORTIE_SHIM\" progress 7";
    vm.launched(&vm.sh("att_door00000007", script));
    assert_eq!(vm.posted_result("att_door00000007").exit_code, Some(0));
}

/// Not a test of its own: what a hostile process of the job does, run by the tests below as a process.
#[test]
fn hostile_process() {
    let Ok(part) = std::env::var("HOSTILE") else { return };
    let connect = || UnixStream::connect(std::env::var("SORTIE_SOCKET").unwrap());
    let mut reply = String::new();
    match part.as_str() {
        "garbage" => {
            for bytes in [&b"\xff\xfe\0\n"[..], b"{}\n", b"[]\n", b"{\"v\":1,\"verb\":{\"stop\":{}}}\n", b"{\"v\":2,\"verb\":\"done\"}\n"] {
                let mut stream = connect().unwrap();
                stream.write_all(bytes).unwrap();
                reply.clear();
                BufReader::new(&stream).read_line(&mut reply).unwrap();
                assert!(reply.contains("\"usage\""), "{reply}");
            }
        }
        "huge" => {
            let mut stream = connect().unwrap();
            let piece = vec![b'x'; 1 << 20];
            let sent = (0..64).take_while(|_| stream.write_all(&piece).is_ok()).count();
            assert!(sent < 32, "{sent} MiB were taken");
        }
        "slow" => {
            let mut stream = connect().unwrap();
            stream.write_all(b"{\"v\":1,").unwrap();
            stream.read_to_string(&mut reply).unwrap();
            assert!(reply.contains("in time"), "{reply}");
        }
        "many" => {
            let held: Vec<_> = (0..1_000).map_while(|_| connect().ok()).collect();
            println!("held {}", held.len());
            std::io::stdout().flush().unwrap();
            let _ = std::io::stdin().read_line(&mut reply);
        }
        other => panic!("{other}"),
    }
}

fn hostile(vm: &Vm, attempt: &str, part: &str) -> Child {
    let mut command = inside(vm, attempt, std::env::current_exe().unwrap().to_str().unwrap());
    command.args(["door::hostile_process", "--exact", "--nocapture"]).env("HOSTILE", part);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn garbage_large_and_slow_requests_are_refused_and_the_door_stays_open() {
    let vm = Vm::new();
    waiting(&vm, "att_door00000008");
    let children = ["garbage", "huge", "slow"].map(|part| (part, hostile(&vm, "att_door00000008", part)));
    assert_eq!(shim(&vm, "att_door00000008", &["progress", "1"]).0, 0, "meanwhile");
    for (part, child) in children {
        let out = child.wait_with_output().unwrap();
        assert!(out.status.success(), "{part}: {}", String::from_utf8_lossy(&out.stdout));
    }
    assert_eq!(shim(&vm, "att_door00000008", &["progress", "2"]).0, 0, "afterwards");
    std::fs::write(vm.scratch("go"), "").unwrap();
    assert_eq!(vm.posted_result("att_door00000008").exit_code, Some(0));
}

#[test]
fn a_thousand_idle_connections_keep_nobody_out_for_long() {
    let vm = Vm::new();
    waiting(&vm, "att_door00000009");
    let mut many = hostile(&vm, "att_door00000009", "many");
    let mut out = BufReader::new(many.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("held ") {
        line.clear();
        assert!(out.read_line(&mut line).unwrap() > 0, "it died");
    }
    let owner = vm.process("att_door00000009", "owner.json", "process").unwrap().0;
    let fds = std::fs::read_dir(format!("/proc/{owner}/fd")).unwrap().count();
    assert!(fds < 64, "{fds} descriptors");
    drop(many.stdin.take());
    many.wait().unwrap();
    assert_eq!(shim(&vm, "att_door00000009", &["progress", "1"]).0, 0);
    std::fs::write(vm.scratch("go"), "").unwrap();
    assert_eq!(vm.posted_result("att_door00000009").exit_code, Some(0));
}

#[test]
fn a_job_with_a_user_of_its_own_has_its_door() {
    let vm = Vm::new();
    let script = "set -e; [ \"$(id -u)\" != 0 ]
        sortie-shim progress 7; echo x > f; sortie-shim artifact f; sortie-shim result 8
        echo 9 > $SORTIE_PROGRESS.t && mv $SORTIE_PROGRESS.t $SORTIE_PROGRESS";
    let spec = Spec { isolation: Isolation::OwnUser, ..vm.sh("att_door00000010", script) };
    vm.launched(&spec);
    let result = vm.posted_result("att_door00000010");
    assert_eq!(result.exit_code, Some(0), "{}{}", result.output, result.error_output);
    assert_eq!((result.result, result.progress.unwrap().data, result.artifacts.len()), (Some(json!(8)), json!(9), 1));
}
