//! People decide: quorum, refusals, reminders, escalation, and every race of F117.

mod support;

use serde_json::json;
use sortie_core::call::{ApprovalSpec, CallSpec};
use sortie_core::decide::Reply;
use sortie_core::effect::{Timer, Work};
use sortie_core::event::EventBody;
use sortie_core::input::InputBody;
use sortie_core::limits;
use sortie_core::plan::NoticeKind;
use sortie_core::state::RunState;
use sortie_core::view::Decision::{Approve, Reject};
use support::flow::Line;
use support::make;
use support::scene::{Scene, TIMEOUT_MS};
use support::steps::{approval, code, escalation};

fn asking(spec: ApprovalSpec) -> Scene {
    Scene::of(vec![Line::Start(CallSpec::Approval(spec)), Line::All(vec![0])])
}

/// A job that starts when an approval is given: what it gates.
fn gating() -> Scene {
    Scene::of(vec![Line::Start(CallSpec::Approval(approval(1))), Line::All(vec![0]), Line::Start(make::job(1, &[], TIMEOUT_MS))])
}

fn notices(scene: &Scene) -> Vec<u64> {
    let seqs = scene.world.due.values().filter_map(|due| match due.work {
        Work::Notify { what: NoticeKind::Approval, seq } => Some(seq),
        _ => None,
    });
    seqs.collect()
}

#[test]
fn as_many_different_people_as_the_quorum_approve() {
    let mut scene = asking(approval(2));
    assert_eq!(code(&scene.vote("ada", Approve)), "done");
    assert!(scene.world.step(1).is_open());
    assert_eq!(code(&scene.vote("bob", Approve)), "done");
    let value = scene.value(1);
    assert_eq!((&value["approved"], &value["ok"], &value["outcome"]), (&json!(true), &json!(true), &json!("approved")));
    assert_eq!(value["by"], json!(["ada", "bob"]));
    assert_eq!(value["votes"].as_array().map(Vec::len), Some(2));
    scene.advance();
    assert_eq!(scene.run_state(), RunState::Succeeded);
}

#[test]
fn one_rejection_decides_and_its_comment_is_the_answers() {
    let mut scene = asking(approval(2));
    scene.vote("ada", Approve);
    let revision = scene.approval(1).revision;
    scene.vote_as("bob", "lead", Reject, Some("not yet"), revision);
    let value = scene.value(1);
    assert_eq!((&value["approved"], &value["outcome"], &value["comment"]), (&json!(false), &json!("rejected"), &json!("not yet")));
    assert_eq!(value["by"], json!(["bob"]), "who approved did not make it so");
}

#[test]
fn f117_the_same_decision_twice_is_one_and_another_one_is_refused() {
    let mut scene = asking(approval(2));
    scene.vote("ada", Approve);
    let length = scene.world.journal.len();
    assert_eq!(code(&scene.vote("ada", Approve)), "nothing");
    assert_eq!(code(&scene.vote("ada", Reject)), "already_decided");
    assert_eq!(scene.world.journal.len(), length);
    assert_eq!(scene.approval(1).votes.len(), 1, "one person is one vote");
    scene.vote("bob", Approve);
    assert_eq!(code(&scene.vote("bob", Approve)), "nothing", "also when it is decided");
    assert_eq!(code(&scene.vote("eve", Reject)), "closed");
}

#[test]
fn every_reason_to_refuse_a_decision() {
    let mut spec = approval(1);
    spec.comment_required = true;
    let mut scene = asking(spec);
    let revision = scene.approval(1).revision;
    assert_eq!(code(&scene.vote_as("ada", "guest", Approve, Some("x"), revision)), "not_allowed");
    assert_eq!(code(&scene.vote_as("ada", "lead", Approve, Some("x"), revision + 1)), "wrong_revision");
    assert_eq!(code(&scene.vote_as("ada", "lead", Approve, None, revision)), "comment_required");
    assert_eq!(code(&scene.vote_as("ada", "lead", Approve, Some(" \n"), revision)), "comment_required");
    assert_eq!(scene.world.count("approval_voted"), 0);
    assert_eq!(code(&scene.vote_as("ada", "*", Approve, Some("x"), revision)), "done");
    assert_eq!(scene.value(1)["comment"], json!("x"));
}

#[test]
fn everybody_may_decide_where_nobody_is_named() {
    let mut spec = approval(1);
    spec.approvers.clear();
    let mut scene = asking(spec);
    let revision = scene.approval(1).revision;
    assert_eq!(code(&scene.vote_as("ada", "guest", Approve, None, revision)), "done");
}

#[test]
fn f117_a_decision_about_what_was_asked_before_an_escalation_is_refused() {
    let mut spec = approval(1);
    spec.escalate = Some(escalation(60_000));
    let mut scene = asking(spec);
    let old = scene.approval(1).revision;
    assert_eq!(code(&scene.vote_as("hal", "head", Approve, None, old)), "not_allowed");
    scene.fire(&Timer::Escalate(1));
    let new = scene.approval(1).revision;
    assert_eq!(scene.approval(1).approvers, ["lead", "head"]);
    assert_eq!(code(&scene.vote_as("hal", "head", Approve, None, old)), "wrong_revision");
    assert_eq!(code(&scene.vote_as("ada", "lead", Approve, None, old)), "wrong_revision");
    assert_eq!(code(&scene.vote_as("hal", "head", Approve, None, new)), "done");
    assert!(!scene.world.is_due(&Work::Timer(Timer::Escalate(1))));
}

#[test]
fn f117_approve_and_cancel_at_once_one_wins_and_the_other_is_told() {
    let mut scene = gating();
    scene.vote("ada", Approve);
    scene.cancel();
    assert_eq!((scene.run_state(), scene.value(1)["outcome"].clone()), (RunState::Cancelled, json!("approved")));
    assert!(!scene.advance(), "what it gates is not begun");
    assert_eq!(scene.world.count("attempt_scheduled"), 0);
    let mut scene = gating();
    scene.cancel();
    assert_eq!(code(&scene.vote("ada", Approve)), "closed");
    assert_eq!((scene.value(1)["outcome"].clone(), scene.value(1)["approved"].clone()), (json!("cancelled"), json!(false)));
}

#[test]
fn f117_approve_and_timeout_at_once_one_wins() {
    let mut scene = gating();
    let claim = scene.claim(&Work::Timer(Timer::Step(1)));
    scene.vote("ada", Approve);
    let scope = scene.world.timer_scope(&Timer::Step(1));
    let not = scene.world.deliver(&scope, InputBody::TimerDue(Timer::Step(1)), Some(&claim));
    assert_eq!(not, Err(support::Not::Held), "the timer was not needed any more");
    assert_eq!(scene.world.deliver(&scope, InputBody::TimerDue(Timer::Step(1)), None), Ok(Reply::Nothing));
    assert_eq!(scene.value(1)["outcome"], json!("approved"));
    let mut scene = gating();
    scene.fire(&Timer::Step(1));
    assert_eq!(code(&scene.vote("ada", Approve)), "closed");
    let value = scene.value(1);
    assert_eq!((&value["outcome"], &value["timed_out"], &value["by"]), (&json!("timed_out"), &json!(true), &json!([])));
}

#[test]
fn i15_one_approval_releases_one_effect_and_none_comes_before_it() {
    let mut scene = gating();
    scene.advance();
    assert_eq!(scene.world.count("attempt_scheduled"), 0);
    scene.vote("ada", Approve);
    scene.vote("ada", Approve);
    scene.advance();
    assert!(!scene.advance());
    let kinds = scene.world.kinds();
    let voted = kinds.iter().position(|kind| *kind == "approval_voted").expect("a vote");
    let begun: Vec<usize> = kinds.iter().enumerate().filter(|(_, kind)| **kind == "attempt_scheduled").map(|(at, _)| at).collect();
    assert_eq!((begun.len(), begun[0] > voted), (1, true));
}

#[test]
fn people_are_told_reminded_and_told_again() {
    let mut spec = approval(1);
    spec.notify = Some("chat".to_owned());
    spec.remind_ms = Some(60_000);
    spec.escalate = Some(escalation(90_000));
    let mut scene = asking(spec);
    let asked = scene.approval(1).revision;
    assert_eq!(notices(&scene), [asked]);
    assert_eq!(scene.world.due_at(&Work::Timer(Timer::Remind(1))), Some(make::START + 60_000));
    scene.fire(&Timer::Remind(1));
    assert_eq!(scene.approval(1).revision, asked, "a reminder changes nothing that is asked");
    scene.fire(&Timer::Escalate(1));
    assert_eq!(notices(&scene).len(), 3);
    assert_eq!(scene.world.due_at(&Work::Timer(Timer::Remind(1))), Some(make::START + 120_000));
    scene.vote("ada", Approve);
    for work in [Work::Timer(Timer::Remind(1)), Work::Timer(Timer::Escalate(1))] {
        assert!(!scene.world.is_due(&work));
    }
}

#[test]
fn reminders_are_bounded_and_none_comes_after_the_end() {
    let mut spec = approval(1);
    spec.remind_ms = Some(1_000);
    let mut scene = asking(spec);
    for _ in 0..limits::REMINDERS {
        scene.fire(&Timer::Remind(1));
    }
    assert!(!scene.world.is_due(&Work::Timer(Timer::Remind(1))));
    assert_eq!(notices(&scene), [0; 0], "there is nobody to tell");
    let mut spec = approval(1);
    spec.remind_ms = Some(TIMEOUT_MS);
    assert!(!asking(spec).world.is_due(&Work::Timer(Timer::Remind(1))));
}

#[test]
fn i18_a_reminder_or_an_escalation_before_its_time_is_set_again() {
    let mut spec = approval(1);
    spec.remind_ms = Some(60_000);
    spec.escalate = Some(escalation(60_000));
    let mut scene = asking(spec);
    for timer in [Timer::Remind(1), Timer::Escalate(1)] {
        let scope = scene.world.timer_scope(&timer);
        assert_eq!(scene.world.deliver(&scope, InputBody::TimerDue(timer.clone()), None), Ok(Reply::Nothing));
        assert_eq!(scene.world.due_at(&Work::Timer(timer)), Some(make::START + 60_000));
    }
    assert_eq!(scene.world.count("approval_reminded") + scene.world.count("approval_escalated"), 0);
}

#[test]
fn a_notice_that_was_sent_or_not_is_in_the_history_also_after_the_end() {
    let mut scene = asking(approval(1));
    scene.cancel();
    let told = |result| InputBody::NoticeEnded { what: NoticeKind::Failed, about: 2, to: "chat".to_owned(), result };
    scene.world.deliver(&scene.run_scope(), told(Ok(())), None).expect("decided");
    scene.world.deliver(&scene.run_scope(), told(Err("gone".to_owned())), None).expect("decided");
    assert_eq!((scene.world.count("notice_sent"), scene.world.count("notice_failed")), (1, 1));
    assert_eq!(scene.run_state(), RunState::Cancelled);
    assert!(matches!(scene.world.journal.last().map(|event| &event.body), Some(EventBody::NoticeFailed { .. })));
}
