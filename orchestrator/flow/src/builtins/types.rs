//! Names of the types of flows, for annotations: `def deploy(ctx: Ctx, host: str) -> JobResult`.

use crate::values::{
    any_result, approval_result, artifact_result, child_result, ctx, end, event_result, handle, http_result, job_result, plain, step_error,
    wait_result,
};
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
    const HttpResult: StarlarkValueAsType<http_result::HttpResult<'static>> = StarlarkValueAsType::new();
    const EventResult: StarlarkValueAsType<event_result::EventResult<'static>> = StarlarkValueAsType::new();
    const ApprovalResult: StarlarkValueAsType<approval_result::ApprovalResult<'static>> = StarlarkValueAsType::new();
    const ChildResult: StarlarkValueAsType<child_result::ChildResult<'static>> = StarlarkValueAsType::new();
    const ArtifactResult: StarlarkValueAsType<artifact_result::ArtifactResult<'static>> = StarlarkValueAsType::new();
    const End: StarlarkValueAsType<end::End<'static>> = StarlarkValueAsType::new();
    const HttpHandle: StarlarkValueAsType<handle::HttpHandle> = StarlarkValueAsType::new();
    const EventHandle: StarlarkValueAsType<handle::EventHandle> = StarlarkValueAsType::new();
    const ApprovalHandle: StarlarkValueAsType<handle::ApprovalHandle> = StarlarkValueAsType::new();
    const ChildHandle: StarlarkValueAsType<handle::ChildHandle> = StarlarkValueAsType::new();
    const ArtifactHandle: StarlarkValueAsType<handle::ArtifactHandle> = StarlarkValueAsType::new();
    const SleepHandle: StarlarkValueAsType<handle::SleepHandle> = StarlarkValueAsType::new();
}
