//! What operators ask and do: status, failures, retention, export.

use super::world::World;
use crate::Store;
use crate::model::operations::ActionRow;
use sortie_core::effect::WorkClass;
use std::sync::Arc;

/// Every check of this part.
pub(super) async fn all(fresh: &impl AsyncFn() -> Arc<dyn Store>) {
    checks!(
        fresh,
        open_waits_are_listed_in_the_order_of_their_runs,
        the_backlog_counts_what_is_due_and_not_claimed,
        commands_are_kept_newest_first,
        runs_that_ended_are_found_by_their_end,
        a_run_that_is_over_is_deleted_with_everything_of_it,
    );
}

pub(super) async fn open_waits_are_listed_in_the_order_of_their_runs(world: &World) {
    let store = &world.store;
    let (first, first_wait) = world.waiting("ask").await;
    let (second, _) = world.waiting("ask").await;
    let asked = store.asked("wait", None, 10).await.unwrap();
    assert_eq!(asked.iter().map(|asked| asked.run.clone()).collect::<Vec<_>>(), [first.clone(), second.clone()]);
    assert!(asked[0].step.is_open());
    let page = store.asked("wait", None, 1).await.unwrap();
    let rest = store.asked("wait", Some((page[0].run.clone(), page[0].step.call)), 10).await.unwrap();
    assert_eq!(rest.len(), 1);
    assert_eq!(rest[0].run, second);
    world.answer(&first_wait, "d", Ok(serde_json::json!(1))).await.unwrap();
    assert_eq!(store.asked("wait", None, 10).await.unwrap().len(), 1, "an answered one is asked no more");
    assert!(store.asked("approval", None, 10).await.unwrap().is_empty());
    assert!(store.approval(&first_wait).await.unwrap().is_none(), "a wait is no approval");
}

pub(super) async fn the_backlog_counts_what_is_due_and_not_claimed(world: &World) {
    let store = &world.store;
    let _ = world.run("build").await;
    let of =
        |class: WorkClass, backlog: Vec<crate::model::operations::Backlog>| backlog.into_iter().find(|row| row.class == class).unwrap();
    let now = world.now();
    let advance = of(WorkClass::Advance, store.backlog(now).await.unwrap());
    assert_eq!(advance.due, 1);
    assert!(advance.oldest_at.is_some_and(|at| at <= now));
    let _ = store.claim(WorkClass::Advance, now, 1_000, 10).await.unwrap();
    let advance = of(WorkClass::Advance, store.backlog(now).await.unwrap());
    assert_eq!((advance.due, advance.oldest_at), (0, None), "what is claimed is being done");
}

pub(super) async fn commands_are_kept_newest_first(world: &World) {
    let store = &world.store;
    let action =
        |at: i64| ActionRow { at, actor: "ann".to_owned(), method: "POST".to_owned(), path: "/v1/runs/x/pause".to_owned(), status: 200 };
    for at in 1..=3 {
        store.record_action(action(at)).await.unwrap();
    }
    let page = store.actions(None, 2).await.unwrap();
    assert_eq!(page.iter().map(|(_, action)| action.at).collect::<Vec<_>>(), [3, 2]);
    let rest = store.actions(Some(page[1].0), 2).await.unwrap();
    assert_eq!(rest.iter().map(|(_, action)| action.clone()).collect::<Vec<_>>(), [action(1)]);
}

pub(super) async fn runs_that_ended_are_found_by_their_end(world: &World) {
    let store = &world.store;
    let run = world.run("build").await;
    let open = world.run("build").await;
    world.end(&run, serde_json::json!(2)).await;
    let later = world.now() + 1_000_000;
    let ended = store.ended_runs("build", 0, later, 10).await.unwrap();
    assert_eq!(ended.iter().map(|(run, _)| run.clone()).collect::<Vec<_>>(), std::slice::from_ref(&run), "not {open}");
    assert!(store.ended_runs("build", ended[0].1, later, 10).await.unwrap().is_empty(), "it goes on after the last one");
    assert!(store.ended_runs("build", 0, ended[0].1, 10).await.unwrap().is_empty());
    assert!(store.ended_runs("other", 0, later, 10).await.unwrap().is_empty());
}

pub(super) async fn a_run_that_is_over_is_deleted_with_everything_of_it(world: &World) {
    let store = &world.store;
    let (open, _) = world.waiting("ask").await;
    assert!(!store.delete_run(&open).await.unwrap(), "an open run is never deleted");
    let (run, wait) = world.waiting("ask").await;
    world.answer(&wait, "d", Ok(serde_json::json!(1))).await.unwrap();
    world.end(&run, serde_json::json!(2)).await;
    assert!(store.run(&run).await.unwrap().unwrap().head.state.is_over());
    assert!(store.delete_run(&run).await.unwrap());
    assert!(!store.delete_run(&run).await.unwrap());
    assert!(store.run(&run).await.unwrap().is_none());
    assert!(store.history(&run, 0, 10).await.unwrap().is_empty() && store.wait(&wait).await.unwrap().is_none());
    assert!(store.run_counts().await.unwrap().iter().all(|count| count.state != "succeeded"), "it is not counted any more");
    assert!(store.run(&open).await.unwrap().is_some(), "others stay");
}
