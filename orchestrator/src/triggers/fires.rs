//! A scheduled time becomes a run, once: its row is on disk before, and the run's id is derived from flow, schedule and time.

use super::limits::OVERLAP_LOOK;
use super::start::{NewRun, StartError, Started, Version, derived_id};
use crate::clock::rfc3339;
use crate::driver::Driver;
use crate::failpoint;
use sortie_core::ids::{Ms, RunId};
use sortie_core::input::{InputBody, Operator, Scope};
use sortie_core::plan::{RunLimit, WhenFull};
use sortie_flow::trigger::Overlap;
use sortie_store::StoreError;
use sortie_store::model::triggers::{FireRow, NewFire, ScheduleSpec};

/// Why a time is fired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It was time.
    Time,
    /// It was missed, and is made up for.
    CatchUp,
    /// An operator wants the times of a past span.
    Backfill,
    /// An operator wants it now.
    Manual,
}

impl Cause {
    /// As in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::CatchUp => "catch_up",
            Self::Backfill => "backfill",
            Self::Manual => "manual",
        }
    }
}

/// The overlap policy as it is stored.
#[must_use]
pub fn overlap_of(spec: &ScheduleSpec) -> Overlap {
    Overlap::ALL.into_iter().find(|(name, _)| *name == spec.overlap).map_or_else(Overlap::default, |(_, overlap)| overlap)
}

/// What became of a time.
enum Fired {
    Started,
    Skipped(String),
}

impl Driver {
    /// A time to fire of a schedule.
    #[must_use]
    pub fn new_fire(&self, flow: &str, spec: &ScheduleSpec, at: Ms, due_at: Ms, cause: Cause) -> NewFire {
        let time = at.to_string();
        let run: RunId = derived_id(at, &self.parts().installation.id, &["schedule", flow, &spec.name, &time]);
        NewFire { at, due_at, cause: cause.as_str().to_owned(), run, spec: spec.clone() }
    }

    /// Start the run of a time that is due, and write down what came of it. A crash in between starts the same run again.
    ///
    /// # Errors
    /// [`StoreError`], where not even that could be written.
    pub async fn fire(&self, fire: &FireRow) -> Result<(), StoreError> {
        let store = &self.parts().store;
        let outcome = self.fire_once(fire).await;
        failpoint::hit("fire_started");
        let now = self.parts().clock.now();
        match outcome {
            Ok(Fired::Started) => store.fire_done(fire, "started", None, now).await,
            Ok(Fired::Skipped(why)) => {
                tracing::info!(flow = fire.flow, schedule = fire.name, at = rfc3339(fire.at), why, "a scheduled time is skipped");
                store.fire_done(fire, "skipped", Some(why), now).await
            }
            Err(error) if error.is_retryable() => {
                let again = now.saturating_add_unsigned(super::limits::FIRE_AGAIN_MS);
                store.fire_done(fire, "due", Some(error.to_string()), again).await
            }
            Err(error) => {
                tracing::error!(flow = fire.flow, schedule = fire.name, at = rfc3339(fire.at), %error, "a scheduled run cannot be made");
                store.fire_done(fire, "failed", Some(error.to_string()), now).await
            }
        }
    }

    async fn fire_once(&self, fire: &FireRow) -> Result<Fired, StartError> {
        let Some(spec) = &fire.spec else { return Ok(Fired::Started) };
        let overlap = overlap_of(spec);
        // Times of the past are wanted all of them: they follow each other.
        let overlap = if fire.cause == Cause::Backfill.as_str() && overlap != Overlap::Allow { Overlap::Queue } else { overlap };
        let program = self.program(&fire.flow, Version::Live).await?;
        let open = match overlap {
            Overlap::Skip | Overlap::CancelRunning => self.parts().store.open_fires(&fire.flow, &fire.name, OVERLAP_LOOK).await?,
            Overlap::Queue | Overlap::Allow => Vec::new(),
        };
        if overlap == Overlap::Skip
            && let Some(run) = open.iter().find(|run| **run != fire.run)
        {
            return Ok(Fired::Skipped(format!("{run} is still open")));
        }
        if overlap == Overlap::CancelRunning {
            for run in open.into_iter().filter(|run| *run != fire.run) {
                let reason = Some(format!("displaced by the time {} of its schedule", rfc3339(fire.at)));
                let operator = Operator { reason, ..Operator::named(format!("schedule:{}", fire.name)) };
                self.deliver(Scope::Run(run.clone()), InputBody::Cancel(operator)).await?;
            }
        }
        let one_by_one = matches!(overlap, Overlap::Queue | Overlap::CancelRunning);
        let key = format!("schedule:{}:{}", fire.flow, fire.name);
        let actor = format!("schedule:{}", fire.name);
        let new = NewRun {
            trigger: format!("schedule:{}:{}", fire.name, rfc3339(fire.at)),
            limit: one_by_one.then_some(RunLimit { key, at_most: 1, full: WhenFull::Queue }),
            ..NewRun::manual(fire.run.clone(), spec.input.clone(), &actor)
        };
        Ok(match self.start_run(program, new).await? {
            Started::Made | Started::Exists => Fired::Started,
            Started::Skipped { running } => {
                Fired::Skipped(running.map_or_else(|| "there is no room".to_owned(), |run| format!("there is no room: {run} is open")))
            }
        })
    }
}
