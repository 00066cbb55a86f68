//! Between runs: letting queued ones in, making room, children, reports to parents, outside events. Each piece is due work that
//! ends in one delivery, so that a crash anywhere repeats it and nothing happens twice.

use super::Driver;
use super::work::NotDone;
use crate::failpoint;
use crate::triggers::limits::SUPERSEDE_AT_ONCE;
use crate::triggers::start::{NewRun, StartError, Started, Version};
use sortie_core::call::{CallSpec, ChildSpec, OnCancel};
use sortie_core::decide::Refusal;
use sortie_core::failure::{Failure, FailureKind};
use sortie_core::ids::{Ms, RunId};
use sortie_core::input::{ChildAnswer, InputBody, Operator, Scope};
use sortie_core::limits::CHILD_DEPTH;
use sortie_core::plan::Parent;
use sortie_core::state::RunOutcome;
use sortie_core::view::StepKind;
use sortie_store::StoreError;
use sortie_store::model::triggers::{LinkStep, RunAnswer};
use sortie_store::model::{Claim, Delivered};

impl Driver {
    /// Let a queued run in, if there is room; else the end of one of the others puts this work again.
    pub(super) async fn admit(&self, claim: &Claim) -> Result<(), NotDone> {
        self.deliver_for(Scope::Admission(claim.run.clone()), InputBody::Start, Some(claim.clone()), None).await?;
        Ok(())
    }

    /// Cancel the runs that a queued one displaces. It is let in when they are over, by their own ends.
    pub(super) async fn make_room(&self, claim: &Claim) -> Result<(), NotDone> {
        let store = &self.parts().store;
        let row = store.run(&claim.run).await?;
        if let Some(limit) = row.and_then(|row| row.head.plan.limit) {
            let others = store.limited_runs(&limit.key, SUPERSEDE_AT_ONCE).await?;
            for run in others.into_iter().filter(|run| *run != claim.run) {
                let operator =
                    Operator { reason: Some(format!("displaced by {}", claim.run)), ..Operator::named(format!("run:{}", claim.run)) };
                match self.deliver(Scope::Run(run), InputBody::Cancel(operator)).await {
                    Ok(_) | Err(StoreError::Refused(_)) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(store.finish(claim.clone()).await?)
    }

    /// Make the run of a `child` step. It is made only while this work is claimed: a step that was stopped meanwhile has dropped
    /// it, and then no run can come into being behind its back.
    pub(super) async fn make_child(&self, claim: &Claim, call: u32) -> Result<(), NotDone> {
        let store = &self.parts().store;
        let Some(LinkStep { head, step, spec }) = store.link_step(&claim.run, call).await? else {
            return Ok(store.finish(claim.clone()).await?);
        };
        let (StepKind::Child { run, .. }, CallSpec::Child(spec), true) = (step.kind.clone(), spec, step.is_open()) else {
            return Ok(store.finish(claim.clone()).await?);
        };
        let parent = Parent { run: claim.run.clone(), call };
        let made = match self.child(claim, spec, run, parent, head.plan.depth + 1).await {
            Ok(made) => made,
            Err(StartError::Store(error)) => return Err(error.into()),
            Err(error) => Err(error.failure()),
        };
        failpoint::hit("child_made");
        let body = InputBody::ChildMade { call, made };
        let_go(self.deliver_for(Scope::Step(claim.run.clone(), call), body, Some(claim.clone()), None).await)
    }

    /// The run is made, or was there; inside, why it cannot be.
    async fn child(
        &self,
        claim: &Claim,
        spec: ChildSpec,
        run: RunId,
        parent: Parent,
        depth: u8,
    ) -> Result<Result<(), Failure>, StartError> {
        if depth > CHILD_DEPTH {
            let message = format!("runs may start runs {CHILD_DEPTH} deep; this one would be deeper");
            return Ok(Err(Failure::new(FailureKind::Child, message)));
        }
        let program = self.program(&spec.flow, spec.release.map_or(Version::Live, Version::Release)).await?;
        let actor = format!("run:{}", parent.run);
        let new = NewRun {
            trigger: format!("child:{}:{}", parent.run, parent.call),
            parent: Some((parent, depth)),
            ..NewRun::manual(run, spec.input, &actor)
        };
        Ok(match self.start_run_while(program, new, Some(claim)).await? {
            Started::Made | Started::Exists => Ok(()),
            Started::Skipped { .. } => {
                let message = format!("the flow `{}` has no room for another run, and its limit says to skip it", spec.flow);
                Err(Failure::new(FailureKind::Child, message))
            }
        })
    }

    /// Cancel the run of a `child` step. Where it was never made, it never will be, and the step is told so.
    pub(super) async fn cancel_child(&self, claim: &Claim, call: u32) -> Result<(), NotDone> {
        let store = &self.parts().store;
        let Some(LinkStep { step, .. }) = store.link_step(&claim.run, call).await? else {
            return Ok(store.finish(claim.clone()).await?);
        };
        let StepKind::Child { run, on_cancel: OnCancel::Cancel, .. } = step.kind else {
            return Ok(store.finish(claim.clone()).await?);
        };
        match store.child_or_never(&claim.run, call, &run).await? {
            Some(head) if !head.state.is_over() => {
                let operator = Operator {
                    reason: Some("the run that started it stopped it".to_owned()),
                    ..Operator::named(format!("run:{}", claim.run))
                };
                self.deliver(Scope::Run(run), InputBody::Cancel(operator)).await?;
                failpoint::hit("child_cancelled");
                Ok(store.finish(claim.clone()).await?)
            }
            // It reports by itself.
            Some(_) => Ok(store.finish(claim.clone()).await?),
            None => {
                let failure = Failure::new(FailureKind::Cancelled, "stopped before it was made");
                let answer = ChildAnswer { outcome: RunOutcome::Cancelled, value: serde_json::Value::Null, failure: Some(failure) };
                let body = InputBody::ChildEnded { call, run, answer };
                let_go(self.deliver_for(Scope::Step(claim.run.clone(), call), body, Some(claim.clone()), None).await)
            }
        }
    }

    /// Tell the parent how this run ended. The work belongs to the child, the decision to the parent: one transaction.
    pub(super) async fn report(&self, claim: &Claim) -> Result<(), NotDone> {
        let store = &self.parts().store;
        let answer = store.run_answer(&claim.run).await?;
        let Some(RunAnswer { head, outcome: Some(outcome), value, failure }) = answer else {
            return Ok(store.finish(claim.clone()).await?);
        };
        let Some(Parent { run: parent, call }) = head.plan.parent else {
            return Ok(store.finish(claim.clone()).await?);
        };
        let body = InputBody::ChildEnded { call, run: claim.run.clone(), answer: ChildAnswer { outcome, value, failure } };
        match self.deliver_for(Scope::Step(parent, call), body, Some(claim.clone()), None).await {
            // The parent's step is gone: nobody is to be told.
            Err(StoreError::Refused(Refusal::NotFound)) => Ok(store.finish(claim.clone()).await?),
            other => let_go(other),
        }
    }

    /// See whether the event of a step is there.
    pub(super) async fn look_for_event(&self, claim: &Claim, call: u32) -> Result<(), NotDone> {
        let store = &self.parts().store;
        let Some(LinkStep { step, .. }) = store.link_step(&claim.run, call).await? else {
            return Ok(store.finish(claim.clone()).await?);
        };
        let (StepKind::Event { name, key }, true) = (&step.kind, step.is_open()) else {
            return Ok(store.finish(claim.clone()).await?);
        };
        match store.next_event(&claim.run, name, key, self.parts().clock.now()).await? {
            None => Ok(store.finish(claim.clone()).await?),
            Some(event) => {
                let body = InputBody::EventArrived { call, id: event.id, payload: event.payload, published_at: event.at };
                let_go(self.deliver_for(Scope::Step(claim.run.clone(), call), body, Some(claim.clone()), None).await)
            }
        }
    }

    /// Cancel open runs of releases that were superseded; gives how many were found.
    ///
    /// # Errors
    /// [`StoreError`]; the next look goes on.
    pub async fn cancel_superseded(&self) -> Result<usize, StoreError> {
        let runs = self.parts().store.superseded(SUPERSEDE_AT_ONCE).await?;
        for (run, live) in &runs {
            let operator = Operator { reason: Some(format!("superseded by release {live}")), ..Operator::named("release") };
            match self.deliver(Scope::Run(run.clone()), InputBody::Cancel(operator)).await {
                Ok(_) => tracing::info!(%run, release = live, "a run of another release is cancelled: it was superseded"),
                Err(StoreError::Refused(error)) => tracing::error!(%run, %error, "a superseded run cannot be cancelled"),
                Err(error) => return Err(error),
            }
        }
        Ok(runs.len())
    }

    /// What became due in the store alone, without a decision: the loop of links looks.
    pub fn wake_links(&self, at: Ms) {
        self.wake(&[(sortie_core::effect::WorkClass::Link, at)]);
    }
}

/// What was decided is of no more interest here.
fn let_go(delivered: Result<Delivered, StoreError>) -> Result<(), NotDone> {
    Ok(delivered.map(drop)?)
}
