//! A state root of its own, spoken to through the built binary, and cleaned up process by process.

use crate::server::{SECRET, Server, TOKEN};
use base64::Engine as _;
use sortie_protocol::bytes::{Bytes, to_hex};
use sortie_protocol::callback::{CallbackBody, JobResult, SignedPost};
use sortie_protocol::frame::{header, parse_header};
use sortie_protocol::spec::{Credentials, Spec, Trust};
use sortie_protocol::verb::{Answer, Refusal, Reply, Request, Verb};
use sortie_protocol::view::{AttemptView, Phase};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

pub const SHIM: &str = env!("CARGO_BIN_EXE_sortie-shim");
pub const NONCE: &str = "nonce0123456789";

pub struct Vm {
    dir: tempfile::TempDir,
    /// Whether the state root is a file system of its own.
    mounted: bool,
    pub marker: String,
    pub server: Server,
}

impl Vm {
    pub fn new() -> Self {
        Self::made(tempfile::tempdir().unwrap(), false)
    }

    /// One whose state root has a disk of so many bytes.
    pub fn with_disk(bytes: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("root")).unwrap();
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"]).arg(dir.path().join("root")).status();
        assert!(mount.unwrap().success());
        Self::made(dir, true)
    }

    fn made(dir: tempfile::TempDir, mounted: bool) -> Self {
        let mut vm = Self { dir, mounted, marker: String::new(), server: Server::start() };
        let request = Request { v: 1, id: 1, marker: None, verb: Verb::Doctor { create_marker: true } };
        let Reply::Doctor(facts) = vm.session(&[request]).pop().unwrap().reply else { panic!("doctor") };
        vm.marker = facts.marker;
        vm
    }

    pub fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    pub fn file(&self, attempt: &str, name: &str) -> PathBuf {
        self.root().join("jobs").join(attempt).join(name)
    }

    /// A path outside the root, for recorders.
    pub fn scratch(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn request(&self, verb: Verb) -> Request {
        Request { v: 1, id: 7, marker: Some(self.marker.clone()), verb }
    }

    /// Raw bytes through a session: what it answered, and its exit code.
    pub fn raw(&self, input: &[u8]) -> (Vec<Answer>, Option<i32>) {
        let root = self.root();
        let mut session = Command::new(SHIM);
        session.args(["session", "--root"]).arg(root).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut session = session.spawn().unwrap();
        let mut stdin = session.stdin.take().unwrap();
        let input = input.to_vec();
        let feeder = std::thread::spawn(move || {
            let _ = stdin.write_all(&input);
        });
        let mut out = Vec::new();
        session.stdout.take().unwrap().read_to_end(&mut out).unwrap();
        feeder.join().unwrap();
        (answers(&out), session.wait().unwrap().code())
    }

    pub fn session(&self, requests: &[Request]) -> Vec<Answer> {
        self.raw(&requests.iter().flat_map(frame).collect::<Vec<_>>()).0
    }

    pub fn verb(&self, verb: Verb) -> Reply {
        self.session(&[self.request(verb)]).pop().expect("an answer").reply
    }

    pub fn spec(&self, attempt: &str, command: &[&str]) -> Spec {
        Spec {
            v: 1,
            attempt: attempt.to_owned(),
            run: "run_0000000001".to_owned(),
            step: "a step".to_owned(),
            number: 1,
            fence: 1,
            command: command.iter().map(|part| Bytes::from(*part)).collect(),
            timeout_ms: 60_000,
            heartbeat_ms: 3_600_000,
            grace_ms: 200,
            ..Spec::default()
        }
    }

    pub fn sh(&self, attempt: &str, script: &str) -> Spec {
        self.spec(attempt, &["/bin/sh", "-c", script])
    }

    pub fn credentials(&self, attempt: &str) -> Credentials {
        Credentials {
            callback_url: format!("http://{}/v1/callbacks/{attempt}?kid=k1&exp=9&sig=canary-url-sig-88ab", self.server.address),
            token: TOKEN.to_owned(),
            proof_secret: base64::engine::general_purpose::STANDARD.encode(SECRET),
            trust: Trust::PlainHttp,
            secret_env: BTreeMap::new(),
            secret_stdin: None,
            secret_files: BTreeMap::new(),
            artifact_url: Some(format!("http://{}/v1/artifacts/{attempt}?kid=k1&exp=9&sig=canary-url-sig-88ab", self.server.address)),
            // Output is shipped end to end in the tests of the whole; here every request is a callback or an upload.
            logs_url: None,
            restore: None,
        }
    }

    pub fn launch_verb(&self, spec: &Spec) -> Verb {
        let text = serde_json::to_string(spec).unwrap();
        Verb::Launch { spec_digest: sha256(text.as_bytes()), spec: text, credentials: self.credentials(&spec.attempt) }
    }

    pub fn launch(&self, spec: &Spec) -> Reply {
        self.verb(self.launch_verb(spec))
    }

    pub fn launched(&self, spec: &Spec) -> AttemptView {
        match self.launch(spec) {
            Reply::Launched { created: true, view } => view,
            other => panic!("{other:?}"),
        }
    }

    pub fn refused(&self, verb: Verb) -> Refusal {
        match self.verb(verb) {
            Reply::Refused { refusal, .. } => refusal,
            other => panic!("{other:?}"),
        }
    }

    pub fn status(&self, attempt: &str) -> AttemptView {
        match self.verb(Verb::Status { attempts: vec![attempt.to_owned()], seal: false }) {
            Reply::Status(mut views) => views.pop().unwrap(),
            other => panic!("{other:?}"),
        }
    }

    pub fn collect(&self, attempt: &str) -> Vec<SignedPost> {
        match self.verb(Verb::Collect { attempt: attempt.to_owned(), after_seq: 0 }) {
            Reply::Collected { posts, more: false, .. } => posts,
            other => panic!("{other:?}"),
        }
    }

    /// The result through `collect`, waited for.
    pub fn collected_result(&self, attempt: &str) -> JobResult {
        let mut found = None;
        eventually(&format!("result of {attempt}"), || {
            found = self.collect(attempt).into_iter().find(|post| post.kind.as_str() == "result");
            found.is_some()
        });
        job_result(found.unwrap().body.as_bytes())
    }

    /// The result through a post, waited for.
    pub fn posted_result(&self, attempt: &str) -> JobResult {
        job_result(&self.server.wait_for(attempt, "result").body)
    }

    pub fn wait_phase(&self, attempt: &str, phase: Phase) -> AttemptView {
        let mut view = self.status(attempt);
        eventually(&format!("{attempt} {phase:?}"), || {
            view = self.status(attempt);
            view.phase == phase
        });
        view
    }

    pub fn cancel(&self, attempt: &str) -> AttemptView {
        match self.verb(Verb::Cancel { attempt: attempt.to_owned(), reason: "cancelled".to_owned(), wait_ms: 20_000 }) {
            Reply::Cancelled(view) => view,
            other => panic!("{other:?}"),
        }
    }

    /// Pid and start ticks written in a state file.
    pub fn process(&self, attempt: &str, file: &str, key: &str) -> Option<(u32, u64)> {
        let value: serde_json::Value = serde_json::from_slice(&std::fs::read(self.file(attempt, file)).ok()?).ok()?;
        let id = value.get(key)?;
        Some((id.get("pid")?.as_u64()? as u32, id.get("start_ticks")?.as_u64()?))
    }

    pub fn kill_supervisor(&self, attempt: &str) {
        let owner = self.process(attempt, "owner.json", "process").unwrap();
        kill(owner);
        eventually("the supervisor is dead", || !is_alive(owner));
    }

    /// Lines that jobs appended to a recorder.
    pub fn recorded(&self, name: &str) -> usize {
        std::fs::read_to_string(self.scratch(name)).unwrap_or_default().lines().count()
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        let jobs = std::fs::read_dir(self.root().join("jobs")).into_iter().flatten().flatten();
        let attempts: Vec<String> = jobs.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        let left = if std::thread::panicking() { Vec::new() } else { self.survivors(&attempts) };
        attempts.iter().for_each(|attempt| self.clean(attempt));
        if !std::thread::panicking() {
            assert_eq!(left, Vec::<String>::new(), "attempts that were said to be gone have processes");
            eventually("no process carries a cookie of this test", || self.carriers_of(&attempts).is_empty());
            crate::canary::assert_hidden(&self.root());
        }
        if self.mounted {
            let _ = Command::new("umount").arg("-l").arg(self.root()).status();
        }
    }
}

impl Vm {
    fn carriers_of(&self, attempts: &[String]) -> Vec<u32> {
        attempts.iter().flat_map(|attempt| carriers(&format!("SORTIE_JOB={attempt}"))).collect()
    }

    /// Attempts whose result says that their tree is gone, and of which somebody is there.
    fn survivors(&self, attempts: &[String]) -> Vec<String> {
        let gone = |attempt: &&String| {
            let log = std::fs::read_to_string(self.file(attempt, "events.log")).unwrap_or_default();
            log.lines().any(|line| line.contains("\"kind\":\"result\"") && line.contains("\"tree_gone\":true"))
        };
        attempts.iter().filter(gone).filter(|attempt| !carriers(&format!("SORTIE_JOB={attempt}")).is_empty()).cloned().collect()
    }

    fn clean(&self, attempt: &str) {
        // Supervisor first, so that nothing is reported; the keeper after the job, so that it reaps.
        for (file, key) in [("owner.json", "process"), ("child.json", "job"), ("child.json", "keeper")] {
            if let Some(id) = self.process(attempt, file, key) {
                kill(id);
            }
        }
        for pid in carriers(&format!("SORTIE_JOB={attempt}")) {
            let _ = rustix::process::kill_process(rustix::process::Pid::from_raw(pid as i32).unwrap(), rustix::process::Signal::KILL);
        }
        let json = |file: &str| -> serde_json::Value {
            std::fs::read(self.file(attempt, file)).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
        };
        let child = json("child.json");
        for group in ["unified", "memory", "pids"].iter().filter_map(|kind| child["hold"]["groups"][kind].as_str()) {
            let gone = || std::fs::remove_dir(group).is_ok() || !PathBuf::from(group).exists();
            let until = Instant::now() + Duration::from_secs(2);
            while !gone() && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        let user = json("user.json");
        if let (Some(uid), Some(yard)) = (user["uid"].as_u64(), user["yard"].as_str()) {
            let _ = std::fs::remove_dir_all(yard);
            let _ = std::fs::remove_dir(PathBuf::from(yard).parent().unwrap());
            let claim = PathBuf::from(format!("/var/lib/sortie-jobs/users/{}", uid - 64_100));
            if std::fs::read(&claim).is_ok_and(|owner| owner == self.file(attempt, "").to_str().unwrap().trim_end_matches('/').as_bytes()) {
                let _ = std::fs::remove_file(claim);
            }
        }
    }
}

/// Pids whose environment holds this entry.
pub fn carriers(entry: &str) -> Vec<u32> {
    let pids = std::fs::read_dir("/proc").unwrap().flatten().filter_map(|e| e.file_name().to_str()?.parse::<u32>().ok());
    let holds = |pid: &u32| {
        let environ = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environ.split(|b| *b == 0).any(|part| part == entry.as_bytes())
    };
    pids.filter(holds).collect()
}

pub fn job_result(body: &[u8]) -> JobResult {
    serde_json::from_value(serde_json::from_slice::<CallbackBody>(body).unwrap().data).unwrap()
}

pub fn sha256(bytes: &[u8]) -> String {
    to_hex(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref())
}

pub fn frame(request: &Request) -> Vec<u8> {
    let payload = serde_json::to_vec(request).unwrap();
    let mut frame = header(NONCE, payload.len(), &sha256(&payload)).into_bytes();
    frame.extend(payload);
    frame.push(b'\n');
    frame
}

fn answers(out: &[u8]) -> Vec<Answer> {
    let mut reader = BufReader::new(out);
    let mut found = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap() == 0 {
            return found;
        }
        let header = parse_header(line.trim_end_matches('\n')).unwrap();
        assert_eq!(header.nonce, NONCE);
        let mut payload = vec![0; header.length + 1];
        reader.read_exact(&mut payload).unwrap();
        assert_eq!(payload.pop(), Some(b'\n'));
        assert_eq!(sha256(&payload), header.digest);
        found.push(serde_json::from_slice(&payload).unwrap());
    }
}

fn start_ticks(pid: u32) -> Option<(u64, char)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let after = &stat[stat.rfind(')')? + 2..];
    let fields: Vec<&str> = after.split(' ').collect();
    Some((fields[19].parse().ok()?, fields[0].chars().next()?))
}

pub fn is_alive((pid, ticks): (u32, u64)) -> bool {
    start_ticks(pid).is_some_and(|(now, state)| now == ticks && state != 'Z')
}

pub fn kill(id: (u32, u64)) {
    if is_alive(id) {
        let pid = rustix::process::Pid::from_raw(id.0 as i32).unwrap();
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

/// Poll until it holds, within a deadline that only a broken program reaches.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < until, "{what}: not in time");
        std::thread::sleep(Duration::from_millis(10));
    }
}
