//! F085: any byte string reaches a job as it is, as argument, environment value, file, standard input and prompt, under each login
//! shell; nothing of it is executed on the way.

use crate::real::{Real, spec};
use crate::ssh_support::Sshd;
use crate::strings::nasty;
use sortie_protocol::agent::{AgentKind, AgentTask};
use sortie_protocol::bytes::Bytes;
use sortie_protocol::callback::JobOutcome;
use sortie_protocol::spec::SpecFile;
use sortie_protocol::verb::{Refusal, Reply};
use std::path::Path;

/// What the kernel has handed over, and what can be read: in files of the folder that is the first argument.
const RECORD: &str =
    "cat /proc/$$/cmdline >\"$1/args\"; cat /proc/$$/environ >\"$1/env\"; cat >\"$1/input\"; [ ! -e prompt ] || cat prompt >\"$1/file\"";

fn record(into: &Path) -> Vec<Bytes> {
    std::fs::create_dir(into).unwrap();
    ["/bin/sh", "-c", RECORD, "record", into.to_str().unwrap()].map(Bytes::from).to_vec()
}

fn read(folder: &Path, name: &str) -> Vec<u8> {
    std::fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

async fn arrives_under(shell: &str) {
    let sshd = Sshd::with_login_shell(shell, "");
    let (canary, plain, prompted) = (sshd.path("canary"), sshd.path("plain"), sshd.path("prompted"));
    let strings = nasty(canary.to_str().unwrap());
    // Of its own: whoever ends an attempt looks for its processes everywhere, also in the tests beside this one.
    let id = |n: u8| format!("att_{:0<11}{n}", shell.rsplit('/').next().unwrap());
    let real = Real::on(&sshd).await;
    // Files and input know no end but their own: all strings in one, and the bytes that no argument can have.
    let whole: Vec<u8> = strings.join(&b"\0\xff"[..]);
    let mut job = spec(&id(1), record(&plain));
    job.step = "`touch`; $(step) 'ż'".to_owned();
    job.command.extend(strings.iter().cloned().map(Bytes));
    job.env = (0..).zip(&strings).map(|(n, value)| (format!("NASTY_{n}"), Bytes(value.clone()))).collect();
    job.stdin = Some(Bytes(whole.clone()));
    job.files = vec![SpecFile { path: "prompt".to_owned(), data: Bytes(whole.clone()) }];
    let result = real.run(&job).await;
    assert_eq!((result.outcome, result.exit_code), (JobOutcome::Exited, Some(0)), "{shell}: {result:?}");
    let arguments = read(&plain, "args");
    let arguments: Vec<&[u8]> = arguments.strip_suffix(b"\0").unwrap().split(|b| *b == 0).collect();
    assert!(arguments[5..].iter().copied().eq(strings.iter().map(Vec::as_slice)), "{shell}: arguments");
    let environment = read(&plain, "env");
    let environment: Vec<&[u8]> = environment.split(|b| *b == 0).collect();
    for (n, value) in strings.iter().enumerate() {
        let entry = [format!("NASTY_{n}=").as_bytes(), value].concat();
        assert!(environment.contains(&&entry[..]), "{shell}: value {n} of the environment, {:?}", String::from_utf8_lossy(value));
    }
    assert!(read(&plain, "input") == whole && read(&plain, "file") == whole, "{shell}: input or file");

    let mut job = spec(&id(2), record(&prompted));
    let task = r#"{"kind": "command", "prompt": "", "session": "s-1", "checkpoint_ms": 0, "linger_ms": 0}"#;
    job.agent = Some(AgentTask { prompt: Bytes(whole.clone()), kind: AgentKind::Command, ..serde_json::from_str(task).unwrap() });
    job.step = "prompt".to_owned();
    let result = real.run(&job).await;
    assert_eq!((result.outcome, result.exit_code), (JobOutcome::Exited, Some(0)), "{shell}: {result:?}");
    assert!(read(&prompted, "input") == whole, "{shell}: prompt");
    assert!(!canary.exists(), "{shell}: something of it was executed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f085_any_bytes_arrive_unchanged_under_bash() {
    arrives_under("/bin/bash").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f085_any_bytes_arrive_unchanged_under_dash() {
    arrives_under("/bin/dash").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f085_any_bytes_arrive_unchanged_under_zsh() {
    arrives_under("/usr/bin/zsh").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f085_any_bytes_arrive_unchanged_under_fish() {
    arrives_under("/usr/bin/fish").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f085_any_bytes_arrive_unchanged_under_tcsh() {
    arrives_under("/usr/bin/tcsh").await;
}

/// Each command of the strings does make the file, where a shell is given it: the canary can sing.
#[test]
fn f085_the_strings_are_commands_to_the_shells_that_they_are_for() {
    let dir = tempfile::tempdir().unwrap();
    let canary = dir.path().join("canary");
    for (shell, text) in [("bash", "$(@)"), ("dash", "`@`"), ("zsh", "=(@)"), ("fish", "(@)"), ("tcsh", "x\\\n;@"), ("bash", "';@;'")] {
        let text = text.replace('@', &format!("touch {}", canary.display()));
        let quote = if text.starts_with('\'') { "'" } else { "" };
        let mut command = std::process::Command::new(shell);
        command.args(["-c", &format!("echo {quote}{text}{quote}")]).env("HOME", dir.path()).output().unwrap();
        assert!(std::fs::remove_file(&canary).is_ok(), "{shell} does not execute {text:?}");
    }
}

#[tokio::test]
async fn f085_what_no_kernel_can_carry_is_refused_and_nothing_begins() {
    let sshd = Sshd::start();
    let real = Real::on(&sshd).await;
    let job = || spec("att_carry0000001", vec![Bytes::from("true")]);
    let mut nul_argument = job();
    nul_argument.command.push(Bytes(b"a\0b".to_vec()));
    let mut nul_value = job();
    nul_value.env.push(("VALUE".to_owned(), Bytes(b"a\0b".to_vec())));
    let mut nul_name = job();
    nul_name.env.push(("NA\0ME".to_owned(), Bytes::default()));
    let mut equals = job();
    equals.env.push(("NA=ME".to_owned(), Bytes::default()));
    for (spec, word) in [(nul_argument, "NUL byte in the command"), (nul_value, "VALUE"), (nul_name, "NUL"), (equals, "NA=ME")] {
        let reply = real.launch(&spec).await;
        let Reply::Refused { refusal: Refusal::Usage, message } = &reply else { panic!("{reply:?}") };
        assert!(message.contains(word), "{message}");
    }
    assert!(!sshd.root().join("jobs/att_carry0000001").exists(), "nothing was claimed");
    // More than the 128 KiB that Linux takes as one argument: known when the program is executed, and said then.
    let mut long = job();
    long.command.push(Bytes(vec![b'x'; 200 << 10]));
    let result = real.run(&long).await;
    assert_eq!(result.outcome, JobOutcome::SpawnFailed, "{result:?}");
    assert!(result.message.as_ref().is_some_and(|message| message.to_lowercase().contains("argument list too long")), "{result:?}");
}
