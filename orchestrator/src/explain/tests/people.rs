//! Runs that wait for answers from outside: people, other systems, other runs, time.

use super::world::{MIN, NOW, World, entropy, says, wait_id};
use crate::explain::text;
use serde_json::json;
use sortie_core::call::{OnCancel, RetryPolicy};
use sortie_core::effect::{Timer, Work};
use sortie_core::ids::RunId;
use sortie_core::state::RunState;
use sortie_core::view::{ApprovalStep, CastVote, Decision, Held, StepKind, Tries};

#[test]
fn a_wait_says_who_may_answer_it_and_until_when() {
    for (spec, who, command) in [
        (json!({}), "whoever holds its URL and token", "waits credentials"),
        (json!({ "auth": "url" }), "whoever holds its URL", "waits credentials"),
        (json!({ "auth": "operator", "roles": ["ops"] }), "an operator with the role ops", "waits answer"),
        (json!({ "roles": ["ops"] }), "URL and token, or ops", "waits answer"),
    ] {
        let mut world = World::new(RunState::Running);
        world.step("answer", StepKind::Wait { wait: wait_id() }, json!({ "wait": spec }));
        let explained = world.explained();
        assert!(explained.headline.contains(who) && explained.headline.contains("30 min left"), "{}", explained.headline);
        assert!(says(&explained, &format!("{command} {}", wait_id())), "{:?}", explained.next);
        assert!(explained.defects.is_empty());
    }
    let mut world = World::new(RunState::Running);
    world.step("answer", StepKind::Wait { wait: wait_id() }, json!({ "wait": { "auth": "operator" } }));
    assert!(!says(&world.explained(), "waits credentials"), "nobody outside may answer it");
}

#[test]
fn an_answer_that_was_refused_is_counted_at_the_wait() {
    let mut world = World::new(RunState::Running);
    world.step("answer", StepKind::Wait { wait: wait_id() }, json!({ "wait": {} }));
    world.steps[0].kept = 2;
    world.callback(wait_id().as_str(), "invalid");
    let explained = world.explained();
    assert!(explained.headline.contains("2 callbacks came that did not answer it"), "{}", explained.headline);
    assert!(explained.callbacks[0].text.contains("schema"));
}

#[test]
fn an_approval_says_who_decides_and_who_has() {
    let mut world = World::new(RunState::Running);
    let kind = StepKind::Approval(ApprovalStep {
        id: wait_id(),
        revision: 12,
        approvers: vec!["maintainers".to_owned()],
        quorum: 2,
        comment_required: false,
        remind_ms: None,
        remind_at: None,
        escalate: None,
        notify: None,
        reminded: 1,
        votes: vec![CastVote { actor: "ann".to_owned(), decision: Decision::Approve, comment: None, at: NOW - MIN }],
        ask: None,
    });
    world.step("merge", kind, json!({ "approval": { "title": "Merge the fix?", "quorum": 2 } }));
    let explained = world.explained();
    assert!(explained.headline.contains("`Merge the fix?`: 1 of 2 approved, by maintainers"), "{}", explained.headline);
    assert!(explained.headline.contains("1 reminder sent"));
    assert!(says(&explained, &format!("approval approve {} --revision 12", wait_id())), "{:?}", explained.next);
}

#[test]
fn an_approval_says_when_its_next_reminder_is_due_unless_there_is_none() {
    let words = |reminded, remind_at| {
        let mut world = World::new(RunState::Running);
        let kind = StepKind::Approval(ApprovalStep {
            id: wait_id(),
            revision: 1,
            approvers: Vec::new(),
            quorum: 1,
            comment_required: false,
            remind_ms: Some(600_000),
            remind_at: Some(remind_at),
            escalate: None,
            notify: None,
            reminded,
            votes: Vec::new(),
            ask: None,
        });
        world.step("merge", kind, json!({ "approval": { "title": "Merge?", "quorum": 1 } }));
        world.explained().headline
    };
    assert!(words(0, NOW + 10 * MIN).contains("A reminder is due in 10 min."), "{}", words(0, NOW + 10 * MIN));
    assert!(words(2, NOW + 10 * MIN).contains("2 reminders sent, the next one is due in 10 min."), "{}", words(2, NOW + 10 * MIN));
    assert!(!words(2, NOW + 40 * MIN).contains("next one"), "it would come after the deadline");
    assert!(!words(sortie_core::limits::REMINDERS, NOW + MIN).contains("next one"), "there are no more");
}

#[test]
fn a_try_says_whether_it_is_under_way_or_about_to_be_made() {
    let words = |number, under_way| {
        let mut world = World::new(RunState::Running);
        let tries = Tries { number, used: 0, retry: RetryPolicy::default(), retry_at: None, since: NOW, base: 1, under_way };
        let call = world.step("post", StepKind::Http(tries), json!({ "http": { "method": "POST", "url": "https://a.example" } }));
        world.put(Work::Try(call), NOW);
        world.explained().headline
    };
    assert!(words(0, false).contains("the first try is about to be made"));
    assert!(words(2, true).contains("try 2 is under way") && words(2, true).contains("same idempotency key"));
    assert!(words(2, false).contains("try 3 is about to be made"));
}

#[test]
fn a_sleep_ends_by_itself() {
    let mut world = World::new(RunState::Running);
    world.step("rest", StepKind::Sleep {}, json!({ "sleep": { "duration_ms": 1 } }));
    let explained = world.explained();
    assert!(explained.headline.contains("it ends in 30 min"), "{}", explained.headline);
    assert_eq!(explained.waker.unwrap().kind, "step_deadline");
}

#[test]
fn a_request_of_the_server_says_when_it_is_tried_again() {
    let mut world = World::new(RunState::Running);
    let tries = Tries {
        number: 2,
        used: 2,
        retry: RetryPolicy::default(),
        retry_at: Some(NOW + 5_000),
        since: NOW - MIN,
        base: 1,
        under_way: false,
    };
    let call = world.step("post", StepKind::Http(tries), json!({ "http": { "method": "POST", "url": "https://a.example" } }));
    world.put(Work::Timer(Timer::Retry(call)), NOW + 5_000);
    let explained = world.explained();
    assert!(explained.headline.contains("try 2 failed, the next one is due in 5 s"), "{}", explained.headline);
}

#[test]
fn an_outside_event_names_its_key() {
    let mut world = World::new(RunState::Running);
    let kind = StepKind::Event { name: "paid".to_owned(), key: "o-7".to_owned() };
    world.step("payment", kind, json!({ "wait_event": { "name": "paid", "key": "o-7" } }));
    let explained = world.explained();
    assert!(explained.headline.contains("`paid` with the key `o-7`"), "{}", explained.headline);
}

#[test]
fn a_child_is_named_and_explained_by_the_next_command() {
    let mut world = World::new(RunState::Running);
    let child = RunId::new(NOW, &entropy(9), 1);
    let kind = StepKind::Child { run: child.clone(), on_cancel: OnCancel::Cancel, stopping: None, made: true };
    world.step("deploy", kind, json!({ "child": { "flow": "deploy", "input": {} } }));
    let explained = world.explained();
    assert!(explained.headline.contains(child.as_str()));
    assert!(says(&explained, &format!("runs explain {child}")));
}

#[test]
fn several_open_steps_are_counted_and_all_are_listed() {
    let mut world = World::new(RunState::Running);
    world.step("a", StepKind::Sleep {}, json!({ "sleep": { "duration_ms": 1 } }));
    world.step("b", StepKind::Wait { wait: wait_id() }, json!({ "wait": {} }));
    let explained = world.explained();
    assert!(explained.headline.starts_with("It waits for 2 steps, the oldest is `a`"), "{}", explained.headline);
    assert_eq!(explained.steps.len(), 2);
    assert!(text(&explained).contains("`b` (call 2, wait"));
}

#[test]
fn a_paused_run_waits_for_an_operator() {
    let mut world = World::new(RunState::Paused);
    world.head.held = Some(Held { from: RunState::Running, since: NOW - 2 * MIN });
    world.held = Some("ann: lunch".to_owned());
    let explained = world.explained();
    assert!(explained.headline.contains("2 min ago"), "{}", explained.headline);
    assert_eq!(explained.waker.as_ref().unwrap().kind, "operator");
    assert!(says(&explained, &format!("runs resume {}", world.head.id)));
    assert!(text(&explained).contains("Held: ann: lunch"));
}
