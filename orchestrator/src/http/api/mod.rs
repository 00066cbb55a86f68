//! The operator API under `/v1`: what the command line uses, one file per group of paths.
//!
//! Every request needs an operator's bearer token, also one for a path that is not there: the root layer
//! ([`guard`]) refuses before anything is routed. Mutations carry an `Idempotency-Key` ([`idempotency`]).
//! Answers are the envelope of [`crate::envelope`]. There is no browser console yet, so whatever a browser sends
//! from a page (`Origin`, cross-site fetch metadata) is refused.

mod answer;
mod approvals;
mod audit;
pub mod caller;
mod connections;
mod dead;
mod events;
mod explain;
mod export;
mod flows;
mod guard;
mod hosts;
mod idempotency;
mod import;
mod journals;
mod launches;
pub mod limits;
mod logs;
mod metrics;
mod operators;
mod overview;
mod places;
mod releases;
mod request;
mod resources;
mod routes;
mod run_ids;
mod runs;
mod runs_control;
mod runs_create;
mod runs_failures;
mod runs_fork;
mod runs_history;
mod runs_tokens;
mod schedules;
mod secrets;
mod status;
pub mod token;
pub mod views;
mod waits;
mod workers;

pub use caller::Caller;
pub use flows::judged;
pub use idempotency::HEADER as IDEMPOTENCY_HEADER;
pub use launches::RESERVED as LAUNCH_FLOW;
pub use routes::{Api, routes};
