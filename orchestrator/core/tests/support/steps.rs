//! Steps that the server, people and other runs answer: their calls, and what is said about them.

use super::make;
use super::scene::Scene;
use serde_json::json;
use sortie_core::call::{ApprovalSpec, ArtifactSpec, CallSpec, ChildSpec, Escalation, EventSpec, HttpSpec, OnCancel, RetryPolicy};
use sortie_core::decide::Reply;
use sortie_core::effect::Work;
use sortie_core::failure::FailureKind;
use sortie_core::ids::RunId;
use sortie_core::input::{ChildAnswer, InputBody, Operator, Scope, TryOutcome, Vote};
use sortie_core::limits;
use sortie_core::state::RunOutcome;
use sortie_core::view::{ApprovalStep, Decision, StepKind};

pub fn http(attempts: u32, timeout_ms: u64) -> CallSpec {
    http_spec(attempts, timeout_ms, None)
}

/// With a total budget.
pub fn http_within(attempts: u32, timeout_ms: u64, total_ms: u64) -> CallSpec {
    http_spec(attempts, timeout_ms, Some(total_ms))
}

fn http_spec(attempts: u32, timeout_ms: u64, total_ms: Option<u64>) -> CallSpec {
    let on = vec![FailureKind::Http, FailureKind::Unreachable, FailureKind::TimedOut];
    CallSpec::Http(HttpSpec {
        method: "POST".to_owned(),
        url: "https://example.com/".to_owned(),
        connection: None,
        headers: std::collections::BTreeMap::new(),
        body: None,
        expect: Vec::new(),
        response_bytes: limits::RESPONSE_BYTES,
        try_ms: limits::HTTP_TRY_MS,
        timeout_ms,
        retry: RetryPolicy { attempts, backoff_ms: 4_000, max_backoff_ms: 60_000, total_ms, on },
    })
}

pub fn artifact() -> CallSpec {
    CallSpec::Artifact(ArtifactSpec { name: "a".to_owned(), media_type: "text/plain".to_owned(), content: "a".to_owned() })
}

pub fn event(timeout_ms: u64) -> CallSpec {
    CallSpec::WaitEvent(EventSpec { name: "paid".to_owned(), key: "7".to_owned(), timeout_ms })
}

/// Asks people with the role `lead`.
pub fn approval(quorum: u32) -> ApprovalSpec {
    ApprovalSpec {
        title: "Go?".to_owned(),
        text: String::new(),
        show: Vec::new(),
        approvers: vec!["lead".to_owned()],
        quorum,
        comment_required: false,
        remind_ms: None,
        escalate: None,
        notify: None,
        timeout_ms: super::scene::TIMEOUT_MS,
    }
}

/// People with the role `head` may decide, too, after some time.
pub fn escalation(after_ms: u64) -> Escalation {
    Escalation { after_ms, to: vec!["head".to_owned()] }
}

pub fn child(on_cancel: OnCancel) -> CallSpec {
    let timeout_ms = super::scene::TIMEOUT_MS;
    CallSpec::Child(ChildSpec { flow: "other".to_owned(), release: None, input: json!({}), timeout_ms, on_cancel })
}

pub fn done(status: u16) -> TryOutcome {
    TryOutcome::Done(json!({ "status": status }))
}

pub fn failed(kind: FailureKind, retry_after_ms: Option<u64>) -> TryOutcome {
    TryOutcome::Failed { failure: make::failure(kind), value: json!({ "status": 503 }), retry_after_ms }
}

pub fn answer(outcome: RunOutcome) -> ChildAnswer {
    let failure = (outcome != RunOutcome::Succeeded).then(|| make::failure(FailureKind::FlowError));
    ChildAnswer { outcome, value: json!(7), failure }
}

impl Scene {
    pub fn step_scope(&self, call: u32) -> Scope {
        Scope::Step(self.world.run().id.clone(), call)
    }

    pub fn tell(&mut self, call: u32, body: InputBody) -> Reply {
        let scope = self.step_scope(call);
        self.world.deliver(&scope, body, None).expect("decided")
    }

    /// The next try is begun: its number and its key.
    pub fn try_starts(&mut self, call: u32) -> (u32, String) {
        self.claim(&Work::Try(call));
        match self.tell(call, InputBody::TryStarting { call }) {
            Reply::Try { number, idempotency_key } => (number, idempotency_key),
            other => panic!("{other:?} is no try"),
        }
    }

    pub fn try_ends(&mut self, call: u32, number: u32, outcome: TryOutcome) -> Reply {
        // As the driver does, which finishes what it has claimed.
        if let Some(due) = self.world.due.get(&Work::Try(call).key()).cloned() {
            self.world.finish(&super::Claim { work: due.work, fence: due.fence });
        }
        self.tell(call, InputBody::TryEnded { call, number, outcome })
    }

    pub fn pause(&mut self) -> Reply {
        self.world.deliver(&self.run_scope(), InputBody::Pause(Operator::named("ada")), None).expect("paused")
    }

    pub fn resume(&mut self) -> Reply {
        self.world.deliver(&self.run_scope(), InputBody::Resume(Operator::named("ada")), None).expect("resumed")
    }

    pub fn approval(&self, call: u32) -> ApprovalStep {
        let StepKind::Approval(approval) = &self.world.step(call).kind else { panic!("call {call} is no approval") };
        approval.clone()
    }

    /// A vote on what is asked now, by somebody with the role `lead`.
    pub fn vote(&mut self, actor: &str, decision: Decision) -> Reply {
        let revision = self.approval(1).revision;
        self.vote_as(actor, "lead", decision, None, revision)
    }

    pub fn vote_as(&mut self, actor: &str, role: &str, decision: Decision, comment: Option<&str>, revision: u64) -> Reply {
        let vote = Vote {
            actor: actor.to_owned(),
            roles: vec![role.to_owned()],
            decision,
            comment: comment.map(str::to_owned),
            revision,
            via: "cli".to_owned(),
        };
        self.tell(1, InputBody::Vote { call: 1, vote })
    }

    pub fn child_run(&self, call: u32) -> RunId {
        let StepKind::Child { run, .. } = &self.world.step(call).kind else { panic!("call {call} is no child") };
        run.clone()
    }

    pub fn child_made(&mut self, call: u32, made: Result<(), FailureKind>) -> Reply {
        self.tell(call, InputBody::ChildMade { call, made: made.map_err(make::failure) })
    }

    pub fn child_ends(&mut self, call: u32, run: RunId, outcome: RunOutcome) -> Reply {
        self.tell(call, InputBody::ChildEnded { call, run, answer: answer(outcome) })
    }

    pub fn event_comes(&mut self, call: u32, id: &str) -> Reply {
        let published_at = self.world.now;
        self.tell(call, InputBody::EventArrived { call, id: id.to_owned(), payload: json!({ "sum": 3 }), published_at })
    }
}

/// The code of a refusal.
pub fn code(reply: &Reply) -> &'static str {
    match reply {
        Reply::Refused { code, .. } => code,
        Reply::Nothing => "nothing",
        Reply::Done => "done",
        other => panic!("{other:?}"),
    }
}
