//! Schedules, webhooks, outside events, children, releases.

use super::world::{START, World};
use crate::model::DraftPush;
use crate::model::triggers::{GoLive, Handoff, HookDelivery, NewFire, OutsideEvent, ScheduleLook, ScheduleSpec};
use crate::{Store, StoreError};
use serde_json::json;
use sortie_core::call::{CallSpec, EventSpec};
use sortie_core::effect::{Work, WorkClass};
use sortie_core::ids::{Entropy, Ms, RunId};
use std::sync::Arc;

/// Every check of this part.
pub(super) async fn all(fresh: &impl AsyncFn() -> Arc<dyn Store>) {
    checks!(
        fresh,
        schedules_go_live_with_their_release,
        f031_a_look_is_written_once_and_no_time_twice,
        f032_a_schedule_that_sleeps_too_long_is_looked_at_anew,
        a_paused_schedule_sleeps_and_goes_on_from_now,
        a_delivery_keeps_the_run_of_its_first,
        an_event_wakes_who_waits_and_is_kept_for_who_comes,
        what_was_looked_at_is_what_becomes_live,
    );
}

fn spec(cron: &str) -> ScheduleSpec {
    ScheduleSpec {
        name: "schedule".to_owned(),
        cron: cron.to_owned(),
        tz: "UTC".to_owned(),
        overlap: "skip".to_owned(),
        catch_up_ms: 0,
        input: json!({}),
    }
}

fn live(at: Ms, schedules: Vec<ScheduleSpec>) -> GoLive {
    GoLive { flow: "fix".to_owned(), schedules, actor: "operator".to_owned(), at, ..GoLive::default() }
}

async fn draft(world: &World, digest: &str) {
    let push = DraftPush {
        flow: "fix".to_owned(),
        base: None,
        force: true,
        digest: digest.to_owned(),
        bundle: "{}".to_owned(),
        manifest: "{}".to_owned(),
        actor: "operator".to_owned(),
        at: 1,
    };
    world.store.push_draft(push).await.unwrap();
}

fn fire(at: Ms) -> NewFire {
    NewFire { at, due_at: at, cause: "time".to_owned(), run: RunId::new(at, &Entropy([9; 32]), 0), spec: spec("* * * * *") }
}

fn look(from: Ms, cursor: Ms, times: &[Ms]) -> ScheduleLook {
    let (flow, name) = ("fix".to_owned(), "schedule".to_owned());
    let fires = times.iter().map(|at| fire(*at)).collect();
    ScheduleLook { flow, name, from, cursor, next: Some(cursor + 60), fires, missed: None }
}

async fn schedules_go_live_with_their_release(world: &World) {
    let store = &world.store;
    draft(world, "a").await;
    store.release_draft(live(100, vec![spec("0 1 * * *")]), "").await.unwrap();
    let row = store.schedules(Some("fix")).await.unwrap().remove(0);
    assert_eq!((row.release, row.since, row.cursor, row.next), (1, 100, 100, Some(100)), "looked at at once");
    assert!(store.looked(ScheduleLook { next: Some(900), ..look(100, 150, &[]) }).await.unwrap());
    draft(world, "b").await;
    store
        .release_draft(
            GoLive { handoff: Handoff::Drain, ..live(200, vec![ScheduleSpec { overlap: "allow".to_owned(), ..spec("0 1 * * *") }]) },
            "",
        )
        .await
        .unwrap();
    let row = store.schedules(None).await.unwrap().remove(0);
    assert_eq!((row.release, row.cursor, row.next, row.spec.overlap.as_str()), (1, 150, Some(900), "allow"), "the same times go on");
    assert_eq!(store.live("fix").await.unwrap().unwrap().handoff, Handoff::Drain);
    draft(world, "c").await;
    store.release_draft(live(300, vec![spec("0 2 * * *")]), "").await.unwrap();
    let revisions = store.revisions("fix", "schedule").await.unwrap();
    let spans: Vec<_> = revisions.iter().map(|row| (row.since, row.until, row.spec.cron.as_str())).collect();
    assert_eq!(spans, [(100, Some(300), "0 1 * * *"), (300, None, "0 2 * * *")]);
    store.promote(live(400, Vec::new()), 1).await.unwrap();
    assert!(store.schedules(None).await.unwrap().is_empty());
    assert_eq!(store.revisions("fix", "schedule").await.unwrap()[1].until, Some(400));
    assert!(matches!(store.promote(live(400, Vec::new()), 9).await, Err(StoreError::NotFound(_))));
}

async fn f031_a_look_is_written_once_and_no_time_twice(world: &World) {
    let store = &world.store;
    draft(world, "a").await;
    store.release_draft(live(100, vec![spec("* * * * *")]), "").await.unwrap();
    assert!(store.looked(look(100, 200, &[160, 190])).await.unwrap());
    assert!(!store.looked(look(100, 200, &[170])).await.unwrap(), "somebody was first");
    assert_eq!(store.add_fires("fix", "schedule", vec![fire(160), fire(165)]).await.unwrap(), [165], "a time fires once");
    let due = store.due_fires(190, 10).await.unwrap();
    assert_eq!(due.iter().map(|fire| fire.at).collect::<Vec<_>>(), [160, 165, 190], "soonest first");
    assert_eq!(store.next_fire().await.unwrap(), Some(160));
    store.fire_done(&due[0], "started", None, 191).await.unwrap();
    store.fire_done(&due[1], "due", Some("not now".to_owned()), 500).await.unwrap();
    store.fire_done(&due[2], "skipped", Some("open".to_owned()), 191).await.unwrap();
    assert!(store.due_fires(400, 10).await.unwrap().is_empty());
    let states: Vec<String> = store.fires("fix", "schedule", 10).await.unwrap().into_iter().map(|fire| fire.state).collect();
    assert_eq!(states, ["skipped", "due", "started"]);
    assert_eq!(store.clean_triggers(0, 170, 0, 10).await.unwrap(), 1, "what is due stays");
}

async fn f032_a_schedule_that_sleeps_too_long_is_looked_at_anew(world: &World) {
    let store = &world.store;
    draft(world, "a").await;
    store.release_draft(live(100, vec![spec("* * * * *")]), "").await.unwrap();
    store.looked(look(100, 9_000_000, &[8_000_000])).await.unwrap();
    store.look_again(500).await.unwrap();
    let row = store.due_schedules(500, 10).await.unwrap().remove(0);
    assert_eq!((row.cursor, row.next), (500, Some(500)));
    assert!(store.add_fires("fix", "schedule", vec![fire(8_000_000)]).await.unwrap().is_empty(), "what fired then fires no more");
}

async fn a_paused_schedule_sleeps_and_goes_on_from_now(world: &World) {
    let store = &world.store;
    draft(world, "a").await;
    store.release_draft(live(100, vec![spec("* * * * *")]), "").await.unwrap();
    assert!(store.pause_schedule("fix", "schedule", true, "al", 150).await.unwrap());
    assert!(!store.pause_schedule("fix", "schedule", true, "bo", 160).await.unwrap(), "it was so already");
    assert!(store.due_schedules(1_000, 10).await.unwrap().is_empty());
    assert!(!store.looked(look(100, 200, &[160])).await.unwrap(), "a look that was under way is not written");
    assert!(store.pause_schedule("fix", "schedule", false, "al", 900).await.unwrap());
    let row = store.due_schedules(1_000, 10).await.unwrap().remove(0);
    assert_eq!((row.cursor, row.paused), (900, None));
    assert!(matches!(store.pause_schedule("fix", "none", true, "al", 1).await, Err(StoreError::NotFound(_))));
}

async fn a_delivery_keeps_the_run_of_its_first(world: &World) {
    let delivery = |n: u64, id: &str| HookDelivery {
        flow: "fix".to_owned(),
        name: "gh".to_owned(),
        delivery: id.to_owned(),
        digest: "d".to_owned(),
        run: RunId::new(START, &Entropy([3; 32]), n),
        at: START,
        body: b"{}".to_vec(),
    };
    let first = world.store.remember_delivery(delivery(1, "one")).await.unwrap();
    assert_eq!(world.store.remember_delivery(delivery(2, "one")).await.unwrap(), first);
    assert_ne!(world.store.remember_delivery(delivery(3, "two")).await.unwrap().run, first.run);
    assert_eq!(world.store.deliveries("fix", "gh", 10).await.unwrap().len(), 2);
    assert_eq!(world.store.clean_triggers(0, 0, START + 1, 10).await.unwrap(), 2);
}

async fn an_event_wakes_who_waits_and_is_kept_for_who_comes(world: &World) {
    let store = &world.store;
    let event = |id: &str, key: &str, at: Ms| OutsideEvent {
        id: id.to_owned(),
        name: "deployed".to_owned(),
        key: key.to_owned(),
        payload: json!({ "n": id }),
        actor: "al".to_owned(),
        at,
        expires_at: at + 1_000,
    };
    let run = world.run("fix").await;
    let wait = CallSpec::WaitEvent(EventSpec { name: "deployed".to_owned(), key: "app".to_owned(), timeout_ms: 60_000 });
    world.advance(&run, vec![("wait", wait)]).await;
    for claim in store.claim(WorkClass::Link, world.now(), 1_000, 10).await.unwrap() {
        store.finish(claim).await.unwrap();
    }
    assert_eq!(store.publish(event("e0", "other", world.now())).await.unwrap().waiting, 0);
    let published = store.publish(event("e1", "app", world.now())).await.unwrap();
    assert_eq!((published.duplicate, published.waiting), (false, 1));
    let due = store.claim(WorkClass::Link, world.now(), 1_000, 10).await.unwrap();
    assert_eq!(due.iter().map(|claim| (&claim.run, &claim.work)).collect::<Vec<_>>(), [(&run, &Work::Event(1))]);
    assert!(store.publish(event("e1", "app", world.now())).await.unwrap().duplicate);
    store.publish(event("e2", "app", world.now())).await.unwrap();
    let next = store.next_event(&run, "deployed", "app", world.now()).await.unwrap().unwrap();
    assert_eq!(next.id, "e1", "the oldest first");
    assert_eq!(store.next_event(&run, "deployed", "app", world.now() + 5_000).await.unwrap(), None, "none that is too old");
    assert_eq!(store.events(Some("deployed"), 10).await.unwrap().len(), 3);
    assert_eq!(store.clean_triggers(world.now() + 5_000, 0, 0, 10).await.unwrap(), 3);
}

async fn what_was_looked_at_is_what_becomes_live(world: &World) {
    let store = &world.store;
    draft(world, "a").await;
    let stale = GoLive { expected: Some("older".to_owned()), ..live(100, Vec::new()) };
    assert!(matches!(store.release_draft(stale, "").await, Err(StoreError::Conflict(_))));
    assert_eq!(store.live("fix").await.unwrap(), None, "nothing was released");
    assert_eq!(store.draft("fix").await.unwrap().unwrap().digest, "a");
    assert!(store.without_bundle(10).await.unwrap().is_empty());
}
