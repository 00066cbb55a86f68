//! Making a run, and letting it in.

use super::draft::Draft;
use super::{Decided, Refusal, Reply};
use crate::effect::{Effect, Timer, Work};
use crate::evaluation::ENGINE_LEVEL;
use crate::event::EventBody;
use crate::ids::Ms;
use crate::input::{Create, Input};
use crate::limits;
use crate::plan::{RunLimit, RunPlan, WhenFull};
use crate::state::RunState;
use crate::view::{Room, View};

/// Make a run. It starts at once, is queued, or is not made.
pub(super) fn create(view: View, input: &Input, create: &Create) -> Result<Decided, Refusal> {
    if view.run.is_some() {
        return Err(Refusal::Exists);
    }
    let room = view.room.clone().unwrap_or_default();
    let mut draft = Draft::empty(view, input);
    if let Some(limit) = &create.plan.limit
        && limit.full == WhenFull::Skip
        && !has_place(limit, &room)
    {
        draft.reply = Reply::Skipped { running: room.running_run };
        return Ok(draft.finish());
    }
    let deadline_at = draft.after(create.plan.deadline_ms);
    draft.emit(EventBody::RunCreated {
        run: create.run.clone(),
        flow: create.flow.clone(),
        release: create.release,
        bundle: create.bundle.clone(),
        engine: ENGINE_LEVEL,
        input: create.input.clone(),
        deadline_at,
        actor: create.actor.clone(),
        plan: create.plan.clone(),
    })?;
    if create.plan.queues() {
        draft.ask_in()?;
        // A run that nobody lets in is somebody's business, too.
        draft.put_overdue()?;
    } else {
        begin(&mut draft)?;
    }
    Ok(draft.finish())
}

/// A queued run asks to be let in. Where there is no room, the end of another run asks again.
pub(super) fn start(draft: &mut Draft) -> Result<(), Refusal> {
    let run = draft.run()?;
    let plan = run.plan.clone();
    let room = draft.view.room.clone().unwrap_or_default();
    let may = plan.limit.as_ref().is_none_or(|limit| has_place(limit, &room)) && (!plan.after_older || room.older == 0);
    if run.state != RunState::Queued || !may {
        draft.reply = Reply::Nothing;
        return Ok(());
    }
    draft.drop_work(Work::MakeRoom);
    begin(draft)?;
    // Two places may have become free before one of those who wait was asked.
    if let Some(limit) = plan.limit.filter(|limit| room.running + 1 < limit.at_most) {
        draft.ask(Effect::StartNext { key: limit.key });
    }
    Ok(())
}

/// Whether there is a place beside those who run and those who go first.
const fn has_place(limit: &RunLimit, room: &Room) -> bool {
    room.running.saturating_add(room.ahead) < limit.at_most
}

/// It leaves the queue: its time counts from now.
fn begin(draft: &mut Draft) -> Result<(), Refusal> {
    let deadline_at = draft.after(draft.run()?.plan.deadline_ms);
    draft.emit(EventBody::RunStarted { deadline_at: Some(deadline_at) })?;
    draft.put(Work::Timer(Timer::RunDeadline), deadline_at);
    draft.put_overdue()?;
    draft.put(Work::Advance, draft.now);
    Ok(())
}

impl Draft {
    /// When the run will be open for longer than it should be; `None` where its end is decided.
    pub(super) fn overdue_at(&self) -> Result<Option<Ms>, Refusal> {
        let run = self.run()?;
        if run.ending.is_some() {
            return Ok(None);
        }
        let began = run.deadline_at.saturating_sub_unsigned(run.plan.deadline_ms.min(limits::LONGEST_MS));
        Ok(Some(began.saturating_add_unsigned(overdue_ms(&run.plan).min(limits::LONGEST_MS))))
    }

    /// Watch for that.
    pub(super) fn put_overdue(&mut self) -> Result<(), Refusal> {
        if let Some(due_at) = self.overdue_at()? {
            self.put(Work::Timer(Timer::Overdue), due_at);
        }
        Ok(())
    }
}

fn overdue_ms(plan: &RunPlan) -> u64 {
    plan.overdue_ms
        .unwrap_or_else(|| plan.deadline_ms / 100 * limits::OVERDUE_PERCENT + plan.deadline_ms % 100 * limits::OVERDUE_PERCENT / 100)
}
