//! Runs and launches that wait for their turn.

use super::world::{NOW, World, entropy, handed, says};
use crate::explain::{HostFacts, text};
use sortie_core::effect::Work;
use sortie_core::ids::{AttemptId, Ms, RunId};
use sortie_core::plan::{RunLimit, WhenFull};
use sortie_core::state::{AttemptState, RunState};
use sortie_core::view::StepKind;
use sortie_store::model::{HeldPlace, QueuePlace};

/// A queued run with nothing due.
fn queued(limit: Option<&str>, place: QueuePlace) -> World {
    let mut world = World::new(RunState::Queued);
    world.due.clear();
    world.head.plan.limit = limit.map(|key| RunLimit { key: key.to_owned(), at_most: 1, full: WhenFull::Queue });
    world.place = Some(place);
    world
}

fn first() -> QueuePlace {
    QueuePlace { running: 0, running_run: None, place: 1, older: false }
}

#[test]
fn a_queued_run_says_what_for_its_place_and_who_holds_it() {
    let other = RunId::new(NOW, &entropy(8), 0);
    let world = queued(Some("fix:acme"), QueuePlace { running: 1, running_run: Some(other.clone()), place: 3, older: false });
    let explained = world.explained();
    assert!(
        explained.headline.contains(&format!("`fix:acme` (1 of 1 taken, one by {other})"))
            && explained.headline.contains("place in the queue is 3"),
        "{}",
        explained.headline
    );
    assert_eq!(explained.queue.as_deref(), Some(explained.headline.as_str()));
    assert_eq!(explained.waker.as_ref().unwrap().kind, "room");
    assert!(explained.defects.is_empty());
    assert!(says(&explained, &format!("runs explain {other}")), "{:?}", explained.next);
}

#[test]
fn a_queued_run_that_nothing_lets_in_is_a_defect() {
    let mut world = queued(Some("fix"), first());
    assert_eq!(world.explained().defects.len(), 1);
    world.put(Work::Start, NOW);
    assert!(world.explained().defects.is_empty());
}

#[test]
fn a_drained_run_waits_for_older_releases() {
    let mut world = queued(None, QueuePlace { place: 0, older: true, ..first() });
    world.head.plan.after_older = true;
    let explained = world.explained();
    assert_eq!(explained.headline, "It is queued for the end of the runs of an older release.");
    assert_eq!(explained.waker.unwrap().kind, "room");
}

/// A job whose launch is held.
fn held(on: &str) -> (World, AttemptId) {
    let mut world = World::new(RunState::Running);
    let attempt = world.job(AttemptState::Scheduled);
    world.hosts.insert("vm".to_owned(), HostFacts { slots: Some(2), open: 2, labels: vec!["gpu".to_owned()], ..HostFacts::default() });
    world.hosts.insert("other".to_owned(), HostFacts { slots: Some(5), open: 5, labels: Vec::new(), ..HostFacts::default() });
    world.slots.insert(attempt.clone(), HeldPlace { on: on.to_owned(), place: 4 });
    world.put(Work::Launch(attempt.clone()), Ms::MAX);
    (world, attempt)
}

#[test]
fn a_held_launch_names_host_load_and_place() {
    let (mut world, attempt) = held("name:vm");
    let explained = world.explained();
    assert!(
        explained.headline.contains("a free slot of the host vm (vm: 2 of 2 taken)")
            && explained.headline.contains("launches that do is 4"),
        "{}",
        explained.headline
    );
    assert_eq!(explained.steps[0].attempt.as_ref().unwrap().slot.as_ref().unwrap().place, 4);
    assert_eq!(explained.waker.as_ref().unwrap().kind, "step_deadline", "the time that is set comes first");
    world.due.retain(|claim| claim.due_at == Ms::MAX);
    let waker = world.explained().waker.unwrap();
    assert_eq!((waker.kind.as_str(), waker.at, waker.about), ("slot", None, Some(attempt.to_string())));
}

#[test]
fn a_held_launch_names_the_full_hosts_with_its_label_only() {
    let (world, _) = held("label:gpu");
    let headline = world.explained().headline;
    assert!(headline.contains("a host with the label gpu (vm: 2 of 2 taken)") && !headline.contains("other"), "{headline}");
}

#[test]
fn a_launch_that_is_not_held_is_about_to_be_sent_whatever_the_load() {
    let (mut world, _) = held("name:vm");
    world.slots.clear();
    assert!(world.explained().headline.contains("about to be launched"));
}

#[test]
fn a_job_that_waits_behind_an_earlier_life_names_its_attempt_and_host() {
    let mut world = World::new(RunState::Running);
    world.job(AttemptState::Scheduled);
    let before = AttemptId::new(NOW, &entropy(7), 0);
    let mut row = world.attempts[0].clone();
    (row.id, row.state, row.fence, row.handed) = (before.clone(), AttemptState::Stopping, 0, Some(handed()));
    world.attempts.insert(0, row);
    if let StepKind::Job(job) = &mut world.steps[0].kind {
        job.behind.push(before.clone());
    }
    world.put(Work::Stop(before.clone()), NOW + 1_000);
    let explained = world.explained();
    assert!(explained.headline.contains(&format!("it is launched when {before} on vm")), "{}", explained.headline);
    assert_eq!((explained.steps[0].behind[0].host.as_deref(), explained.waker.as_ref().unwrap().kind.as_str()), (Some("vm"), "stop"));
    assert!(text(&explained).contains(&format!("behind {before} on vm: it is being ended")), "{}", text(&explained));
    assert!(says(&explained, "host test vm") && explained.defects.is_empty());
}
