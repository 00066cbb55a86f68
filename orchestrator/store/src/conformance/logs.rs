//! Output of jobs.

use super::world::World;
use crate::model::logs::{LogRow, LogState};
use crate::{Store, StoreError};
use sortie_core::ids::{AttemptId, Ms, RunId};
use std::sync::Arc;

/// Every check of this part.
pub(super) async fn all(fresh: &impl AsyncFn() -> Arc<dyn Store>) {
    checks!(fresh, a_row_is_what_was_written_last, due_rows_come_oldest_first, a_row_needs_its_run);
}

fn row(run: &RunId, n: u8, due_at: Option<Ms>) -> LogRow {
    let attempt = AttemptId::new(1, &sortie_core::ids::Entropy([n; 32]), 0);
    LogRow {
        run: run.clone(),
        attempt,
        kept: [3, 0],
        totals: [None, Some(0)],
        state: LogState::Open,
        note: None,
        tries: 0,
        due_at,
        updated_at: 7,
    }
}

pub(super) async fn a_row_is_what_was_written_last(world: &World) {
    let run = world.run("writer").await;
    let first = row(&run, 1, Some(10));
    world.store.save_log(first.clone()).await.unwrap();
    assert_eq!(world.store.log(&run, &first.attempt).await.unwrap(), Some(first.clone()));
    let last = LogRow {
        kept: [1 << 40, 2],
        totals: [Some(1 << 40), Some(2)],
        state: LogState::Incomplete,
        note: Some("the host is gone".to_owned()),
        tries: 3,
        due_at: None,
        updated_at: 8,
        ..first
    };
    world.store.save_log(last.clone()).await.unwrap();
    let other = row(&run, 2, None);
    world.store.save_log(other.clone()).await.unwrap();
    let mut wanted = vec![last, other.clone()];
    wanted.sort_by_key(|row| row.attempt.to_string());
    assert_eq!(world.store.logs_of(&run).await.unwrap(), wanted);
    let unknown = row(&run, 3, None).attempt;
    assert_eq!(world.store.log(&run, &unknown).await.unwrap(), None);
}

pub(super) async fn due_rows_come_oldest_first(world: &World) {
    let run = world.run("writer").await;
    for (n, due) in [(1, Some(30)), (2, Some(10)), (3, None), (4, Some(20))] {
        world.store.save_log(row(&run, n, due)).await.unwrap();
    }
    let due = async |now, limit| -> Vec<Option<Ms>> {
        world.store.due_logs(now, limit).await.unwrap().into_iter().map(|row| row.due_at).collect()
    };
    assert_eq!(due(9, 10).await, []);
    assert_eq!(due(20, 10).await, [Some(10), Some(20)]);
    assert_eq!(due(99, 2).await, [Some(10), Some(20)], "at most as many as asked for");
}

pub(super) async fn a_row_needs_its_run(world: &World) {
    let run = world.run("writer").await;
    let mut lost = row(&run, 1, None);
    lost.run = RunId::new(1, &sortie_core::ids::Entropy([9; 32]), 0);
    assert!(matches!(world.store.save_log(lost).await, Err(StoreError::NotFound(_))));
}
