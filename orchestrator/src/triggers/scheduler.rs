//! The loop of schedules: one look when the next time comes, woken early when something changes.
//!
//! A look moves the cursor and writes the times to fire in one transaction; then each is started. Whatever is left by a process
//! that died is found by the next look, since both are rows.

use super::calendar::Calendar;
use super::due_times::due_times;
use super::fires::Cause;
use super::limits;
use crate::driver::Driver;
use crate::failpoint;
use sortie_core::ids::Ms;
use sortie_store::StoreError;
use sortie_store::model::triggers::{ScheduleLook, ScheduleRow};
use std::sync::Arc;
use tokio::sync::{Notify, watch};

/// Wakes the loop: a release went live, a schedule was resumed, an operator wants a time.
#[derive(Clone, Default)]
pub struct Bell(Arc<Notify>);

impl Bell {
    /// Look now.
    pub fn ring(&self) {
        self.0.notify_one();
    }
}

/// Run until the stop is set.
pub async fn run(driver: Driver, bell: Bell, mut stop: watch::Receiver<bool>) {
    // A clock that was ahead when this was last up has put schedules to sleep for too long (F032).
    if let Err(error) = driver.parts().store.look_again(driver.parts().clock.now()).await {
        tracing::warn!(%error, "schedules could not be looked at anew");
    }
    let mut cleaned = Ms::MIN;
    while !*stop.borrow_and_update() {
        let next = match look(&driver).await {
            Ok(next) => next,
            Err(error) => {
                tracing::warn!(%error, "schedules cannot be looked at");
                None
            }
        };
        let now = driver.parts().clock.now();
        if now.saturating_sub(cleaned) > limits::CLEAN_MS.cast_signed() {
            cleaned = now;
            clean(&driver, now).await;
        }
        let until = next.unwrap_or(Ms::MAX).min(now.saturating_add_unsigned(limits::IDLE_MS));
        tokio::select! {
            () = bell.0.notified() => {}
            () = tokio::time::sleep(driver.parts().clock.until(until)) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Do everything that is due; gives when the next thing is.
///
/// # Errors
/// [`StoreError`]; the next look goes on.
pub async fn look(driver: &Driver) -> Result<Option<Ms>, StoreError> {
    let store = &driver.parts().store;
    let now = driver.parts().clock.now();
    for row in store.due_schedules(now, limits::SCHEDULES_AT_ONCE).await? {
        let look = look_at(driver, &row, now);
        store.looked(look).await?;
    }
    failpoint::hit("fires_written");
    let fires = store.due_fires(now, limits::STARTS_AT_ONCE).await?;
    for fire in &fires {
        driver.fire(fire).await?;
    }
    while driver.cancel_superseded().await? == limits::SUPERSEDE_AT_ONCE {}
    store.next_fire().await
}

fn look_at(driver: &Driver, row: &ScheduleRow, now: Ms) -> ScheduleLook {
    let nothing = ScheduleLook {
        flow: row.flow.clone(),
        name: row.spec.name.clone(),
        from: row.cursor,
        cursor: row.cursor,
        next: None,
        fires: Vec::new(),
        missed: None,
    };
    let calendar = match Calendar::parse(&row.spec.cron, &row.spec.tz) {
        Ok(calendar) => calendar,
        Err(message) => {
            tracing::error!(flow = row.flow, schedule = row.spec.name, message, "a schedule cannot be read; it fires no more");
            return nothing;
        }
    };
    let due = due_times(&calendar, row.cursor, now, row.spec.catch_up_ms);
    if let Some((first, last, times)) = due.missed {
        let (first, last) = (crate::clock::rfc3339(first), crate::clock::rfc3339(last));
        tracing::warn!(flow = row.flow, schedule = row.spec.name, first, last, times, "scheduled times were missed");
    }
    let fire = |(at, due_at): (Ms, Ms)| {
        let on_time = now.saturating_sub(at) <= limits::ON_TIME_MS.cast_signed();
        driver.new_fire(&row.flow, &row.spec, at, due_at, if on_time { Cause::Time } else { Cause::CatchUp })
    };
    let fires = due.fires.into_iter().map(fire).collect();
    ScheduleLook { cursor: due.cursor, next: due.next, fires, missed: due.missed, ..nothing }
}

async fn clean(driver: &Driver, now: Ms) {
    let before = |ms: u64| now.saturating_sub_unsigned(ms);
    let store = &driver.parts().store;
    loop {
        match store.clean_triggers(now, before(limits::FIRES_KEPT_MS), before(limits::DELIVERIES_KEPT_MS), limits::CLEAN_ROWS).await {
            Ok(rows) if rows >= limits::CLEAN_ROWS => {}
            Ok(_) => return,
            Err(error) => {
                tracing::warn!(%error, "what is kept for a time could not be cleaned up");
                return;
            }
        }
    }
}
