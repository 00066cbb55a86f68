//! Runs that queue: let in, left out, and who is asked when a place becomes free.

mod support;

use sortie_core::decide::Reply;
use sortie_core::effect::{Effect, Timer, Work};
use sortie_core::ids::{Entropy, RunId};
use sortie_core::input::{InputBody, Scope};
use sortie_core::plan::{NoticeKind, NotifyRule, Parent, RunLimit, RunPlan, WhenFull};
use sortie_core::state::RunState;
use sortie_core::view::Room;
use support::flow::Line;
use support::make;
use support::scene::{DEADLINE_MS, Scene, TIMEOUT_MS};

fn plan(at_most: u32, full: WhenFull) -> RunPlan {
    let limit = Some(RunLimit { key: "flow/a".to_owned(), at_most, full });
    RunPlan { deadline_ms: DEADLINE_MS, limit, ..RunPlan::default() }
}

fn queued(plan: RunPlan) -> Scene {
    let scene = Scene::planned(vec![Line::Start(make::wait(TIMEOUT_MS)), Line::All(vec![0])], vec![Line::Now], plan);
    assert_eq!(scene.run_state(), RunState::Queued);
    scene
}

fn start(scene: &mut Scene, room: Room) -> Reply {
    scene.world.room = Some(room);
    let claim = scene.claim(&Work::Start);
    let scope = Scope::Admission(scene.world.run().id.clone());
    scene.world.deliver(&scope, InputBody::Start, Some(&claim)).expect("a start is never refused")
}

fn next() -> Effect {
    Effect::StartNext { key: "flow/a".to_owned() }
}

#[test]
fn the_time_of_a_run_counts_from_leaving_the_queue() {
    let mut scene = queued(plan(1, WhenFull::Queue));
    assert!(!scene.world.is_due(&Work::Timer(Timer::RunDeadline)));
    scene.world.now += 50_000;
    assert_eq!(start(&mut scene, Room::default()), Reply::Done);
    assert_eq!((scene.run_state(), scene.world.run().deadline_at), (RunState::Running, make::START + 50_000 + DEADLINE_MS.cast_signed()));
    assert!(scene.advance());
    assert_eq!(scene.world.asked, [], "there is no second place");
}

#[test]
fn a_full_limit_leaves_it_waiting_and_those_ahead_go_first() {
    for room in [Room { running: 2, ..Room::default() }, Room { running: 1, ahead: 1, ..Room::default() }] {
        let mut scene = queued(plan(2, WhenFull::Queue));
        assert_eq!(start(&mut scene, room), Reply::Nothing);
        assert_eq!((scene.run_state(), scene.world.is_due(&Work::Start)), (RunState::Queued, false), "the end of another run asks again");
    }
    let mut scene = queued(plan(3, WhenFull::Queue));
    start(&mut scene, Room { running: 1, ..Room::default() });
    assert_eq!(scene.world.asked, [next()], "one more place is free, and whoever is next is asked");
}

#[test]
fn a_drained_release_starts_after_all_older_runs() {
    let mut scene = queued(RunPlan { after_older: true, ..RunPlan::default() });
    assert_eq!(start(&mut scene, Room { older: 1, ..Room::default() }), Reply::Nothing);
    scene.operator(InputBody::Pause);
    scene.operator(InputBody::Resume);
    assert_eq!(start(&mut scene, Room::default()), Reply::Done);
}

#[test]
fn skip_makes_nothing_where_there_is_no_place() {
    let running = Some(RunId::new(1, &Entropy([9; 32]), 0));
    let full = [Room { running: 1, running_run: running.clone(), ..Room::default() }, Room { ahead: 1, ..Room::default() }];
    for room in full {
        let mut scene = queued(plan(1, WhenFull::Queue));
        scene.world = support::World::default();
        scene.world.room = Some(room.clone());
        assert_eq!(scene.create(plan(1, WhenFull::Skip)), Reply::Skipped { running: room.running_run });
        assert!(scene.world.view.run.is_none() && scene.world.due.is_empty());
        scene.world.room = Some(Room::default());
        assert_eq!(scene.create(plan(1, WhenFull::Skip)), Reply::Done);
    }
}

#[test]
fn a_run_that_displaces_others_asks_for_room_until_it_starts() {
    let mut scene = queued(plan(1, WhenFull::CancelRunning));
    assert!(scene.world.is_due(&Work::MakeRoom));
    start(&mut scene, Room::default());
    assert!(!scene.world.is_due(&Work::MakeRoom));
}

#[test]
fn the_end_of_a_run_asks_those_who_wait_for_it() {
    let parent = Some(Parent { run: RunId::new(1, &Entropy([9; 32]), 0), call: 3 });
    let mut scene = queued(RunPlan { parent, ..plan(1, WhenFull::Queue) });
    scene.cancel();
    assert_eq!((scene.run_state(), scene.world.count("exit_started")), (RunState::Cancelled, 0), "it never began");
    assert_eq!(scene.world.asked, [next(), Effect::StartDrained { flow: "flow".to_owned() }]);
    assert_eq!(scene.world.due.keys().collect::<Vec<_>>(), ["report"]);
}

#[test]
fn a_run_that_waits_too_long_for_its_place_is_told_of_once_and_held_ones_are_not() {
    let rules = vec![NotifyRule { on: vec![NoticeKind::Overdue, NoticeKind::Failed], to: "ops".to_owned() }];
    let mut scene = queued(RunPlan { notify: rules, overdue_ms: Some(1_000), ..plan(1, WhenFull::Queue) });
    scene.operator(InputBody::Pause);
    assert_eq!(scene.fire(&Timer::Overdue), Reply::Nothing);
    scene.operator(InputBody::Resume);
    start(&mut scene, Room::default());
    assert_eq!(scene.world.due_at(&Work::Timer(Timer::Overdue)), Some(scene.world.now + 1_000));
    assert_eq!(scene.fire(&Timer::Overdue), Reply::Done);
    let seq = scene.world.run().seq;
    assert!(scene.world.is_due(&Work::Notify { what: NoticeKind::Overdue, seq }));
    scene.advance();
    scene.fire(&Timer::RunDeadline);
    assert_eq!(scene.run_state(), RunState::TimedOut);
    let seq = scene.world.run().seq;
    assert!(
        scene.world.is_due(&Work::Notify { what: NoticeKind::Failed, seq }),
        "a deadline that passed is a failure to whoever wants to know"
    );
}
