//! Names of the types of flows, for annotations: `def deploy(ctx: Ctx, host: str) -> JobResult`.

use crate::values::any_result;
use crate::values::ctx;
use crate::values::handle;
use crate::values::job_result;
use crate::values::plain;
use crate::values::step_error;
use crate::values::wait_result;
use starlark::environment::GlobalsBuilder;
use starlark::starlark_module;
use starlark::values::starlark_value_as_type::StarlarkValueAsType;

#[starlark_module]
pub fn register(builder: &mut GlobalsBuilder) {
    const Ctx: StarlarkValueAsType<ctx::Ctx> = StarlarkValueAsType::new();
    const JobResult: StarlarkValueAsType<job_result::JobResult<'static>> = StarlarkValueAsType::new();
    const WaitResult: StarlarkValueAsType<wait_result::WaitResult<'static>> = StarlarkValueAsType::new();
    const AnyResult: StarlarkValueAsType<any_result::AnyResult<'static>> = StarlarkValueAsType::new();
    const StepError: StarlarkValueAsType<step_error::StepError> = StarlarkValueAsType::new();
    const JobHandle: StarlarkValueAsType<handle::JobHandle> = StarlarkValueAsType::new();
    const WaitHandle: StarlarkValueAsType<handle::WaitHandle> = StarlarkValueAsType::new();
    const Secret: StarlarkValueAsType<plain::Secret> = StarlarkValueAsType::new();
    const Connection: StarlarkValueAsType<plain::Connection> = StarlarkValueAsType::new();
    const SleepHandle: StarlarkValueAsType<handle::SleepHandle> = StarlarkValueAsType::new();
}
