//! Inputs, made short.

use serde_json::{Value, json};
use sortie_core::call::{AskSpec, CallSpec, HostSelector, JobSpec, RetryPolicy, WaitSpec};
use sortie_core::decide::{CallbackOutcome, Reply};
use sortie_core::failure::{Failure, FailureKind};
use sortie_core::ids::{Entropy, Ms, RunId};
use sortie_core::input::{CallbackFacts, Create, InputBody, LaunchOutcome, ResultSaid, Said};
use sortie_core::view::Handed;

/// When the tests begin.
pub const START: Ms = 1_800_000_000_000;

pub fn create(deadline_ms: u64) -> Create {
    Create {
        run: RunId::new(START, &Entropy([1; 32]), 0),
        flow: "flow".to_owned(),
        release: 1,
        bundle: "0".repeat(64),
        input: json!({}),
        actor: "test".to_owned(),
        plan: sortie_core::plan::RunPlan { deadline_ms, ..Default::default() },
    }
}

pub fn job(attempts: u32, on: &[FailureKind], timeout_ms: u64) -> CallSpec {
    CallSpec::Job(JobSpec {
        timeout_ms,
        retry: RetryPolicy { attempts, backoff_ms: 4_000, max_backoff_ms: 60_000, total_ms: None, on: on.to_vec() },
        ..JobSpec::new(HostSelector::Name("vm".to_owned()), vec!["true".to_owned()])
    })
}

/// A question that is open for so long.
pub fn ask(timeout_ms: u64) -> AskSpec {
    AskSpec { title: "May I?".to_owned(), message: String::new(), approvers: Vec::new(), timeout_ms, tool: None }
}

pub fn wait(timeout_ms: u64) -> CallSpec {
    CallSpec::Wait(WaitSpec { timeout_ms, schema: None, auth: sortie_core::call::WaitAuth::Token, roles: Vec::new(), on_timeout: None })
}

pub fn handed(now: Ms) -> Handed {
    Handed {
        host: "vm".to_owned(),
        spec_digest: "d".repeat(64),
        kid: "kid".to_owned(),
        root: 1,
        audience: "https://sortie.example".to_owned(),
        issued_s: now / 1_000,
        expires_s: now / 1_000 + 1_000,
        launching_at: now,
        own_user: false,
        disk_floor_bytes: 0,
    }
}

pub fn failure(kind: FailureKind) -> Failure {
    Failure::new(kind, kind.as_str())
}

pub fn acked(created: bool) -> LaunchOutcome {
    LaunchOutcome::Acked { created, pid: Some(7), boot_id: Some("boot".to_owned()), containment: None }
}

pub fn facts(id: &str, digest: &str, via: &'static str) -> CallbackFacts {
    CallbackFacts { id: id.to_owned(), digest: digest.to_owned(), via }
}

/// A result: 0 is success, 2 is what a shim says after the machine was started anew.
pub fn result(exit: i64) -> ResultSaid {
    let kind = if exit == 2 { FailureKind::Interrupted } else { FailureKind::Exit };
    let failure = (exit != 0).then(|| failure(kind));
    ResultSaid { result: json!({ "exit_code": exit }), failure, tree_gone: true, parked: false }
}

pub fn said_result(exit: i64) -> Said {
    Said::Result(result(exit))
}

pub fn cancel() -> InputBody {
    InputBody::Cancel(sortie_core::input::Operator { actor: "test".to_owned(), reason: Some("enough".to_owned()), if_seq: None })
}

/// What became of a callback.
pub fn outcome(reply: &Reply) -> CallbackOutcome {
    let Reply::Callback { outcome, .. } = reply else { panic!("{reply:?} is no answer to a callback") };
    *outcome
}

/// A value of an answered step.
pub fn field<'a>(value: &'a Value, name: &str) -> &'a Value {
    &value[name]
}

/// What an operator was refused with.
pub fn refused(reply: &Reply) -> &'static str {
    let Reply::Refused { code, .. } = reply else { panic!("{reply:?} is no refusal") };
    code
}
