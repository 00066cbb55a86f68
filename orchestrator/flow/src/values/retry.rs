//! `Retry`: which failures of a job are worth another attempt.

use allocative::Allocative;
use sortie_core::call::RetryPolicy;
use starlark::any::ProvidesStaticType;
use starlark::starlark_simple_value;
use starlark::values::{NoSerialize, StarlarkPagablePanic, StarlarkValue, starlark_value};
use std::fmt;

/// What `retry(...)` returns, for `job(retry = ...)`.
#[derive(Debug, Clone, ProvidesStaticType, NoSerialize, StarlarkPagablePanic, Allocative)]
pub struct Retry(#[allocative(skip)] pub RetryPolicy);
starlark_simple_value!(Retry);

impl fmt::Display for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let on: Vec<&str> = self.0.on.iter().map(|kind| kind.as_str()).collect();
        write!(
            f,
            "retry(attempts={}, backoff=\"{}ms\", max_backoff=\"{}ms\", on={on:?})",
            self.0.attempts, self.0.backoff_ms, self.0.max_backoff_ms
        )
    }
}

#[starlark_value(type = "Retry")]
impl<'v> StarlarkValue<'v> for Retry {}
