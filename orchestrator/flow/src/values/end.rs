//! `End`: the second argument of `on_exit`.

use crate::json::from_json;
use crate::replay::Replay;
use crate::values::answer::{AnswerKind, Made};
use crate::values::step_error::StepError;
use allocative::Allocative;
use sortie_core::evaluation::{ExitFacts, JournalEntry};
use starlark::any::ProvidesStaticType;
use starlark::collections::SmallMap;
use starlark::environment::{Methods, MethodsBuilder};
use starlark::starlark_module;
use starlark::values::dict::AllocDict;
use starlark::values::none::NoneOr;
use starlark::values::{AllocValue, Heap, NoSerialize, StarlarkPagablePanic, StarlarkValue, Trace, Value, starlark_value};
use std::fmt;

/// How the run ends, and what its steps came to.
#[derive(Debug, Clone, Trace, ProvidesStaticType, NoSerialize, StarlarkPagablePanic, Allocative)]
pub struct End<'v> {
    outcome: String,
    value: Value<'v>,
    #[trace(unsafe_ignore)]
    error: Option<StepError>,
    steps: Value<'v>,
    input: Value<'v>,
}

impl<'v> End<'v> {
    /// What `on_exit` is told.
    ///
    /// # Errors
    /// A record of the body is damaged.
    pub fn read(
        facts: &ExitFacts,
        input: Value<'v>,
        journal: &[JournalEntry],
        replay: &Replay<'_>,
        heap: Heap<'v>,
    ) -> anyhow::Result<Self> {
        let mut steps = SmallMap::new();
        for entry in journal.iter().take(facts.from_call as usize).filter(|entry| entry.value.is_some()) {
            let made = Made { call: entry.call, step: &entry.step, kind: AnswerKind::of(&entry.spec), check: false };
            steps.insert(entry.step.as_str(), heap.alloc(made.answer(replay, heap)?));
        }
        Ok(Self {
            outcome: facts.outcome.clone(),
            value: from_json(&facts.value, heap)?,
            error: facts.failure.as_ref().map(StepError::of),
            steps: heap.alloc(AllocDict(steps)),
            input,
        })
    }
}

impl fmt::Display for End<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "End(outcome={:?})", self.outcome)
    }
}

impl<'v> AllocValue<'v> for End<'v> {
    fn alloc_value(self, heap: Heap<'v>) -> Value<'v> {
        heap.alloc_complex_no_freeze(self)
    }
}

starlark::methods_static!(METHODS = methods);

#[starlark_value(type = "End", StarlarkTypeRepr, UnpackValue)]
impl<'v> StarlarkValue<'v> for End<'v> {
    fn get_methods() -> Option<&'static Methods> {
        Some(METHODS.methods())
    }
}

#[starlark_module]
fn methods(builder: &mut MethodsBuilder) {
    /// How the run ends: `succeeded`, `failed`, `cancelled`, `timed_out` or `dead`.
    #[starlark(attribute)]
    fn outcome(this: &End) -> anyhow::Result<String> {
        Ok(this.outcome.clone())
    }

    /// What `run` returned, or None.
    #[starlark(attribute)]
    fn value<'v>(this: &End<'v>) -> anyhow::Result<Value<'v>> {
        Ok(this.value)
    }

    /// Why the run failed, or None.
    #[starlark(attribute)]
    fn error(this: &End) -> anyhow::Result<NoneOr<StepError>> {
        Ok(NoneOr::from_option(this.error.clone()))
    }

    /// The input of the run.
    #[starlark(attribute)]
    fn input<'v>(this: &End<'v>) -> anyhow::Result<Value<'v>> {
        Ok(this.input)
    }

    /// What each step of `run` came to, by name: `end.steps["build"].ok`. Steps that were never answered are not in it.
    #[starlark(attribute)]
    fn steps<'v>(this: &End<'v>) -> anyhow::Result<Value<'v>> {
        Ok(this.steps)
    }
}
