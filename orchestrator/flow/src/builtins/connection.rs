//! `connection(...)`: an account elsewhere, by its name.

use crate::builtins::args::reference_name;
use crate::values::plain::Connection;
use starlark::environment::GlobalsBuilder;
use starlark::starlark_module;

#[starlark_module]
pub fn register(builder: &mut GlobalsBuilder) {
    /// An account elsewhere by its name: address and credentials are kept by the server, so that swapping the account changes no
    /// flow. For `http(connection = ...)`, `approval(notify = ...)` and `notify(to = ...)`.
    fn connection(#[starlark(require = pos)] name: &str) -> anyhow::Result<Connection> {
        reference_name("connection", name).map(Connection)
    }
}
