//! Starlark values of flows: what builtins take and return. Each has a type name for annotations and the type checker.
//!
//! Those that hold other Starlark values cannot be frozen: they only exist while `run` executes.

// The derive macros of starlark expand to `unsafe impl` and to items without documentation.
#![allow(unsafe_code, missing_docs, reason = "starlark's derives of a value expand to `unsafe impl`; none is written here")]

pub mod answer;
pub mod any_result;
pub mod approval_result;
pub mod artifact_result;
pub mod child_result;
pub mod context;
pub mod ctx;
pub mod end;
pub mod event_result;
pub mod handle;
pub mod http_result;
pub mod job_result;
pub mod label;
pub mod optional;
pub mod plain;
pub mod reference;
mod result;
pub mod retry;
pub mod step_error;
pub mod wait_result;
