//! One decision in one transaction: load the rows of the scope, plan, write the plan.

use super::due::Turns;
use super::run::RunNo;
use super::triggers::outside_event;
use super::{attempt, beat, callback, due, event, host, run, step};
use crate::deliver::{Change, Plan, plan};
use crate::error::StoreError;
use crate::model::{Delivered, Delivery};
use rusqlite::Connection;
use sortie_core::decide::Refusal;
use sortie_core::effect::WorkClass;
use sortie_core::host::HostState;
use sortie_core::ids::{AttemptId, Ms, RunId, WaitId};
use sortie_core::input::{InputBody, Said, Scope};
use sortie_core::view::{Attempt, Room, RunHead, Step, StepKind, View};

/// Decide and write. The claim that it answers goes first, so that the decision may ask for the same work again.
pub(super) fn deliver(db: &Connection, turns: &Turns, delivery: Delivery) -> Result<Delivered, StoreError> {
    if let Some(claim) = &delivery.done {
        due::finish(db, claim)?;
    }
    let at = delivery.input.at;
    let (run_no, view) = load(db, &delivery)?;
    let plan = plan(view, delivery)?;
    write(db, turns, run_no, plan, at)
}

fn write(db: &Connection, turns: &Turns, run_no: Option<RunNo>, mut plan: Plan, at: Ms) -> Result<Delivered, StoreError> {
    let run_no = match (&plan.head, run_no) {
        (Some(change), run_no) => {
            let events = event::prepare(db, &plan.delivered.run, run_no, &plan.events)?;
            let run_no = run::write(db, run_no, change, events.chain.as_ref())?;
            event::append(db, run_no, &events)?;
            run_no
        }
        // Every event changes the head.
        (None, Some(run_no)) => run_no,
        (None, None) => return Err(Refusal::NotFound.into()),
    };
    let opened_at = plan.events.first().map_or(at, |event| event.at);
    for change in &plan.steps {
        step::write(db, run_no, change, opened_at)?;
        outside_event::follow(db, run_no, change)?;
    }
    for change in &plan.attempts {
        attempt::write(db, run_no, change)?;
    }
    due::apply(db, run_no, &plan.effects, at)?;
    if let Some((record, body)) = &plan.callback {
        callback::remember(db, run_no, plan.delivered.seq, record, body.as_deref())?;
    }
    if free_slots(db, turns, &plan.attempts, at)? {
        plan.delivered.due.push((WorkClass::Launch, at));
    }
    Ok(plan.delivered)
}

/// Attempts that are over free their slots: for each, the held launch that is next becomes due. Whether one did.
fn free_slots(db: &Connection, turns: &Turns, changes: &[Change<Attempt>], at: Ms) -> Result<bool, StoreError> {
    let mut any = false;
    for change in changes {
        let Change::Update { before, after } = change else { continue };
        if let Some(handed) = after.handed.as_ref().filter(|_| after.state.is_over() && !before.state.is_over())
            && let Some(host) = host::get(db, &handed.host)?.filter(|host| host.slots.is_some() && host.state == HostState::Ready)
        {
            any |= due::release_next(db, turns, &host, at)?;
        }
    }
    Ok(any)
}

/// The rows that a scope names, and what else the input is decided from.
fn load(db: &Connection, delivery: &Delivery) -> Result<(Option<RunNo>, View), StoreError> {
    let (run_no, mut view) = match &delivery.scope {
        Scope::New(run) => new(db, run)?,
        Scope::Run(run) => open(db, run)?,
        Scope::Admission(run) => admission(db, run)?,
        Scope::Whole(run) => whole(db, run)?,
        Scope::Adopt(id) => adoption(db, id)?,
        Scope::Attempt { attempt, callback } => one_attempt(db, attempt, callback.as_deref())?,
        Scope::Wait { wait, callback } => one_wait(db, wait, callback)?,
        Scope::Step(run, call) => one_step(db, run, *call)?,
    };
    match &delivery.input.body {
        InputBody::Create(wish) if view.run.is_none() && wish.plan.queues() => {
            view.room = Some(run::room(db, None, &wish.flow, wish.release, &wish.plan)?);
        }
        InputBody::LaunchStarting { attempt, handed, .. } => {
            if let (Some(run_no), Some(row)) = (run_no, view.attempts.get(attempt)) {
                let host = row.handed.as_ref().map_or(&handed.host, |before| &before.host);
                view.host_open = Some(attempt::others_on_host(db, host, run_no, row.fence)?);
            }
        }
        InputBody::AttemptCallback { attempt, said: Said::Asked { seq, .. }, .. } => add_question(db, run_no, attempt, *seq, &mut view)?,
        _ => {}
    }
    Ok((run_no, view))
}

fn new(db: &Connection, id: &RunId) -> Result<(Option<RunNo>, View), StoreError> {
    Ok(match run::by_id(db, id)? {
        None => (None, View::default()),
        Some((run_no, head)) => (Some(run_no), View { run: Some(head), ..View::default() }),
    })
}

/// The head, and who else has the same limit.
fn admission(db: &Connection, id: &RunId) -> Result<(Option<RunNo>, View), StoreError> {
    let (run_no, head) = run::by_id(db, id)?.ok_or(Refusal::NotFound)?;
    let room = room_of(db, run_no, Some(&head))?;
    Ok((Some(run_no), View { run: Some(head), room, ..View::default() }))
}

fn room_of(db: &Connection, run_no: RunNo, head: Option<&RunHead>) -> rusqlite::Result<Option<Room>> {
    let queues = head.filter(|head| head.plan.queues());
    queues.map(|head| run::room(db, Some(run_no), &head.flow, head.release, &head.plan)).transpose()
}

/// As [`open`], with who else has the same limit and all steps, also those that are answered or forgotten.
fn whole(db: &Connection, id: &RunId) -> Result<(Option<RunNo>, View), StoreError> {
    let (run_no, mut view) = open(db, id)?;
    if let Some(run_no) = run_no {
        view.steps = step::of_run(db, run_no)?.into_iter().map(|step| (step.call, step)).collect();
        view.room = room_of(db, run_no, view.run.as_ref())?;
    }
    Ok((run_no, view))
}

/// As [`whole`], with an attempt that may be over.
fn adoption(db: &Connection, id: &AttemptId) -> Result<(Option<RunNo>, View), StoreError> {
    let (run_no, attempt) = attempt::get(db, id)?.ok_or(Refusal::NotFound)?;
    let (run_no, mut view) = whole(db, &run::id(db, run_no)?)?;
    view.attempts.extend([by_id(attempt)]);
    Ok((run_no, view))
}

fn open(db: &Connection, id: &RunId) -> Result<(Option<RunNo>, View), StoreError> {
    let (run_no, head) = run::by_id(db, id)?.ok_or(Refusal::NotFound)?;
    let steps = step::open_of_run(db, run_no)?.into_iter().map(|step| (step.call, step)).collect();
    let attempts = attempt::open_of_run(db, run_no)?.into_iter().map(by_id).collect();
    Ok((Some(run_no), View { run: Some(head), steps, attempts, ..View::default() }))
}

fn one_attempt(db: &Connection, id: &AttemptId, webhook: Option<&str>) -> Result<(Option<RunNo>, View), StoreError> {
    let (run_no, attempt) = attempt::get(db, id)?.ok_or(Refusal::NotFound)?;
    let mut view = View { run: Some(run::by_number(db, run_no)?.1), ..View::default() };
    view.last_seen = beat::last_seen(db, run_no, attempt.fence)?;
    if let Some(webhook) = webhook {
        view.prior = callback::prior(db, run_no, id.as_str(), webhook)?;
    }
    let call = attempt.call;
    view.attempts.extend([by_id(attempt)]);
    add_step(db, run_no, step::get(db, run_no, call)?.ok_or(Refusal::NotFound)?, &mut view)?;
    Ok((Some(run_no), view))
}

/// The question that an attempt asks again, which may have its answer by now.
fn add_question(db: &Connection, run_no: Option<RunNo>, id: &AttemptId, seq: u64, view: &mut View) -> Result<(), StoreError> {
    if view.prior.is_some()
        && let Some((_, step)) = step::of_wait(db, &WaitId::of_ask(id, seq))?.filter(|(of, _)| Some(*of) == run_no)
    {
        view.steps.insert(step.call, step);
    }
    Ok(())
}

fn one_wait(db: &Connection, id: &WaitId, digest: &str) -> Result<(Option<RunNo>, View), StoreError> {
    let (run_no, step) = step::of_wait(db, id)?.ok_or(Refusal::NotFound)?;
    let mut view = View { run: Some(run::by_number(db, run_no)?.1), ..View::default() };
    view.prior = callback::prior(db, run_no, id.as_str(), digest)?;
    add_step(db, run_no, step, &mut view)?;
    Ok((Some(run_no), view))
}

fn one_step(db: &Connection, id: &RunId, call: u32) -> Result<(Option<RunNo>, View), StoreError> {
    let (run_no, head) = run::by_id(db, id)?.ok_or(Refusal::NotFound)?;
    let mut view = View { run: Some(head), ..View::default() };
    add_step(db, run_no, step::get(db, run_no, call)?.ok_or(Refusal::NotFound)?, &mut view)?;
    Ok((Some(run_no), view))
}

/// A step; for a job, its newest attempt and its open questions; for a question, the job that asks.
fn add_step(db: &Connection, run_no: RunNo, step: Step, view: &mut View) -> Result<(), StoreError> {
    if let Some(ask) = step.ask()
        && let Some(job) = step::get(db, run_no, ask.call)?
    {
        if let Some((_, asking)) = attempt::get(db, &ask.attempt)?.filter(|(of, _)| *of == run_no) {
            view.attempts.extend([by_id(asking)]);
        }
        add_step(db, run_no, job, view)?;
    }
    if let StepKind::Job(job) = &step.kind {
        for call in &job.asking {
            view.steps.extend(step::get(db, run_no, *call)?.map(|step| (step.call, step)));
        }
    }
    if let StepKind::Job(job) = &step.kind
        && let Some(id) = &job.attempt
        && !view.attempts.contains_key(id)
        && let Some((_, newest)) = attempt::get(db, id)?.filter(|(of, _)| *of == run_no)
    {
        view.attempts.extend([by_id(newest)]);
    }
    view.steps.insert(step.call, step);
    Ok(())
}

fn by_id(attempt: Attempt) -> (AttemptId, Attempt) {
    (attempt.id.clone(), attempt)
}
