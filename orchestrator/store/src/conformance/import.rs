//! A run that comes back from a file.

use super::world::{World, handed, job, of};
use crate::import::{Import, ImportError};
use crate::model::{CallbackRow, RunFilter};
use crate::{Store, StoreError};
use serde_json::json;
use sortie_core::effect::{Timer, WorkClass};
use sortie_core::ids::{AttemptId, RunId};
use sortie_core::input::{InputBody, Operator, Scope};
use sortie_core::view::Attempt;
use std::sync::Arc;

/// Every check of this part; each needs two stores.
pub(super) async fn all(fresh: &impl AsyncFn() -> Arc<dyn Store>) {
    let (from, to) = (World::new(fresh().await), World::after(fresh().await, 5_000));
    a_run_that_is_over_comes_back_as_it_was(&from, &to).await;
    what_is_not_over_or_not_whole_is_not_taken(&from).await;
    from.store.close().await.unwrap();
    to.store.close().await.unwrap();
}

/// A run with a job, two answers to it and an end.
async fn ended(world: &World) -> (RunId, AttemptId) {
    let run = world.run("build").await;
    world.advance(&run, vec![("job", job("vm"))]).await;
    let attempt = world.store.attempts(&run).await.unwrap()[0].id.clone();
    world.deliver(of(&attempt), InputBody::LaunchStarting { attempt: attempt.clone(), handed: handed("vm"), slots: None }).await;
    world.result(&attempt, "one", "d").await;
    world.result(&attempt, "two", "other").await;
    world.end(&run, json!(7)).await;
    (run, attempt)
}

async fn taken(world: &World, run: &RunId) -> Result<Import, ImportError> {
    Import::new(world.journal(run).await, world.store.callbacks(run).await.unwrap(), "{}".to_owned())
}

async fn attempts(world: &World, run: &RunId) -> Vec<Attempt> {
    world.store.attempts(run).await.unwrap()
}

async fn a_run_that_is_over_comes_back_as_it_was(from: &World, to: &World) {
    let (run, attempt) = ended(from).await;
    let own = to.run("build").await;
    let import = taken(from, &run).await.unwrap();
    to.store.import_run(import.clone()).await.unwrap();
    let head = async |world: &World| world.store.run(&run).await.unwrap().unwrap().head.folded();
    assert_eq!(head(to).await, head(from).await);
    assert_eq!(to.journal(&run).await, from.journal(&run).await);
    assert_eq!(to.store.steps(&run).await.unwrap(), from.store.steps(&run).await.unwrap());
    assert_eq!(attempts(to, &run).await, attempts(from, &run).await);
    let callbacks = from.store.callbacks(&run).await.unwrap();
    assert_eq!(to.store.callbacks(&run).await.unwrap(), callbacks);
    assert!(callbacks.iter().any(|row: &CallbackRow| row.body.is_some()), "a body is kept");
    let chain = to.store.verify_journal(&run).await.unwrap().unwrap();
    assert_eq!(chain, from.store.verify_journal(&run).await.unwrap().unwrap());
    assert_eq!(to.store.bundle(&import.head().bundle).await.unwrap().as_deref(), Some("{}"));
    let counted = to.store.run_counts().await.unwrap().into_iter().find(|count| count.state == "succeeded");
    assert_eq!(counted.map(|count| count.runs), Some(1));
    for class in WorkClass::ALL {
        let due = to.claim(class, i64::MAX / 2).await;
        assert!(due.iter().all(|claim| claim.run == own), "nothing of it is due: {due:?}");
    }
    for import in [import, taken(from, &run).await.unwrap()] {
        let again = to.store.import_run(import).await;
        assert!(matches!(&again, Err(StoreError::Conflict(why)) if why.contains(run.as_str())), "{again:?}");
    }
    let counted = to.store.run_counts().await.unwrap();
    assert_eq!(counted.iter().map(|count| count.runs).sum::<u64>(), 2, "a refused one is not counted");
    to.result(&attempt, "three", "d").await;
    assert_eq!(to.journal(&run).await, from.journal(&run).await, "a late callback changes nothing of it");
    lists_find_it(to, &run, &own).await;
    assert!(to.store.delete_run(&run).await.unwrap());
    to.store.import_run(taken(from, &run).await.unwrap()).await.unwrap();
    assert_eq!(to.store.verify_journal(&run).await.unwrap().unwrap(), chain, "also after it was deleted");
}

/// Behind those that were made here, and without hiding them where a list is since a time.
async fn lists_find_it(to: &World, run: &RunId, own: &RunId) {
    let ids = async |filter: RunFilter| -> Vec<RunId> {
        to.store.runs(RunFilter { limit: 10, ..filter }).await.unwrap().into_iter().map(|row| row.head.id).collect()
    };
    assert_eq!(ids(RunFilter::default()).await, [own.clone(), run.clone()]);
    assert_eq!(ids(RunFilter { before: Some(own.clone()), ..RunFilter::default() }).await, std::slice::from_ref(run));
    to.pass(10);
    let since = RunFilter { since: Some(to.now()), ..RunFilter::default() };
    assert_eq!(ids(since.clone()).await, []);
    let newer = to.run("build").await;
    assert_eq!(ids(since).await, [newer]);
}

async fn what_is_not_over_or_not_whole_is_not_taken(world: &World) {
    let (open, _) = world.waiting("ask").await;
    let refused = taken(world, &open).await.unwrap_err();
    assert!(refused.to_string().contains("export it when it is over"), "{refused}");
    let (run, _) = ended(world).await;
    let mut events = world.journal(&run).await;
    events.remove(2);
    assert!(matches!(Import::new(events, Vec::new(), String::new()), Err(ImportError::Broken(_))));
    assert!(matches!(Import::new(Vec::new(), Vec::new(), String::new()), Err(ImportError::Empty)));
    let (run, attempt) = world.launching("vm").await;
    world.deliver(Scope::Run(run.clone()), InputBody::Cancel(Operator::named("a"))).await;
    world.pass(100_000);
    world.deliver(of(&attempt), InputBody::TimerDue(Timer::StopAnswer(attempt.clone()))).await;
    assert!(world.store.run(&run).await.unwrap().unwrap().head.state.is_over());
    assert!(matches!(taken(world, &run).await, Err(ImportError::Owes)), "its host may still have the job");
}
