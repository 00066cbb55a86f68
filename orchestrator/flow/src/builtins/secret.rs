//! `secret(...)`: a secret by its name.

use crate::builtins::args::reference_name;
use crate::values::plain::Secret;
use starlark::environment::GlobalsBuilder;
use starlark::starlark_module;

#[starlark_module]
pub fn register(builder: &mut GlobalsBuilder) {
    /// A secret by its name. A flow never holds its value: it reaches only the environment, standard input or files of the job
    /// that names it, or the headers of the request: `job(..., env = {"API_KEY": secret("api-key")})`.
    fn secret(#[starlark(require = pos)] name: &str) -> anyhow::Result<Secret> {
        reference_name("secret", name).map(Secret)
    }
}
