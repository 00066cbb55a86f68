//! Questions of jobs: from a signed post to an approval, and its answer in the receipt of the same post sent again.

use crate::support::job::{Job, result_data, result_with};
use crate::support::{World, job_spec};
use serde_json::{Value, json};
use sortie_core::call::{AgentSpec, JobSpec};
use sortie_core::decide::Reply;
use sortie_core::effect::Work;
use sortie_core::event::EventBody;
use sortie_core::failure::FailureKind;
use sortie_core::ids::WaitId;
use sortie_core::input::{InputBody, Scope, Vote};
use sortie_core::state::AttemptState;
use sortie_core::view::{Decision, StepKind};
use sortie_protocol::ask::Answered;
use sortie_protocol::callback::CallbackKind;
use sortie_protocol::receipt::{CallbackAnswer, Outcome};

fn question() -> Value {
    let digest = "ab".repeat(32);
    json!({ "title": "May I?", "message": "rm -rf build", "timeout_ms": 600_000, "tool": { "name": "Bash", "input_digest": digest } })
}

fn agent(approvers: &[&str]) -> JobSpec {
    let agent: AgentSpec = serde_json::from_value(json!({
        "kind": "claude", "prompt": "p", "resume": true, "checkpoint_ms": 0, "linger_ms": 0, "approvers": approvers
    }))
    .unwrap();
    JobSpec { agent: Some(agent), command: Vec::new(), ..job_spec(None) }
}

async fn ask(world: &World, job: &Job, seq: u64, data: &Value) -> CallbackAnswer {
    let said = job.say(CallbackKind::Ask, seq, data).send(world).await.callback();
    assert!(job.verifies(&said), "the receipt covers the answer, too: {said:?}");
    said
}

/// How a question is answered, as its receipt says.
fn told(said: &CallbackAnswer) -> Option<Answered> {
    said.receipt.as_ref().unwrap().answer.as_ref().map(|answer| answer.answered)
}

async fn decide(world: &World, job: &Job, seq: u64, decision: Decision, roles: &[&str]) -> Reply {
    let asked = world.store.approval(&WaitId::of_ask(&job.attempt, seq)).await.unwrap().unwrap();
    let StepKind::Approval(approval) = &asked.step.kind else { panic!("{asked:?}") };
    let call = asked.step.call;
    let vote = Vote {
        actor: "ann".to_owned(),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        decision,
        comment: Some("well".to_owned()),
        revision: approval.revision,
        via: "cli".to_owned(),
    };
    world.driver.deliver(Scope::Step(job.run.clone(), call), InputBody::Vote { call, vote }).await.unwrap().reply
}

async fn job(world: &World, spec: JobSpec) -> Job {
    let job = world.job_of(spec).await;
    job.launched(world).await;
    job
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_is_listed_decided_and_its_answer_fetched() {
    let world = World::new().await;
    let job = job(&world, agent(&[])).await;
    let first = ask(&world, &job, 2, &question()).await;
    assert_eq!((first.outcome, told(&first)), (Outcome::Accepted, None));
    let listed = world.store.asked("approval", None, 10).await.unwrap();
    let [asked] = &listed[..] else { panic!("{listed:?}") };
    let sortie_core::call::CallSpec::Approval(spec) = &asked.spec else { panic!("{asked:?}") };
    assert_eq!((spec.title.as_str(), spec.quorum), ("May I?", 1));
    assert!(
        spec.text.contains("rm -rf build") && spec.text.contains("Tool: Bash") && spec.text.contains(&"ab".repeat(32)),
        "{}",
        spec.text
    );
    let again = ask(&world, &job, 2, &question()).await;
    assert_eq!((again.outcome, told(&again)), (Outcome::Duplicate, None), "nobody has answered");
    assert_eq!(decide(&world, &job, 2, Decision::Approve, &["*"]).await, Reply::Done);
    let answered = ask(&world, &job, 2, &question()).await;
    let answer = answered.receipt.clone().unwrap().answer.unwrap();
    assert_eq!((answer.answered, answer.by, answer.comment.as_deref()), (Answered::Approved, vec!["ann".to_owned()], Some("well")));
    let due = world.store.due(&job.run).await.unwrap();
    assert!(!due.iter().any(|claim| matches!(claim.work, Work::Answer { .. })), "it was told: {due:?}");
    // What was approved is what runs: another question under the same number is none.
    let other = ask(&world, &job, 2, &json!({ "title": "Another", "timeout_ms": 600_000 })).await;
    assert_eq!(other.outcome, Outcome::Conflict);
    assert_eq!((world.count(&job.run, "ask_opened").await, world.count(&job.run, "ask_closed").await), (1, 1));
    assert_eq!(job.state(&world).await, AttemptState::Running);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_that_makes_no_sense_is_answered_at_once_and_ends_nothing() {
    let world = World::new().await;
    let job = job(&world, agent(&[])).await;
    for (seq, data) in [(2, json!({ "title": "", "timeout_ms": 600_000 })), (3, json!({ "title": "x", "timeout_ms": 0 })), (4, json!("x"))]
    {
        let said = ask(&world, &job, seq, &data).await;
        assert_eq!((said.outcome, told(&said)), (Outcome::Invalid, Some(Answered::Cancelled)), "{data}");
    }
    assert_eq!(world.count(&job.run, "ask_opened").await, 0);
    assert_eq!(job.result(9).send(&world).await.callback().outcome, Outcome::Accepted);
    let late = ask(&world, &job, 10, &question()).await;
    assert_eq!((late.outcome, told(&late)), (Outcome::Late, Some(Answered::Cancelled)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f061_a_job_cannot_name_others_than_its_flow_to_answer_it() {
    let world = World::new().await;
    let job = job(&world, agent(&["security"])).await;
    let mut data = question();
    data["approvers"] = json!(["anybody"]);
    ask(&world, &job, 2, &data).await;
    assert!(matches!(decide(&world, &job, 2, Decision::Approve, &["anybody"]).await, Reply::Refused { code: "not_allowed", .. }));
    assert_eq!(decide(&world, &job, 2, Decision::Reject, &["security"]).await, Reply::Done);
    assert_eq!(told(&ask(&world, &job, 2, &data).await), Some(Answered::Rejected));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f061_an_agent_that_says_it_succeeded_has_not_where_its_machine_says_otherwise() {
    let world = World::new().await;
    for (exit_code, wanted) in [(0, None), (3, Some(FailureKind::Exit))] {
        let job = job(&world, agent(&[])).await;
        let report = json!({ "kind": "claude", "outcome": "completed", "text": "all green" });
        let data = result_with(&json!({ "exit_code": exit_code, "agent": report }));
        job.say(CallbackKind::Result, 2, &data).send(&world).await;
        let events = world.history(&job.run).await;
        let failure = events.iter().find_map(|event| match &event.body {
            EventBody::AttemptResult { failure, .. } => Some(failure.as_ref().map(|failure| failure.kind)),
            _ => None,
        });
        assert_eq!(failure, Some(wanted));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_ended_to_wait_is_gone_on_with_when_it_is_answered() {
    let world = World::new().await;
    let job = job(&world, agent(&[])).await;
    ask(&world, &job, 2, &question()).await;
    let usage = json!({ "usd_micros": 1_500_000, "input_tokens": 10, "output_tokens": 5 });
    let report = json!({ "kind": "claude", "outcome": "parked", "session": "s", "usage": usage });
    let parked = job.say(CallbackKind::Result, 3, &result_with(&json!({ "agent": report }))).send(&world).await.callback();
    assert_eq!(parked.outcome, Outcome::Accepted);
    assert!(world.step(&job.run).await.is_open(), "it waits for the answer");
    decide(&world, &job, 2, Decision::Approve, &["*"]).await;
    let attempts = world.store.attempts(&job.run).await.unwrap();
    assert_eq!((attempts.len(), attempts[1].state), (2, AttemptState::Scheduled));
    let second = Job::launching(&world, &job.run, attempts[1].id.clone()).await;
    let report = json!({ "kind": "claude", "outcome": "completed", "resumed": true, "text": "done", "usage": usage });
    second.say(CallbackKind::Result, 2, &result_with(&json!({ "agent": report }))).send(&world).await;
    let events = world.history(&job.run).await;
    let value = events.iter().find_map(|event| if let EventBody::StepCompleted { value, .. } = &event.body { Some(value) } else { None });
    let value = value.expect("the step is answered");
    assert_eq!((&value["ok"], &value["attempts"], &value["agent"]["resumed"]), (&json!(true), &json!(2), &json!(true)));
    assert_eq!(
        value["agent"]["usage"],
        json!({ "usd": "3.00", "usd_micros": 3_000_000, "input_tokens": 20, "output_tokens": 10 }),
        "of both"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_budget_is_that_of_all_attempts_together() {
    let world = World::new().await;
    let budget = sortie_core::call::Budget { usd_micros: Some(2_000_000), tokens: None };
    let retry = sortie_core::call::RetryPolicy {
        attempts: 2,
        backoff_ms: 1,
        max_backoff_ms: 1,
        total_ms: None,
        on: vec![FailureKind::AgentUnavailable],
    };
    let first = job(&world, JobSpec { budget: Some(budget), retry, ..agent(&[]) }).await;
    let report = json!({ "kind": "claude", "outcome": "unavailable", "usage": { "usd_micros": 1_500_000 } });
    first.say(CallbackKind::Result, 2, &result_with(&json!({ "exit_code": 1, "agent": report }))).send(&world).await;
    let retry = InputBody::TimerDue(sortie_core::effect::Timer::Retry(1));
    sortie_tests_pause().await;
    world.driver.deliver(Scope::Step(first.run.clone(), 1), retry).await.unwrap();
    let attempts = world.store.attempts(&first.run).await.unwrap();
    let second = Job::launching(&world, &first.run, attempts[1].id.clone()).await;
    second.launched(&world).await;
    let progress = |usd: &str| json!({ "usage": { "usd": usd } });
    second.say(CallbackKind::Progress, 2, &progress("0.5")).send(&world).await;
    assert_eq!(second.state(&world).await, AttemptState::Running, "as much as is left");
    second.say(CallbackKind::Progress, 3, &progress("0.500001")).send(&world).await;
    assert_eq!(second.state(&world).await, AttemptState::Stopping);
}

/// The retry of the budget's test is due after a millisecond.
async fn sortie_tests_pause() {
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f100_two_machines_that_say_they_run_one_attempt_are_told_apart() {
    let world = World::new().await;
    let job = job(&world, agent(&[])).await;
    let beat = |boot: &str| json!({ "silent_ms": 1, "stdout_bytes": 2, "stderr_bytes": 3, "boot_id": boot });
    for (seq, boot) in [(1, "one"), (2, "one"), (3, "two"), (4, "two"), (5, "one")] {
        let said = job.say(CallbackKind::Heartbeat, seq, &beat(boot)).send(&world).await.callback();
        assert_eq!(said.outcome, Outcome::Accepted);
        assert!(said.receipt.is_some_and(|receipt| receipt.stop.is_none()), "what the clone would say then would end the attempt");
    }
    assert_eq!(world.count(&job.run, "attempt_cloned").await, 1, "recorded once");
    let beats = world.store.beats(&job.run).await.unwrap();
    assert_eq!((beats[&job.attempt].seq, beats[&job.attempt].data["boot_id"].as_str()), (5, Some("one")), "the first is believed");
    let found = world.history(&job.run).await.into_iter().find_map(|event| match event.body {
        EventBody::AttemptCloned { boot_id, other_boot_id, other_instance, .. } => Some((boot_id, other_boot_id, other_instance)),
        _ => None,
    });
    assert_eq!(found, Some(("one".to_owned(), "two".to_owned(), "i1".to_owned())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silence_ends_no_job_that_waits_for_people() {
    let world = World::new().await;
    let job = job(&world, JobSpec { silence_ms: Some(5_000), ..agent(&[]) }).await;
    ask(&world, &job, 2, &question()).await;
    let silent = json!({ "silent_ms": 60_000, "stdout_bytes": 2, "stderr_bytes": 3 });
    let said = job.say(CallbackKind::Heartbeat, 1, &silent).send(&world).await.callback();
    assert_eq!((said.receipt.unwrap().stop, job.state(&world).await), (None, AttemptState::Running));
    decide(&world, &job, 2, Decision::Approve, &["*"]).await;
    job.say(CallbackKind::Heartbeat, 2, &silent).send(&world).await;
    assert_eq!(job.state(&world).await, AttemptState::Stopping);
    assert_eq!(job.say(CallbackKind::Result, 3, &result_data()).send(&world).await.callback().outcome, Outcome::Late);
}
