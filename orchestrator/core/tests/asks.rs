//! Questions of jobs: put once, answered once, withdrawn with their attempt; the time that is waited is not the job's.

mod support;

use sortie_core::decide::{CallbackOutcome, Reply};
use sortie_core::effect::{Timer, Work};
use sortie_core::failure::FailureKind;
use sortie_core::input::{LaunchOutcome, Said, Verdict};
use sortie_core::limits::{ASK_CALLS, ASKS_OPEN, ASKS_PER_RUN};
use sortie_core::state::{AttemptState, RunState, StopReason};
use sortie_core::value::ApprovalOutcome;
use sortie_core::view::{AskAnswer, Decision, StepKind};
use support::scene::{Scene, TIMEOUT_MS};
use support::{make, of};

const Q: u32 = ASK_CALLS;
const HOUR: u64 = 3_600_000;

fn running() -> Scene {
    Scene::job_in(AttemptState::Running)
}

fn told(reply: &Reply) -> Option<AskAnswer> {
    let Reply::Callback { answer, .. } = reply else { panic!("{reply:?}") };
    answer.clone()
}

fn how(reply: &Reply) -> Option<ApprovalOutcome> {
    told(reply).map(|answer| answer.answered)
}

#[test]
fn a_question_is_an_approval_whose_answer_goes_to_the_job_alone() {
    let mut scene = running();
    let asked = scene.ask(3, 60_000);
    assert_eq!((make::outcome(&asked), told(&asked)), (CallbackOutcome::Accepted, None));
    let step = scene.world.step(Q).clone();
    assert_eq!((step.name.as_str(), scene.world.run().calls, scene.world.run().open_steps), ("s1: question 1", 1, 1));
    assert!(scene.world.is_due(&Work::Timer(Timer::Step(Q))), "it has a time limit of its own");
    let again = scene.ask(3, 60_000);
    assert_eq!((make::outcome(&again), told(&again)), (CallbackOutcome::Duplicate, None), "not answered yet");
    assert_eq!(scene.decide(Q, Decision::Approve), Reply::Done);
    assert!(!scene.advance(), "the flow sees nothing of it");
    let answer = told(&scene.ask(3, 60_000)).expect("answered");
    assert_eq!(
        (answer.answered, answer.by, answer.comment.as_deref()),
        (ApprovalOutcome::Approved, vec!["ann".to_owned()], Some("because"))
    );
    assert_eq!((scene.world.count("ask_opened"), scene.world.count("ask_closed")), (1, 1));
    assert_eq!(scene.result(0), CallbackOutcome::Accepted);
    scene.advance();
    assert_eq!(scene.run_state(), RunState::Succeeded);
}

#[test]
fn the_time_that_a_job_asks_is_not_its_time() {
    let mut scene = running();
    let (step, attempt) = (scene.world.step(1).deadline_at, scene.world.newest(1).deadline_at);
    scene.ask(1, HOUR);
    scene.world.now += 600_000;
    scene.ask(2, HOUR);
    scene.decide(Q, Decision::Reject);
    assert_eq!(scene.world.step(1).deadline_at, step, "another question is open");
    // Its own timer does nothing while it waits.
    scene.fire(&Timer::Step(1));
    assert_eq!(scene.world.state(1), AttemptState::Running);
    let waited = scene.world.now + 60_000 - (scene.world.journal.iter().find(|event| event.body.kind() == "ask_opened").expect("asked").at);
    scene.world.now += 60_000;
    scene.decide(Q + 1, Decision::Approve);
    let run = scene.world.run().deadline_at;
    assert_eq!(scene.world.step(1).deadline_at, (step + waited).min(run), "never past the run's own");
    assert_eq!(scene.world.newest(1).deadline_at, (attempt + waited).min(run));
    assert_eq!(scene.world.due_at(&Work::Timer(Timer::Step(1))), Some(scene.world.step(1).deadline_at));
}

#[test]
fn nobody_answering_is_neither_yes_nor_no() {
    let mut scene = running();
    scene.ask(1, 60_000);
    scene.fire(&Timer::Step(Q));
    assert_eq!(how(&scene.ask(1, 60_000)), Some(ApprovalOutcome::TimedOut));
    assert_eq!(scene.world.state(1), AttemptState::Running, "the job decides what to do without an answer");
    assert!(matches!(scene.decide(Q, Decision::Approve), Reply::Refused { code: "closed", .. }));
}

#[test]
fn neither_silence_nor_missing_heartbeats_end_a_job_that_waits() {
    let mut scene = running();
    scene.ask(1, HOUR);
    let id = scene.id();
    let silent = sortie_core::input::InputBody::StopAttempt { attempt: id.clone(), reason: StopReason::Silent };
    assert_eq!(scene.world.deliver(&of(&id), silent, None), Ok(Reply::Nothing));
    scene.fire(&Timer::Heartbeat(id));
    for _ in 0..60 {
        scene.probed(Ok(Verdict::Alive));
    }
    assert_eq!(scene.world.state(1), AttemptState::Suspect);
    let over = sortie_core::input::InputBody::StopAttempt { attempt: scene.id(), reason: StopReason::Budget };
    assert_eq!(scene.world.deliver(&of(&scene.id()), over, None), Ok(Reply::Done), "a budget is a budget");
    assert_eq!(how(&scene.ask(1, HOUR)), Some(ApprovalOutcome::Cancelled));
}

#[test]
fn a_question_is_withdrawn_with_its_attempt_and_one_that_comes_late_is_answered_so() {
    for end in ["result", "lost", "cancel"] {
        let mut scene = running();
        let id = scene.id();
        scene.ask(1, HOUR);
        match end {
            "result" => drop(scene.result(0)),
            "lost" => {
                scene.fire(&Timer::Heartbeat(id.clone()));
                scene.probed(Ok(Verdict::Gone));
            }
            _ => drop(scene.cancel()),
        }
        assert!(!scene.world.step(Q).is_open(), "{end}");
        assert!(!scene.world.is_due(&Work::Timer(Timer::Step(Q))) && !scene.world.is_due(&Work::Timer(Timer::Remind(Q))), "{end}");
        assert_eq!(how(&scene.ask_of(&id, 1, HOUR, "callback")), Some(ApprovalOutcome::Cancelled), "{end}");
        let late = scene.ask_of(&id, 2, HOUR, "callback");
        assert_eq!((make::outcome(&late), how(&late)), (CallbackOutcome::Late, Some(ApprovalOutcome::Cancelled)), "{end}");
        let again = scene.ask_of(&id, 2, HOUR, "callback");
        assert_eq!((make::outcome(&again), how(&again)), (CallbackOutcome::Late, Some(ApprovalOutcome::Cancelled)), "{end}");
    }
}

#[test]
fn a_host_that_does_not_fetch_its_answer_is_told_it() {
    let mut scene = running();
    let id = scene.id();
    scene.ask_of(&id, 1, HOUR, "collect");
    scene.decide(Q, Decision::Approve);
    let tell = Work::Answer { attempt: id.clone(), seq: 1 };
    assert_eq!(Work::parse(&tell.key()), Some(tell.clone()));
    assert!(scene.world.due_at(&tell).is_some_and(|at| at > scene.world.now), "it may fetch the answer itself");
    scene.ask_of(&id, 1, HOUR, "collect");
    assert_eq!(scene.world.due_at(&tell), Some(scene.world.now), "what was collected has no answer but this one");
    scene.ask_of(&id, 1, HOUR, "callback");
    assert!(!scene.world.is_due(&tell), "it was told in the receipt");
}

#[test]
fn an_agent_that_ended_to_wait_goes_on_when_it_is_answered_and_no_retry_is_used_up() {
    for answer in [Some(Decision::Approve), Some(Decision::Reject), None] {
        let mut scene = running();
        let first = scene.id();
        scene.ask(1, HOUR);
        assert_eq!(scene.park(), CallbackOutcome::Accepted);
        assert_eq!((scene.world.state(1), scene.world.step(1).is_open()), (AttemptState::Succeeded, true));
        assert!(!scene.advance(), "the step is not answered");
        match answer {
            Some(decision) => drop(scene.decide(Q, decision)),
            None => drop(scene.fire(&Timer::Step(Q))),
        }
        assert_ne!(scene.id(), first);
        assert!(scene.world.is_due(&Work::Launch(scene.id())), "the next attempt begins at once");
        let StepKind::Job(job) = &scene.world.step(1).kind else { panic!("a job") };
        assert_eq!((job.number, job.used, job.parked), (2, 1, false), "waiting is no failure");
        assert!(!scene.world.is_due(&Work::Answer { attempt: first, seq: 1 }), "there is nobody to tell");
        scene.launch(make::acked(true));
        assert_eq!(scene.result(0), CallbackOutcome::Accepted);
        scene.advance();
        assert_eq!(scene.run_state(), RunState::Succeeded);
    }
}

/// Running again after a park, its question answered in between.
fn parked_and_answered(decision: Option<Decision>) -> Scene {
    let mut scene = running();
    scene.ask(1, HOUR);
    scene.park();
    match decision {
        Some(decision) => drop(scene.decide(Q, decision)),
        None => drop(scene.fire(&Timer::Step(Q))),
    }
    scene.launch(make::acked(true));
    scene.post("started", "s2", Said::Started);
    scene
}

#[test]
fn what_was_answered_while_an_agent_was_away_answers_the_same_question_of_the_next_attempt_once() {
    for (decision, outcome) in [(Decision::Approve, ApprovalOutcome::Approved), (Decision::Reject, ApprovalOutcome::Rejected)] {
        let mut scene = parked_and_answered(Some(decision));
        // How long it would have waited is no part of the question.
        let asked = scene.ask(1, 60_000);
        assert_eq!((make::outcome(&asked), how(&asked)), (CallbackOutcome::Accepted, Some(outcome)));
        assert_eq!(told(&asked).expect("told").by, ["ann"], "and it says who decided");
        assert_eq!((scene.world.count("ask_opened"), scene.world.count("ask_closed"), scene.world.count("approval_voted")), (2, 2, 1));
        assert!(!scene.world.is_due(&Work::Timer(Timer::Step(Q + 1))) && !scene.world.step(Q + 1).is_open());
        assert_eq!(how(&scene.ask(1, 60_000)), Some(outcome), "the same post again");
        assert_eq!(how(&scene.ask(2, 60_000)), None, "one answer is for one question");
        scene.decide(Q + 2, Decision::Approve);
        assert_eq!(scene.result(0), CallbackOutcome::Accepted);
        scene.advance();
        assert_eq!(scene.run_state(), RunState::Succeeded);
    }
    let mut scene = parked_and_answered(Some(Decision::Approve));
    let id = scene.id();
    assert_eq!(how(&scene.ask_of(&id, 1, HOUR, "collect")), Some(ApprovalOutcome::Approved));
    assert!(scene.world.is_due(&Work::Answer { attempt: id, seq: 1 }), "what was collected is told over SSH");
    let mut scene = parked_and_answered(None);
    assert_eq!(how(&scene.ask(1, HOUR)), None, "nobody's silence is an answer to the next one");
}

#[test]
fn a_retry_asks_anew_for_what_an_earlier_attempt_was_told() {
    let mut scene = Scene::job(2);
    scene.launch(make::acked(true));
    scene.post("started", "s", Said::Started);
    scene.ask(1, HOUR);
    scene.decide(Q, Decision::Approve);
    let id = scene.id();
    scene.fire(&Timer::Heartbeat(id));
    scene.probed(Ok(Verdict::Gone));
    scene.fire(&Timer::Retry(1));
    scene.launch(make::acked(true));
    assert_eq!(how(&scene.ask(1, HOUR)), None, "it may have been acted on already");
}

#[test]
fn an_agent_that_says_it_waits_and_has_asked_nothing_has_failed() {
    let mut scene = Scene::job(1);
    scene.launch(make::acked(true));
    scene.post("started", "s", Said::Started);
    scene.park();
    assert_eq!(scene.error(1), FailureKind::AgentError.as_str());
}

#[test]
fn a_parked_job_can_be_cancelled_held_and_forgotten() {
    let mut scene = running();
    scene.ask(1, HOUR);
    scene.park();
    scene.cancel();
    assert_eq!((scene.run_state(), scene.error(1).as_str()), (RunState::Cancelled, "cancelled"));
    assert_eq!(how(&scene.ask(1, HOUR)), Some(ApprovalOutcome::Cancelled));

    let mut scene = running();
    scene.ask(1, HOUR);
    scene.park();
    scene.operator(sortie_core::input::InputBody::Pause);
    scene.decide(Q, Decision::Approve);
    let StepKind::Job(job) = &scene.world.step(1).kind else { panic!("a job") };
    assert_eq!(job.number, 1, "nothing begins in a held run");
    scene.operator(sortie_core::input::InputBody::Resume);
    assert!(scene.world.is_due(&Work::Launch(scene.id())));

    let mut scene = running();
    scene.ask(1, HOUR);
    scene.park();
    let id = scene.id();
    assert_eq!(scene.reset(Some(1)), Reply::Done);
    assert!(!scene.world.step(Q).is_open() && scene.world.step(Q).forgotten);
    scene.advance();
    assert_ne!(scene.id(), id, "begun anew");
}

#[test]
fn a_reset_of_later_steps_leaves_a_question_open() {
    let lines = vec![
        support::flow::Line::Start(make::job(1, &[], TIMEOUT_MS)),
        support::flow::Line::Start(make::wait(HOUR)),
        support::flow::Line::All(vec![0, 1]),
    ];
    let mut scene = Scene::of(lines);
    scene.launch(make::acked(true));
    scene.ask(1, HOUR);
    assert_eq!(scene.reset(Some(2)), Reply::Done);
    assert!(scene.world.step(Q).is_open(), "its job is kept");
    assert_eq!(scene.world.run().open_steps, 1);
}

#[test]
fn questions_are_bounded() {
    let mut scene = running();
    let open = u64::try_from(ASKS_OPEN).expect("few");
    for seq in 1..=open {
        assert_eq!(make::outcome(&scene.ask(seq, HOUR)), CallbackOutcome::Accepted);
    }
    let many = scene.ask(open + 1, HOUR);
    assert_eq!((make::outcome(&many), how(&many)), (CallbackOutcome::Invalid, Some(ApprovalOutcome::Cancelled)));
    for seq in open + 2..=u64::from(ASKS_PER_RUN) + 1 {
        scene.decide(Q + scene.world.run().asks - 1, Decision::Approve);
        assert_eq!(make::outcome(&scene.ask(seq, HOUR)), CallbackOutcome::Accepted, "{seq}");
    }
    scene.decide(Q, Decision::Approve);
    assert_eq!(make::outcome(&scene.ask(9_999, HOUR)), CallbackOutcome::Invalid);
    assert_eq!(scene.world.state(1), AttemptState::Running, "a question too many ends nothing");
}

#[test]
fn a_question_is_a_sign_of_life() {
    let mut scene = Scene::job_in(AttemptState::LaunchUnknown);
    scene.ask(1, HOUR);
    assert_eq!(scene.world.state(1), AttemptState::Running);
    let id = scene.id();
    let claim = scene.claim(&Work::Launch(id.clone()));
    let body = sortie_core::input::InputBody::LaunchEnded { attempt: id.clone(), outcome: LaunchOutcome::Unknown("cut".to_owned()) };
    assert_eq!(scene.world.deliver(&of(&id), body, Some(&claim)), Ok(Reply::Nothing));
}
