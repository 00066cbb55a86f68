//! Due work, done as hosts, other servers and people would do it: by stubs, in no time or in the time they name.

use crate::testing::stub::Stub;
use crate::testing::world::{Underway, World};
use serde_json::{Map, Value as Json, json};
use sortie_core::call::{CallSpec, JobSpec};
use sortie_core::canonical::digest;
use sortie_core::decide::Reply;
use sortie_core::effect::{Timer, Work};
use sortie_core::failure::FailureKind;
use sortie_core::ids::AttemptId;
use sortie_core::input::{CallbackFacts, ChildAnswer, InputBody, LaunchOutcome, ResultSaid, Said, Stopped, TryOutcome, Verdict, Vote};
use sortie_core::state::RunOutcome;
use sortie_core::view::{Decision, Handed, Spent, Step, StepKind};

/// Failures of a job that come before it runs.
const BEFORE_START: [FailureKind; 6] = [
    FailureKind::Unreachable,
    FailureKind::Auth,
    FailureKind::HostKey,
    FailureKind::WrongMachine,
    FailureKind::Refused,
    FailureKind::NoHost,
];

impl World<'_> {
    /// Do one piece of due work.
    ///
    /// # Errors
    /// The engine refuses what came of it.
    pub fn perform(&mut self, work: Work) -> Result<(), String> {
        match work {
            Work::Advance => self.advance(),
            Work::Launch(attempt) => self.launch(&attempt),
            Work::Stop(attempt) => {
                let outcome = Ok(Stopped::Gone { evidence: "stopped in the test".to_owned() });
                self.of_attempt(&attempt, InputBody::StopEnded { attempt: attempt.clone(), outcome })
            }
            // A job that no stub has ended yet lives.
            Work::Probe(attempt) => {
                let body = InputBody::Probed { attempt: attempt.clone(), verdict: Ok(Verdict::Alive), used: Spent::default() };
                self.of_attempt(&attempt, body)
            }
            Work::Timer(timer) => {
                let call = match &timer {
                    Timer::Step(call) | Timer::Retry(call) | Timer::Remind(call) | Timer::Escalate(call) => Some(*call),
                    Timer::Started(attempt) | Timer::Heartbeat(attempt) | Timer::StopAnswer(attempt) => self.call_of(attempt),
                    Timer::RunDeadline | Timer::Exit | Timer::Overdue => None,
                };
                self.deliver(InputBody::TimerDue(timer), call).map(|_| ())
            }
            Work::Start => self.deliver(InputBody::Start, None).map(|_| ()),
            Work::Try(call) => self.attempt_try(call),
            Work::Child(call) => self.deliver(InputBody::ChildMade { call, made: Ok(()) }, Some(call)).map(|_| ()),
            Work::CancelChild(call) => {
                let answer = ChildAnswer { outcome: RunOutcome::Cancelled, value: Json::Null, failure: None };
                self.end_child(call, answer)
            }
            Work::Event(call) => self.offer_event(call),
            Work::Ack(_) | Work::Answer { .. } | Work::MakeRoom | Work::Report | Work::Notify { .. } => Ok(()),
        }
    }

    fn call_of(&self, attempt: &AttemptId) -> Option<u32> {
        self.view.attempts.get(attempt).map(|attempt| attempt.call)
    }

    fn of_attempt(&mut self, attempt: &AttemptId, body: InputBody) -> Result<(), String> {
        let call = self.call_of(attempt);
        self.deliver(body, call).map(|_| ())
    }

    /// Launch a job. It runs until its stub, a test or a time limit ends it.
    fn launch(&mut self, attempt: &AttemptId) -> Result<(), String> {
        let handed = Handed {
            host: "test-host".to_owned(),
            spec_digest: digest(b"test"),
            kid: "test".to_owned(),
            root: 1,
            audience: "https://sortie.test".to_owned(),
            issued_s: self.now / 1_000,
            expires_s: self.now / 1_000 + 86_400,
            launching_at: self.now,
            own_user: false,
            disk_floor_bytes: 0,
        };
        let starting = InputBody::LaunchStarting { attempt: attempt.clone(), handed, slots: None };
        let Some(call) = self.call_of(attempt) else { return Ok(()) };
        let Reply::Launch(_) = self.deliver(starting, Some(call))? else { return Ok(()) };
        let name = self.view.steps.get(&call).map(|step| step.name.clone()).unwrap_or_default();
        let stub = self.stub_for(&name);
        if let Some(failure) = stub.as_ref().and_then(Stub::failed).filter(|failure| BEFORE_START.contains(&failure.kind)) {
            let outcome = LaunchOutcome::Refused(failure);
            return self.of_attempt(attempt, InputBody::LaunchEnded { attempt: attempt.clone(), outcome });
        }
        let outcome = LaunchOutcome::Acked { created: true, pid: Some(1), boot_id: None, containment: None };
        self.of_attempt(attempt, InputBody::LaunchEnded { attempt: attempt.clone(), outcome })?;
        let callback = CallbackFacts { id: format!("{attempt}-started"), digest: digest(b"started"), via: "callback" };
        self.of_attempt(attempt, InputBody::AttemptCallback { attempt: attempt.clone(), callback, said: Said::Started })?;
        match stub {
            Some(stub) => self.answer_with(call, &stub),
            None => Ok(()),
        }
    }

    /// The stub of a step, or the answer of a world that is willing.
    fn stub_for(&mut self, name: &str) -> Option<Stub> {
        let willing = self.willing.then(Stub::default);
        self.stubs.take(name).or(willing)
    }

    /// A try of a step that the server performs: recorded as begun, then answered by its stub.
    fn attempt_try(&mut self, call: u32) -> Result<(), String> {
        let Reply::Try { .. } = self.deliver(InputBody::TryStarting { call }, Some(call))? else { return Ok(()) };
        let name = self.view.steps.get(&call).map(|step| step.name.clone()).unwrap_or_default();
        let stub = match self.spec(call) {
            Some(CallSpec::Artifact(_)) => Some(self.stubs.take(&name).unwrap_or_default()),
            _ => self.stub_for(&name),
        };
        stub.map_or(Ok(()), |stub| self.answer_with(call, &stub))
    }

    fn offer_event(&mut self, call: u32) -> Result<(), String> {
        let Some(Step { kind: StepKind::Event { name, key }, .. }) = self.view.steps.get(&call).filter(|step| step.is_open()) else {
            return Ok(());
        };
        let (name, key) = (name.clone(), key.clone());
        let found = self.published.iter_mut().zip(1..).find(|(event, _)| !event.taken && event.name == name && event.key == key);
        let Some((event, number)) = found else { return Ok(()) };
        event.taken = true;
        let body = InputBody::EventArrived { call, id: format!("event-{number}"), payload: event.payload.clone(), published_at: event.at };
        self.deliver(body, Some(call)).map(|_| ())
    }

    /// Answer one open step that has no due work of its own by its stub; whether there was one.
    ///
    /// # Errors
    /// The engine refuses the answer.
    pub fn answer_by_stub(&mut self) -> Result<bool, String> {
        let waits = |step: &&Step| {
            let by_stub = matches!(step.kind, StepKind::Wait { .. } | StepKind::Approval(_) | StepKind::Event { .. });
            step.is_open() && (by_stub || matches!(step.kind, StepKind::Child { stopping: None, .. }))
        };
        let open: Vec<Step> = self.view.steps.values().filter(waits).cloned().collect();
        for step in open {
            if self.underway.iter().any(|answer| answer.call == step.call) {
                continue;
            }
            let stub = match step.kind {
                StepKind::Child { .. } => self.stub_for(&step.name),
                _ => self.stubs.take(&step.name),
            };
            if let Some(stub) = stub {
                self.answer_with(step.call, &stub)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Answer an open step, now or after the time that the stub takes.
    ///
    /// # Errors
    /// The step cannot be answered so, or the engine refuses it.
    pub fn answer_with(&mut self, call: u32, stub: &Stub) -> Result<(), String> {
        let delay = stub.delay_ms()?;
        let body = self.answer_to(call, stub)?;
        if delay > 0 {
            self.underway.push(Underway { at: self.now + delay, call, body });
            return Ok(());
        }
        match self.deliver(body, Some(call))? {
            Reply::Refused { message, .. } => Err(message),
            _ => Ok(()),
        }
    }

    fn end_child(&mut self, call: u32, answer: ChildAnswer) -> Result<(), String> {
        let Some(Step { kind: StepKind::Child { run, .. }, .. }) = self.view.steps.get(&call) else { return Ok(()) };
        let run = run.clone();
        self.deliver(InputBody::ChildEnded { call, run, answer }, Some(call)).map(|_| ())
    }

    /// The input that says what a stub says.
    fn answer_to(&self, call: u32, stub: &Stub) -> Result<InputBody, String> {
        let step = self.view.steps.get(&call).ok_or("there is no such step")?;
        let failure = stub.failed();
        Ok(match &step.kind {
            StepKind::Job(job) => {
                let attempt = job.attempt.clone().ok_or("the job has no attempt")?;
                let running = self.view.attempts.get(&attempt).is_some_and(|attempt| !attempt.state.is_over());
                if !running {
                    return Err(format!("the job `{}` does not run now", step.name));
                }
                let said = ResultSaid { result: job_result(self.spec(call), stub), failure, tree_gone: true, parked: false };
                let callback =
                    CallbackFacts { id: format!("{attempt}-result"), digest: digest(attempt.as_str().as_bytes()), via: "callback" };
                InputBody::AttemptCallback { attempt, callback, said: Said::Result(said) }
            }
            StepKind::Wait { wait } => {
                let answer = failure.map_or_else(|| Ok(stub.value.clone()), |failure| Err(failure.message));
                InputBody::WaitCallback { wait: wait.clone(), digest: digest(stub.value.to_string().as_bytes()), answer }
            }
            StepKind::Http(tries) | StepKind::Artifact(tries) => {
                let value = tried_value(self.spec(call), stub);
                let outcome = match failure {
                    Some(failure) => TryOutcome::Failed { failure, value, retry_after_ms: None },
                    None => TryOutcome::Done(value),
                };
                InputBody::TryEnded { call, number: tries.number, outcome }
            }
            StepKind::Event { .. } => {
                InputBody::EventArrived { call, id: format!("stub-{call}"), payload: stub.value.clone(), published_at: self.now }
            }
            StepKind::Approval(approval) => {
                let vote = Vote {
                    actor: stub.by.clone().unwrap_or_else(|| "tester".to_owned()),
                    roles: vec!["*".to_owned()],
                    decision: if stub.vote.as_deref() == Some("reject") { Decision::Reject } else { Decision::Approve },
                    comment: stub.comment.clone(),
                    revision: approval.revision,
                    via: "api".to_owned(),
                };
                InputBody::Vote { call, vote }
            }
            StepKind::Child { run, .. } => {
                let outcome = if failure.is_none() { RunOutcome::Succeeded } else { RunOutcome::Failed };
                let answer = ChildAnswer { outcome, value: stub.value.clone(), failure };
                InputBody::ChildEnded { call, run: run.clone(), answer }
            }
            StepKind::Sleep {} => return Err("a sleep ends when its time has passed; use t.advance(...)".to_owned()),
        })
    }
}

/// What the shim would say of a job.
fn job_result(spec: Option<&CallSpec>, stub: &Stub) -> Json {
    let named: &[String] = if let Some(CallSpec::Job(job)) = spec { &job.artifacts } else { &[] };
    let kept = |path: &String| match stub.failure.is_none() && (stub.artifacts.is_empty() || stub.artifacts.contains(path)) {
        true => json!({ "resource": format!("res://test/{path}"), "size": 0, "sha256": digest(path.as_bytes()) }),
        false => json!({ "missing": "the job did not write it" }),
    };
    let artifacts: Map<String, Json> = named.iter().map(|path| (path.clone(), kept(path))).collect();
    let exit_code = if stub.failure.is_none() { json!(0) } else { json!(1) };
    let mut result = json!({
        "exit_code": exit_code, "signal": null, "result": stub.value, "output": stub.output, "error_output": "", "duration_ms": 0,
        "artifacts": artifacts,
    });
    if let Some(CallSpec::Job(JobSpec { agent: Some(agent), .. })) = spec {
        result["agent"] = agent_report(&agent.kind, &stub.agent, stub.failure.is_none());
    }
    result
}

/// What a shim would read from the stream of an agent, with what the stub says of it.
fn agent_report(kind: &str, said: &Json, ok: bool) -> Json {
    let mut report = json!({
        "kind": kind, "session": "00000000-0000-0000-0000-000000000000", "resumed": false, "text": "", "model": null, "turns": 1,
        "tool_calls": 0, "denials": [], "outcome": if ok { "completed" } else { "error" },
    });
    for (field, value) in said.as_object().into_iter().flatten() {
        report[field] = value.clone();
    }
    report
}

/// What a try of a request or of an artifact gives.
fn tried_value(spec: Option<&CallSpec>, stub: &Stub) -> Json {
    match spec {
        Some(CallSpec::Artifact(artifact)) => json!({
            "name": artifact.name, "resource": format!("res://test/{}", artifact.name), "size": artifact.content.len(),
            "sha256": digest(artifact.content.as_bytes()),
        }),
        _ => {
            let status = stub.status.unwrap_or(if stub.failure.is_none() { 200 } else { 500 });
            let body = if stub.value.is_null() { stub.output.clone() } else { stub.value.to_string() };
            json!({ "status": status, "headers": {}, "body": body, "json": stub.value })
        }
    }
}
