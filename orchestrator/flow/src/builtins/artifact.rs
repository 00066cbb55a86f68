//! `artifact(...)`: a text to keep as a resource.

use crate::builtins::answers::{ArtifactAnswer, Ask};
use crate::builtins::args::plain;
use crate::values::context::Context;
use sortie_core::call::{ArtifactSpec, CallSpec};
use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::values::none::NoneOr;

#[starlark_module]
pub fn register(builder: &mut GlobalsBuilder) {
    /// Keep a text as a resource: `a = artifact("report.md", content = text, type = "text/markdown")`.
    ///
    /// The first argument is the name of the step, unique in the run, and of the artifact unless `name` is another one. `type` is
    /// its media type. `a.resource` is then its `res://` reference. `check = True` fails the run where it cannot be kept.
    /// `wait = False` returns a handle.
    fn artifact<'v>(
        #[starlark(require = pos)] step: &str,
        #[starlark(require = named)] content: &str,
        #[starlark(require = named, default = "text/plain; charset=utf-8")] r#type: &str,
        #[starlark(require = named, default = NoneOr::None)] name: NoneOr<&'v str>,
        #[starlark(require = named, default = false)] check: bool,
        #[starlark(require = named, default = true)] wait: bool,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> anyhow::Result<ArtifactAnswer<'v>> {
        let replay = Context::replay(eval, "artifact")?;
        let name = name.into_option().unwrap_or(step);
        plain("name", name)?;
        plain("content", content)?;
        let media = r#type.split_once('/').is_some_and(|(kind, rest)| !kind.is_empty() && !rest.is_empty());
        anyhow::ensure!(media && !r#type.chars().any(char::is_control), "type: {:?} is no media type such as \"text/markdown\"", r#type);
        let spec = ArtifactSpec { name: name.to_owned(), media_type: r#type.to_owned(), content: content.to_owned() };
        ArtifactAnswer::make(replay, eval.heap(), Ask { step, check, wait }, CallSpec::Artifact(spec))
    }
}
