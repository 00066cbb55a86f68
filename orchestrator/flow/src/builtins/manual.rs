//! `manual()`: runs are started by people and through the API.

use crate::trigger::Trigger as TriggerData;
use crate::values::plain::Trigger;
use starlark::environment::GlobalsBuilder;
use starlark::starlark_module;

#[starlark_module]
pub fn register(builder: &mut GlobalsBuilder) {
    /// Runs are started by people and through the API: `flow(triggers = [manual(), ...])`. A flow that names no trigger has this
    /// one; a flow that names others, but not this one, is not started by hand.
    fn manual() -> anyhow::Result<Trigger> {
        Ok(Trigger(TriggerData::Manual {}))
    }
}
