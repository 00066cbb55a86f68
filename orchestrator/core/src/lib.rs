//! The run engine: a fold and a decision, without I/O, clock, database, tokio or Starlark.
//!
//! * [`apply::apply`] folds one [`event::Event`] into a [`view::View`].
//! * [`decide::decide`] answers an [`input::Input`] with events, effects and a reply, or refuses it.
//!
//! Time and entropy come in with the input, so a bug report is a list of inputs.

pub mod apply;
pub mod call;
pub mod canonical;
pub mod decide;
pub mod effect;
pub mod evaluation;
pub mod event;
pub mod failure;
pub mod host;
pub mod ids;
pub mod input;
pub mod journal;
pub mod limits;
pub mod plan;
pub mod retry;
pub mod state;
pub mod value;
pub mod view;
