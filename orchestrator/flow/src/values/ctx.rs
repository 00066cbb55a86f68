//! `Ctx`: the first argument of `run`.

use allocative::Allocative;
use sortie_core::evaluation::RunFacts;
use starlark::any::ProvidesStaticType;
use starlark::environment::{Methods, MethodsBuilder};
use starlark::values::{NoSerialize, StarlarkPagable, StarlarkValue, starlark_value};
use starlark::{starlark_module, starlark_simple_value};
use std::fmt;

/// Facts about the run, the same in every evaluation.
#[derive(Debug, Clone, ProvidesStaticType, NoSerialize, StarlarkPagable, Allocative)]
pub struct Ctx {
    run: String,
    flow: String,
    release: u32,
    created_at: i64,
}
starlark_simple_value!(Ctx);

impl From<&RunFacts> for Ctx {
    fn from(facts: &RunFacts) -> Self {
        Self { run: facts.run.clone(), flow: facts.flow.clone(), release: facts.release, created_at: facts.created_at }
    }
}

impl fmt::Display for Ctx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ctx(run={:?}, flow={:?}, release={})", self.run, self.flow, self.release)
    }
}

starlark::methods_static!(METHODS = methods);

#[starlark_value(type = "Ctx")]
impl<'v> StarlarkValue<'v> for Ctx {
    fn get_methods() -> Option<&'static Methods> {
        Some(METHODS.methods())
    }
}

#[starlark_module]
fn methods(builder: &mut MethodsBuilder) {
    /// Id of the run.
    #[starlark(attribute)]
    fn run(this: &Ctx) -> anyhow::Result<String> {
        Ok(this.run.clone())
    }

    /// Name of the flow.
    #[starlark(attribute)]
    fn flow(this: &Ctx) -> anyhow::Result<String> {
        Ok(this.flow.clone())
    }

    /// Number of the release the run is pinned to, 0 for a draft.
    #[starlark(attribute)]
    fn release(this: &Ctx) -> anyhow::Result<u32> {
        Ok(this.release)
    }

    /// When the run was created, Unix milliseconds.
    #[starlark(attribute)]
    fn created_at(this: &Ctx) -> anyhow::Result<i64> {
        Ok(this.created_at)
    }
}
