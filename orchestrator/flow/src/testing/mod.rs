//! Flows under test: a run in an in-memory world with virtual time, decided by the engine itself.
//!
//! [`world`] holds the rows and the due work of one run and delivers inputs to [`sortie_core::decide`]; [`perform`] does the
//! due work as hosts, senders and people would, by [`stub`]s; [`script`] is what a test file can call; [`suite`] runs test
//! files; [`simulate`](mod@simulate) runs a flow by canned answers to its end. Belongs into a worker process, like everything
//! that evaluates.

pub mod perform;
pub mod report;
pub mod script;
pub mod simulate;
pub mod stub;
pub mod suite;
pub mod world;

pub use report::{Simulation, TestOutcome, TestReport};
