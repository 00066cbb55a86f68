//! A worker for tests, and a run that is evaluated step by step as the engine would.

use serde_json::{Value as Json, json};
use sortie_core::call::CallSpec;
use sortie_core::evaluation::{Command as Ask, End, ExitFacts, JournalEntry, Reports, RunFacts};
use sortie_core::failure::Failure;
use sortie_flow::bundle::Bundle;
use sortie_flow::check::CheckReport;
use sortie_flow::client::{CallResult, Worker};
use sortie_flow::evaluate::{EvaluateRequest, Evaluated};
use sortie_flow::worker::protocol::{Answer, Request};
use std::collections::BTreeMap;
use std::process::Command;
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

const ROLE: &str = "SORTIE_FLOW_TEST_WORKER";
/// Long enough for a slow machine: no test waits for it to pass, except those that name their own.
const DEADLINE: Duration = Duration::from_secs(120);

/// A worker of its own: this test program once more, running only `worker_process`. The test harness prints to standard
/// output, so that the worker gets the pipe as descriptor 3 and moves it where it belongs.
pub fn spawn() -> Worker {
    Worker::spawn(command()).expect("sh is there")
}

pub fn command() -> Command {
    let mut command = Command::new("sh");
    let exe = std::env::current_exe().expect("a test has a program");
    command.arg("-c").arg("exec \"$0\" --exact worker_process --nocapture 3>&1 >/dev/null").arg(exe).env(ROLE, "1");
    command
}

pub fn become_worker() {
    if std::env::var_os(ROLE).is_none() {
        return;
    }
    let pipe = std::fs::File::options().write(true).open("/proc/self/fd/3").expect("spawned by `spawn`");
    rustix::stdio::dup2_stdout(pipe).expect("descriptor 1 is open");
    sortie_flow::worker::main();
}

/// One worker for the tests that do it no harm.
static SHARED: LazyLock<Mutex<Worker>> = LazyLock::new(|| Mutex::new(spawn()));

pub fn ask(request: &Request) -> Answer {
    let mut worker = SHARED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    match worker.call(request, DEADLINE) {
        CallResult::Answer(answer) => *answer,
        other => panic!("{other:?}"),
    }
}

/// Check a flow of one file.
pub fn check(source: &str) -> CheckReport {
    check_bundle(Bundle::new([("flow.star", source)]))
}

pub fn check_bundle(bundle: Bundle) -> CheckReport {
    match ask(&Request::Check { bundle }) {
        Answer::Checked(report) => report,
        other => panic!("{other:?}"),
    }
}

/// `flow(...)` and a `run` with this body, whose first line is line 3.
pub fn flow(body: &str) -> String {
    let body: String = body.trim_matches('\n').lines().map(|line| format!("    {line}\n")).collect();
    format!("flow(name = \"t\", input = {{\"n\": optional(int, default = 0)}})\ndef run(ctx: Ctx, input: dict):\n{body}")
}

/// A run that is evaluated against a journal which grows.
pub struct Run {
    pub bundle: Bundle,
    pub input: Json,
    pub journal: Vec<JournalEntry>,
    pub at_ms: i64,
    pub logged: u32,
    pub exit: Option<ExitFacts>,
    pub reports: BTreeMap<u32, Reports>,
    pub reuse: Vec<JournalEntry>,
    seq: u64,
}

impl Run {
    pub fn of(body: &str) -> Self {
        Self::of_bundle(Bundle::new([("flow.star", flow(body))]))
    }

    pub fn of_bundle(bundle: Bundle) -> Self {
        Self {
            bundle,
            input: json!({"n": 0}),
            journal: Vec::new(),
            at_ms: 1_700_000_000_000,
            logged: 0,
            exit: None,
            reports: BTreeMap::new(),
            reuse: Vec::new(),
            seq: 0,
        }
    }

    pub fn request(&self) -> EvaluateRequest {
        EvaluateRequest {
            digest: self.bundle.digest(),
            bundle: Some(self.bundle.clone()),
            input: self.input.clone(),
            facts: RunFacts { run: "run_1".into(), flow: "t".into(), release: 3, created_at: 1_600_000_000_000 },
            journal: self.journal.clone(),
            at_ms: self.at_ms,
            entropy_hex: "ab".repeat(32),
            logged: self.logged,
            exit: self.exit.clone(),
            reports: self.reports.clone(),
            reuse: self.reuse.clone(),
        }
    }

    /// Evaluate without keeping what it asks for.
    pub fn evaluate(&self) -> Evaluated {
        match ask(&Request::Evaluate(self.request())) {
            Answer::Evaluated(evaluated) => evaluated,
            other => panic!("{other:?}"),
        }
    }

    /// Evaluate, and write what it asks for into the journal.
    pub fn step(&mut self) -> Evaluated {
        let evaluated = self.evaluate();
        for command in &evaluated.evaluation.commands {
            self.seq += 1;
            self.journal.push(match command.clone() {
                Ask::Schedule { call, step, spec } => JournalEntry { call, step, spec, value: None, completed_seq: None },
                Ask::Reuse { call, step, spec, value } | Ask::Record { call, step, spec, value, .. } => {
                    JournalEntry { call, step, spec, value: Some(value), completed_seq: Some(self.seq) }
                }
            });
        }
        evaluated
    }

    /// Answer a call.
    pub fn answer(&mut self, call: u32, value: Json) {
        self.seq += 1;
        let entry = &mut self.journal[call as usize - 1];
        assert!(entry.value.is_none(), "call {call} is answered already");
        (entry.value, entry.completed_seq) = (Some(value), Some(self.seq));
    }

    /// Evaluate to a failure.
    pub fn failure(&mut self) -> Failure {
        match self.step().evaluation.end {
            End::Failed { failure, .. } => failure,
            other => panic!("{other:?}"),
        }
    }

    /// Evaluate to a value.
    pub fn returned(&mut self) -> Json {
        match self.step().evaluation.end {
            End::Returned { value } => value,
            other => panic!("{other:?}"),
        }
    }

    /// Evaluate to a suspension.
    pub fn waits_on(&mut self) -> Vec<u32> {
        match self.step().evaluation.end {
            End::Suspended { waiting_on } => waiting_on,
            other => panic!("{other:?}"),
        }
    }

    /// The arguments of a call that the journal has.
    pub fn spec(&self, call: u32) -> &CallSpec {
        &self.journal[call as usize - 1].spec
    }
}

/// The answer of a job that went well.
pub fn job_ok(result: Json) -> Json {
    json!({"ok": true, "exit_code": 0, "signal": null, "result": result, "output": "out", "error_output": "", "error": null,
           "attempts": 1, "host": "vm1", "timed_out": false, "stopped": null, "duration_ms": 12})
}

/// The answer of a job that failed.
pub fn job_failed(kind: &str, message: &str) -> Json {
    json!({"ok": false, "exit_code": 1, "signal": null, "result": null, "output": "", "error_output": "e",
           "error": {"kind": kind, "message": message}, "attempts": 3, "host": "vm2", "timed_out": kind == "timed_out", "stopped": true, "duration_ms": null})
}
