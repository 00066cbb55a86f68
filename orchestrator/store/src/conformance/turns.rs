//! Turns between flows, slots of hosts, places of limits.

use super::world::{World, handed, job, of, wait};
use crate::model::Claim;
use serde_json::json;
use sortie_core::call::HostSelector;
use sortie_core::decide::Reply;
use sortie_core::effect::{Work, WorkClass};
use sortie_core::host::{CallbackMode, Host, Login};
use sortie_core::ids::{AttemptId, RunId};
use sortie_core::input::{InputBody, Operator, Scope};
use sortie_core::plan::{RunLimit, WhenFull};
use sortie_core::state::RunState;

async fn flows_of(world: &World, claims: &[Claim]) -> Vec<String> {
    let mut flows = Vec::new();
    for claim in claims {
        flows.push(world.store.run(&claim.run).await.unwrap().unwrap().head.flow);
    }
    flows
}

async fn with_priority(world: &World, flow: &str, priority: i8) -> RunId {
    let mut wish = world.wish(flow);
    wish.plan.priority = priority;
    world.deliver(Scope::New(wish.run.clone()), InputBody::Create(wish)).await.run
}

pub(super) async fn a_flood_of_one_flow_does_not_starve_another(world: &World) {
    for _ in 0..20 {
        world.run("flood").await;
    }
    world.run("calm").await;
    world.run("zeal").await;
    let first = world.store.claim(WorkClass::Advance, world.now(), 1_000, 3).await.unwrap();
    assert_eq!(flows_of(world, &first).await, ["calm", "flood", "zeal"]);
    let rest = world.store.claim(WorkClass::Advance, world.now(), 1_000, 5).await.unwrap();
    assert_eq!(flows_of(world, &rest).await, ["flood"; 5], "nobody else has any");
    world.run("calm").await;
    world.run("calm").await;
    let mut one_by_one = Vec::new();
    for _ in 0..4 {
        one_by_one.extend(flows_of(world, &world.store.claim(WorkClass::Advance, world.now(), 1_000, 1).await.unwrap()).await);
    }
    assert_eq!(one_by_one, ["calm", "flood", "calm", "flood"], "also where a place is free at a time");
    assert_eq!(world.store.claim(WorkClass::Advance, world.now(), 1_000, 100).await.unwrap().len(), 12, "all the others");
}

pub(super) async fn a_higher_priority_goes_first(world: &World) {
    for _ in 0..3 {
        world.run("a").await;
    }
    with_priority(world, "b", -5).await;
    let urgent = with_priority(world, "c", 7).await;
    let claims = world.store.claim(WorkClass::Advance, world.now(), 1_000, 4).await.unwrap();
    assert_eq!(flows_of(world, &claims).await, ["c", "a", "a", "a"]);
    assert_eq!(claims[0].run, urgent);
    assert_eq!(world.store.next_due(WorkClass::Advance).await.unwrap().map(|at| at <= world.now()), Some(true), "the low one is left");
}

fn host(name: &str, slots: u32) -> Host {
    Host {
        name: name.to_owned(),
        address: "10.0.0.7".to_owned(),
        port: 22,
        user: "agent".to_owned(),
        login: Login::Agent,
        host_keys: vec!["ssh-ed25519 AAAA".to_owned()],
        state_root: "/var/lib/sortie".to_owned(),
        marker: "m".to_owned(),
        labels: vec!["builder".to_owned()],
        callbacks: CallbackMode::Push,
        slots: Some(slots),
        added_at: 1,
        ..Host::default()
    }
}

/// A run of a flow with a job, its attempt and the claim to launch it.
async fn launch(world: &World, flow: &str) -> (RunId, AttemptId, Claim) {
    let run = world.run(flow).await;
    world.advance(&run, vec![("job", job("vm"))]).await;
    let claim = world.claim(WorkClass::Launch, world.now()).await.into_iter().find(|claim| claim.run == run).unwrap();
    let Work::Launch(attempt) = claim.work.clone() else { panic!("{claim:?}") };
    (run, attempt, claim)
}

async fn start(world: &World, attempt: &AttemptId) -> Reply {
    let starting = InputBody::LaunchStarting { attempt: attempt.clone(), handed: handed("vm"), slots: Some(1) };
    world.deliver(of(attempt), starting).await.reply
}

pub(super) async fn a_launch_without_a_slot_waits_for_the_end_of_another(world: &World) {
    world.store.add_host(host("vm", 1)).await.unwrap();
    let (_, first, claim) = launch(world, "a").await;
    assert!(matches!(start(world, &first).await, Reply::Launch(_)));
    world.store.finish(claim).await.unwrap();
    assert_eq!(world.store.host_loads().await.unwrap().get("vm"), Some(&1));
    let on = HostSelector::Label("builder".to_owned());
    let mut held = Vec::new();
    for flow in ["a", "a", "b"] {
        let (run, attempt, claim) = launch(world, flow).await;
        assert_eq!(start(world, &attempt).await, Reply::NoSlot);
        assert!(world.store.hold(claim.clone(), &on, world.now()).await.unwrap());
        assert!(world.store.hold(claim, &on, world.now()).await.is_err(), "the claim is given up");
        held.push((run, attempt));
    }
    world.pass(10_000_000);
    assert!(world.claim(WorkClass::Launch, world.now()).await.is_empty(), "time alone lets none of them go");
    let place = world.store.held_place(&held[1].0, &held[1].1).await.unwrap().unwrap();
    assert_eq!((place.on.as_str(), place.place), ("label:builder", 2));
    assert_eq!(world.store.held_counts().await.unwrap()[0].launches, 3);
    assert_eq!(world.store.release_held(world.now()).await.unwrap(), 0, "there is no slot");
    let done = world.result(&first, "m1", "d1").await;
    assert!(done.due.iter().any(|(class, _)| *class == WorkClass::Launch), "its loop is woken");
    let next = world.claim(WorkClass::Launch, world.now()).await;
    assert_eq!(next.iter().map(|claim| &claim.run).collect::<Vec<_>>(), [&held[0].0], "one slot, one launch");
    assert!(matches!(start(world, &held[0].1).await, Reply::Launch(_)));
    world.result(&held[0].1, "m2", "d2").await;
    let next = world.claim(WorkClass::Launch, world.now()).await;
    assert_eq!(next.iter().map(|claim| &claim.run).collect::<Vec<_>>(), [&held[2].0], "it is the turn of the other flow");
    world.store.put_host(host("vm", 5)).await.unwrap();
    assert_eq!(world.store.release_held(world.now()).await.unwrap(), 1, "a host with more slots takes the rest");
    assert!(world.store.held_counts().await.unwrap().is_empty());
}

pub(super) async fn a_slot_that_was_freed_meanwhile_is_not_waited_for(world: &World) {
    world.store.add_host(host("vm", 1)).await.unwrap();
    let (_, _, claim) = launch(world, "a").await;
    let on = HostSelector::Name("vm".to_owned());
    assert!(!world.store.hold(claim, &on, world.now()).await.unwrap());
    assert_eq!(world.claim(WorkClass::Launch, world.now()).await.len(), 1, "due at once");
}

pub(super) async fn a_held_launch_of_a_cancelled_run_is_gone(world: &World) {
    world.store.add_host(host("vm", 1)).await.unwrap();
    let (_, first, _) = launch(world, "a").await;
    start(world, &first).await;
    let (run, attempt, claim) = launch(world, "a").await;
    assert!(world.store.hold(claim, &HostSelector::Name("vm".to_owned()), world.now()).await.unwrap());
    world.deliver(Scope::Run(run.clone()), InputBody::Cancel(Operator::named("a"))).await;
    assert_eq!(world.store.held_place(&run, &attempt).await.unwrap(), None);
    assert!(world.store.held_counts().await.unwrap().is_empty());
}

async fn limited(world: &World, priority: i8) -> RunId {
    let mut wish = world.wish("limited");
    wish.plan.limit = Some(RunLimit { key: "limited:a".to_owned(), at_most: 1, full: WhenFull::Queue });
    wish.plan.priority = priority;
    world.deliver(Scope::New(wish.run.clone()), InputBody::Create(wish)).await.run
}

/// Let in what is asked for, as the driver does.
async fn admit(world: &World) {
    for claim in world.claim(WorkClass::Link, world.now()).await {
        world.try_deliver(Scope::Admission(claim.run.clone()), InputBody::Start, Some(claim)).await.unwrap();
    }
}

pub(super) async fn queued_runs_start_one_after_another(world: &World) {
    let mut runs = Vec::new();
    for priority in [0, 0, 5] {
        runs.push(limited(world, priority).await);
        admit(world).await;
    }
    let states = async || {
        let mut states = Vec::new();
        for run in &runs {
            states.push(world.store.run(run).await.unwrap().unwrap().head.state);
        }
        states
    };
    assert_eq!(states().await, [RunState::Running, RunState::Queued, RunState::Queued]);
    let place = world.store.queue_place(&runs[1]).await.unwrap().unwrap();
    assert_eq!((place.running, place.running_run.as_ref(), place.place), (1, Some(&runs[0]), 2), "the other has a higher priority");
    assert_eq!(world.store.queue_place(&runs[0]).await.unwrap(), None);
    world.end(&runs[0], json!(1)).await;
    admit(world).await;
    assert_eq!(states().await, [RunState::Succeeded, RunState::Queued, RunState::Running]);
    world.deliver(Scope::Run(runs[2].clone()), InputBody::Cancel(Operator::named("a"))).await;
    admit(world).await;
    assert_eq!(states().await, [RunState::Succeeded, RunState::Running, RunState::Cancelled]);
}

pub(super) async fn drained_runs_start_when_older_releases_are_done(world: &World) {
    let old = world.run("drained").await;
    let mut wish = world.wish("drained");
    (wish.release, wish.plan.after_older) = (2, true);
    let new = world.deliver(Scope::New(wish.run.clone()), InputBody::Create(wish)).await.run;
    admit(world).await;
    assert_eq!(world.store.run(&new).await.unwrap().unwrap().head.state, RunState::Queued);
    assert!(world.store.queue_place(&new).await.unwrap().unwrap().older);
    world.advance(&old, vec![("a", wait())]).await;
    world.answer(&world.wait_of(&old).await, "d", Ok(json!({}))).await.unwrap();
    world.end(&old, json!(1)).await;
    admit(world).await;
    assert_eq!(world.store.run(&new).await.unwrap().unwrap().head.state, RunState::Running);
}
