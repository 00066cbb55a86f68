//! `label(...)`: any host with a label.

use crate::values::label::Label;
use starlark::environment::GlobalsBuilder;
use starlark::starlark_module;

#[starlark_module]
pub fn register(builder: &mut GlobalsBuilder) {
    /// Any host that has this label, the least loaded first: `job("build", on = label("builder"), ...)`.
    fn label(#[starlark(require = pos)] name: &str) -> anyhow::Result<Label> {
        anyhow::ensure!(!name.trim().is_empty(), "label: the name is empty");
        Ok(Label(name.to_owned()))
    }
}
