//! Events about the run as a whole.

use super::{GAP, MISSING};
use crate::event::{Event, EventBody};
use crate::state::{IllegalTransition, RunState};
use crate::view::{RunHead, View};

pub(super) fn created(view: &mut View, event: &Event) -> Result<(), IllegalTransition> {
    let EventBody::RunCreated { run, flow, release, bundle, engine, deadline_at, plan, .. } = &event.body else { return Err(GAP) };
    if view.run.is_some() || event.seq != 1 {
        return Err(GAP);
    }
    view.run = Some(RunHead {
        id: run.clone(),
        flow: flow.clone(),
        release: *release,
        bundle: bundle.clone(),
        state: RunState::Queued,
        seq: 1,
        wake_seq: 0,
        engine: *engine,
        plan: plan.clone(),
        calls: 0,
        open_steps: 0,
        fence: 0,
        ending: None,
        ending_seq: None,
        exit_from: None,
        exit_over: false,
        held: None,
        logged: 0,
        deadline_at: *deadline_at,
        created_at: event.at,
        updated_at: event.at,
        failure: None,
        advance_fence: 0,
        evaluated_seq: 0,
        crashes: 0,
    });
    Ok(())
}

pub(super) fn on_run(run: &mut RunHead, event: &Event) -> Result<(), IllegalTransition> {
    match &event.body {
        EventBody::RunStarted { deadline_at } => {
            run.state = run.state.to(RunState::Running)?;
            run.deadline_at = deadline_at.unwrap_or(run.deadline_at);
            run.wake_seq = event.seq;
        }
        EventBody::RunEnding { outcome, failure, .. } => {
            run.state = run.state.to(RunState::Ending)?;
            run.ending = Some(*outcome);
            run.ending_seq = Some(event.seq);
            run.failure.clone_from(failure);
        }
        EventBody::RunEnded { outcome } => run.state = run.state.to(outcome.state())?,
        EventBody::RunParked { failure } => {
            run.state = run.state.to(RunState::Parked)?;
            run.failure = Some(failure.clone());
        }
        _ => return Err(MISSING),
    }
    Ok(())
}
