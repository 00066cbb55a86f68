//! Starlark flows: bundles, builtins, replay, check.
//!
//! A run is its flow evaluated from the top against its journal ([`evaluate`]). Compiling, checking and evaluating
//! happen in child processes ([`worker`], driven by [`client`]), because a hostile flow can abort its process.

mod bounds;
pub mod builtins;
pub mod bundle;
pub mod check;
pub mod client;
pub mod compile;
pub mod diagnostic;
pub mod docs;
pub mod duration;
pub mod evaluate;
pub mod input_type;
pub mod instant;
pub mod json;
pub mod limits;
pub mod lint;
pub mod lint_calls;
pub mod log;
pub mod manifest;
pub mod nesting;
pub mod replay;
pub mod size;
pub mod testing;
pub mod trigger;
pub mod values;
pub mod worker;

pub use bundle::{Bundle, BundleError};
pub use check::CheckReport;
pub use diagnostic::{Diagnostic, DiagnosticKind, Severity};
pub use evaluate::{EvaluateRequest, Evaluated};
pub use manifest::Manifest;
pub use trigger::Trigger;
