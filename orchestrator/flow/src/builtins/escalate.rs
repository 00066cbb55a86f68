//! `escalate(...)`: more people to ask when nobody has decided.

use crate::duration;
use crate::values::plain::Escalate;
use sortie_core::call::Escalation;
use starlark::environment::GlobalsBuilder;
use starlark::starlark_module;
use starlark::values::list::UnpackList;

#[starlark_module]
pub fn register(builder: &mut GlobalsBuilder) {
    /// More people to ask when nobody has decided: `approval(..., escalate = escalate("4h", to = ["leads"]))`.
    ///
    /// After the time, the roles in `to` may decide too, and are told.
    fn escalate(#[starlark(require = pos)] after: &str, #[starlark(require = named)] to: UnpackList<String>) -> anyhow::Result<Escalate> {
        let after_ms = duration::parse(after).map_err(|why| anyhow::anyhow!("after: {why}"))?;
        anyhow::ensure!(!to.items.is_empty() && to.items.iter().all(|role| !role.trim().is_empty()), "to: expected the names of roles");
        Ok(Escalate(Escalation { after_ms, to: to.items }))
    }
}
