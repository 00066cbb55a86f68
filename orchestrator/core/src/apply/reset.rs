//! A reset: steps are forgotten or opened anew, and the run goes on.

use super::{GAP, MISSING, kind};
use crate::event::Event;
use crate::ids::Ms;
use crate::state::{IllegalTransition, RunState};
use crate::view::{RunHead, Step, StepKind, View};

pub(super) fn on_reset(view: &mut View, event: &Event, keep: u32, reopen: &[u32], deadline_at: Ms) -> Result<(), IllegalTransition> {
    let run = view.run.as_mut().ok_or(MISSING)?;
    if keep > run.calls {
        return Err(GAP);
    }
    if run.state != RunState::Running {
        run.state = run.state.to(RunState::Running)?;
    }
    run.calls = keep;
    run.wake_seq = event.seq;
    // Whatever is derived from the fence after a reset differs from what was derived before it.
    run.fence += 1;
    run.deadline_at = deadline_at;
    run.ending = None;
    run.ending_seq = None;
    run.exit_from = None;
    run.exit_over = false;
    run.held = None;
    run.failure = None;
    // The flow is evaluated from the top, and says again what it has said.
    run.logged = 0;
    for step in view.steps.values_mut().filter(|step| step.call_of_flow() > keep) {
        step.forgotten = true;
    }
    for call in reopen {
        let step = view.steps.get_mut(call).filter(|step| !step.forgotten && !step.is_open()).ok_or(MISSING)?;
        open_anew(step, run, event);
    }
    let open = view.steps.values().filter(|step| step.is_open() && step.ask().is_none()).count();
    run.open_steps = u32::try_from(open).map_err(|_| GAP)?;
    Ok(())
}

fn open_anew(step: &mut Step, run: &RunHead, event: &Event) {
    step.completed_seq = None;
    step.answer_digest = None;
    // A sleep ends when it was to end; any other time limit counts again.
    if step.kind != (StepKind::Sleep {}) {
        let own = if step.timeout_ms == 0 { run.deadline_at } else { kind::later(event.at, step.timeout_ms) };
        step.deadline_at = own.min(run.deadline_at);
    }
    kind::reopened(&mut step.kind, run, event, step.call);
}
