//! From the rows of a scope to what is to be written: the one path of every decision, the same for every adapter.
//!
//! An adapter does three things in one transaction: load the [`View`] of a scope, call [`plan`], write the [`Plan`] as it stands.
//! It knows rows and statements; which transitions there are, only `sortie_core::decide` knows.

use crate::error::StoreError;
use crate::model::{Delivered, Delivery};
use sortie_core::decide::{self, CallbackRecord, Decided, Refusal};
use sortie_core::effect::{Effect, WorkClass};
use sortie_core::event::Event;
use sortie_core::ids::Ms;
use sortie_core::view::{Attempt, RunHead, Step, View};

/// A row to write.
#[derive(Clone, Debug, PartialEq)]
pub enum Change<T> {
    /// It is not there yet.
    Insert(T),
    /// It is there and differs.
    Update {
        /// As it is stored.
        before: T,
        /// As it is to be.
        after: T,
    },
}

/// Everything one decision writes, in this order: rows, events, due work, callback.
#[derive(Debug)]
pub struct Plan {
    /// The head, where it changed.
    pub head: Option<Change<RunHead>>,
    /// Steps that changed.
    pub steps: Vec<Change<Step>>,
    /// Attempts that changed.
    pub attempts: Vec<Change<Attempt>>,
    /// New events.
    pub events: Vec<Event>,
    /// Changes to the due work, in order.
    pub effects: Vec<Effect>,
    /// A callback to remember, and its exact body where that is to be kept.
    pub callback: Option<(CallbackRecord, Option<Vec<u8>>)>,
    /// The answer, once it is committed.
    pub delivered: Delivered,
}

/// Decide a delivery from the rows of its scope.
///
/// # Errors
/// [`StoreError::Refused`]; nothing is to be written then.
pub fn plan(view: View, delivery: Delivery) -> Result<Plan, StoreError> {
    let before = view.clone();
    let Decided { view, events, effects, callback, reply } = decide::decide(view, &delivery.input)?;
    let head = view.run.ok_or(Refusal::NotFound)?;
    let at = callback.as_ref().map_or(delivery.input.at, |record| record.at);
    let delivered = Delivered { run: head.id.clone(), reply, seq: head.seq, at, due: first_due(&effects, delivery.input.at) };
    let mut steps = before.steps;
    let mut attempts = before.attempts;
    Ok(Plan {
        head: changed(before.run, head),
        steps: view.steps.into_iter().filter_map(|(call, step)| changed(steps.remove(&call), step)).collect(),
        attempts: view.attempts.into_iter().filter_map(|(id, attempt)| changed(attempts.remove(&id), attempt)).collect(),
        events,
        effects,
        callback: callback.map(|record| {
            let body = if record.keep_body { delivery.body } else { None };
            (record, body)
        }),
        delivered,
    })
}

/// The change that leads from what is stored to what is to be, if they differ.
fn changed<T: PartialEq>(before: Option<T>, after: T) -> Option<Change<T>> {
    match before {
        None => Some(Change::Insert(after)),
        Some(before) if before == after => None,
        Some(before) => Some(Change::Update { before, after }),
    }
}

/// When the first piece of work that was put is due, by class.
fn first_due(effects: &[Effect], now: Ms) -> Vec<(WorkClass, Ms)> {
    let of_class = |class| {
        let due = effects.iter().filter_map(|effect| match effect {
            Effect::Put { work, at } if work.class() == class => Some(*at),
            Effect::StartNext { .. } | Effect::StartDrained { .. } if class == WorkClass::Link => Some(now),
            _ => None,
        });
        due.min().map(|at| (class, at))
    };
    WorkClass::ALL.into_iter().filter_map(of_class).collect()
}
