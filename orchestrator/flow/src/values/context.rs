//! What builtins reach through the evaluator: the file that is loaded, or the run that is replayed.

use crate::log::Log;
use crate::manifest::Manifest;
use crate::replay::Replay;
use starlark::any::ProvidesStaticType;
use starlark::eval::Evaluator;
use std::cell::RefCell;

/// Lies in `Evaluator::extra` of every evaluation.
#[derive(ProvidesStaticType)]
pub enum Context<'j> {
    /// The top level of a file is evaluated.
    Loading(Loading),
    /// `run` is evaluated.
    Running(Replay<'j>, Log),
}

/// A file that is loaded.
pub struct Loading {
    /// Which one.
    pub file: String,
    /// What `flow(...)` said.
    pub manifest: RefCell<Option<Manifest>>,
}

impl<'j> Context<'j> {
    fn of<'a>(eval: &Evaluator<'_, 'a, 'j>) -> Option<&'a Self> {
        eval.extra.and_then(|extra| extra.downcast_ref::<Self>())
    }

    /// The replay, for a builtin of this name.
    ///
    /// # Errors
    /// `run` is not being executed.
    pub fn replay<'a>(eval: &Evaluator<'_, 'a, 'j>, builtin: &str) -> anyhow::Result<&'a Replay<'j>> {
        match Self::of(eval) {
            Some(Self::Running(replay, _)) => Ok(replay),
            _ => Err(anyhow::anyhow!("{builtin}(...) can only be called while run(ctx, input) executes, not while a file is loaded")),
        }
    }

    /// The log; none while a file is loaded.
    pub fn log<'a>(eval: &Evaluator<'_, 'a, 'j>) -> Option<(&'a Replay<'j>, &'a Log)> {
        match Self::of(eval) {
            Some(Self::Running(replay, log)) => Some((replay, log)),
            _ => None,
        }
    }

    /// The file that is loaded; none while `run` executes.
    pub fn loading<'a>(eval: &Evaluator<'_, 'a, 'j>) -> Option<&'a Loading> {
        match Self::of(eval) {
            Some(Self::Loading(loading)) => Some(loading),
            _ => None,
        }
    }
}
