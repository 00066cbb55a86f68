//! Events about the run as a whole.

use super::{GAP, MISSING};
use crate::event::{Event, EventBody};
use crate::ids::Ms;
use crate::state::{IllegalTransition, RunState};
use crate::view::{Held, RunHead, View};

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
        asks: 0,
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
        EventBody::RunPaused { .. } => hold(run, event, RunState::Paused)?,
        EventBody::RunParked { failure } => {
            hold(run, event, RunState::Parked)?;
            // Why a run ends is known already where it is ending.
            if run.ending.is_none() {
                run.failure = Some(failure.clone());
            }
        }
        EventBody::RunResumed { deadline_at, .. } => resumed(run, event, *deadline_at)?,
        EventBody::TerminateRequested { .. } => {
            run.exit_over = true;
            if run.ending.is_some() && run.held.take().is_some() {
                run.state = run.state.to(RunState::Ending)?;
            }
        }
        EventBody::RunEnding { outcome, failure, .. } => {
            run.state = run.state.to(RunState::Ending)?;
            run.held = None;
            run.ending = Some(*outcome);
            run.ending_seq = Some(event.seq);
            run.failure.clone_from(failure);
        }
        EventBody::ExitStarted { deadline_at } => {
            run.exit_from = Some(run.calls);
            run.deadline_at = *deadline_at;
            run.wake_seq = event.seq;
            // Its lines are counted by themselves: it is evaluated by itself.
            run.logged = 0;
        }
        EventBody::ExitEnded {} | EventBody::ExitFailed { .. } => run.exit_over = true,
        EventBody::RunEnded { outcome } => run.state = run.state.to(outcome.state())?,
        _ => return Err(MISSING),
    }
    Ok(())
}

fn hold(run: &mut RunHead, event: &Event, to: RunState) -> Result<(), IllegalTransition> {
    let from = run.state;
    run.state = from.to(to)?;
    run.held = Some(Held { from, since: event.at });
    Ok(())
}

/// Its flow is evaluated in any case: whatever it was held for, it has a next waker.
fn resumed(run: &mut RunHead, event: &Event, deadline_at: Ms) -> Result<(), IllegalTransition> {
    let held = run.held.take().ok_or(MISSING)?;
    run.state = run.state.to(held.from)?;
    run.deadline_at = deadline_at;
    if run.ending.is_none() {
        run.failure = None;
    }
    if run.begins() {
        run.wake_seq = event.seq;
    }
    Ok(())
}
