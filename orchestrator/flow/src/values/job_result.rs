//! `JobResult`: what came of a job.

use crate::json::from_json;
use crate::values::step_error::StepError;
use allocative::Allocative;
use serde_json::{Map, Value as Json};
use starlark::any::ProvidesStaticType;
use starlark::environment::{Methods, MethodsBuilder};
use starlark::starlark_module;
use starlark::values::none::NoneOr;
use starlark::values::{AllocValue, Heap, NoSerialize, StarlarkPagablePanic, StarlarkValue, Trace, Value, starlark_value};
use std::fmt;

/// The answer of a job. Failure is a value: `ok`, `timed_out` and `error` say what happened.
#[derive(Debug, Clone, Trace, ProvidesStaticType, NoSerialize, StarlarkPagablePanic, Allocative)]
pub struct JobResult<'v> {
    ok: bool,
    exit_code: Option<i32>,
    signal: Option<i32>,
    result: Value<'v>,
    output: String,
    error_output: String,
    #[trace(unsafe_ignore)]
    error: Option<StepError>,
    attempts: i32,
    host: Option<String>,
    timed_out: bool,
    stopped: Option<bool>,
    duration_ms: Option<i64>,
    #[trace(unsafe_ignore)]
    #[allocative(skip)]
    artifacts: Map<String, Json>,
    agent: Value<'v>,
    used: Value<'v>,
    held: Value<'v>,
}

impl<'v> JobResult<'v> {
    /// Read a recorded answer.
    ///
    /// # Errors
    /// It has not the form of a job's answer.
    pub fn read(answer: &Json, heap: Heap<'v>) -> Result<Self, String> {
        let whole = |field: &str| answer.get(field).and_then(Json::as_i64);
        let small = |field: &str| whole(field).and_then(|n| i32::try_from(n).ok());
        let flag = |field: &str| answer.get(field).and_then(Json::as_bool);
        let text = |field: &str| answer.get(field).and_then(Json::as_str).map(str::to_owned);
        let any = |field: &str| from_json(answer.get(field).unwrap_or(&Json::Null), heap).map_err(|error| format!("`{field}` is {error}"));
        Ok(Self {
            ok: flag("ok").ok_or("it has no `ok`")?,
            exit_code: small("exit_code"),
            signal: small("signal"),
            result: any("result")?,
            output: text("output").unwrap_or_default(),
            error_output: text("error_output").unwrap_or_default(),
            error: StepError::read(answer),
            attempts: small("attempts").unwrap_or(0),
            host: text("host"),
            timed_out: flag("timed_out").unwrap_or(false),
            stopped: flag("stopped"),
            duration_ms: whole("duration_ms"),
            artifacts: answer.get("artifacts").and_then(Json::as_object).cloned().unwrap_or_default(),
            agent: any("agent")?,
            used: any("used")?,
            held: any("held")?,
        })
    }
}

impl fmt::Display for JobResult<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JobResult(ok={}", if self.ok { "True" } else { "False" })?;
        if let Some(code) = self.exit_code {
            write!(f, ", exit_code={code}")?;
        }
        if let Some(error) = &self.error {
            write!(f, ", error={:?}", error.to_string())?;
        }
        f.write_str(")")
    }
}

impl<'v> AllocValue<'v> for JobResult<'v> {
    fn alloc_value(self, heap: Heap<'v>) -> Value<'v> {
        heap.alloc_complex_no_freeze(self)
    }
}

starlark::methods_static!(METHODS = methods);

#[starlark_value(type = "JobResult", StarlarkTypeRepr, UnpackValue)]
impl<'v> StarlarkValue<'v> for JobResult<'v> {
    fn get_methods() -> Option<&'static Methods> {
        Some(METHODS.methods())
    }
}

#[starlark_module]
fn methods(builder: &mut MethodsBuilder) {
    /// Whether the command ended with exit code 0 and, where a schema was asked for, a result that fits it.
    #[starlark(attribute)]
    fn ok(this: &JobResult) -> anyhow::Result<bool> {
        Ok(this.ok)
    }

    /// Exit code of the command, or None where it did not exit by itself.
    #[starlark(attribute)]
    fn exit_code(this: &JobResult) -> anyhow::Result<NoneOr<i32>> {
        Ok(NoneOr::from_option(this.exit_code))
    }

    /// Number of the signal that ended the command, or None.
    #[starlark(attribute)]
    fn signal(this: &JobResult) -> anyhow::Result<NoneOr<i32>> {
        Ok(NoneOr::from_option(this.signal))
    }

    /// The result document that the command handed over, or None.
    #[starlark(attribute)]
    fn result<'v>(this: &JobResult<'v>) -> anyhow::Result<Value<'v>> {
        Ok(this.result)
    }

    /// The end of its standard output.
    #[starlark(attribute)]
    fn output(this: &JobResult) -> anyhow::Result<String> {
        Ok(this.output.clone())
    }

    /// The end of its standard error.
    #[starlark(attribute)]
    fn error_output(this: &JobResult) -> anyhow::Result<String> {
        Ok(this.error_output.clone())
    }

    /// Why it failed, or None where `ok`.
    #[starlark(attribute)]
    fn error(this: &JobResult) -> anyhow::Result<NoneOr<StepError>> {
        Ok(NoneOr::from_option(this.error.clone()))
    }

    /// How many attempts were made.
    #[starlark(attribute)]
    fn attempts(this: &JobResult) -> anyhow::Result<i32> {
        Ok(this.attempts)
    }

    /// Name of the host of the last attempt, or None where none was found.
    #[starlark(attribute)]
    fn host(this: &JobResult) -> anyhow::Result<NoneOr<String>> {
        Ok(NoneOr::from_option(this.host.clone()))
    }

    /// Whether the step's time limit ended it.
    #[starlark(attribute)]
    fn timed_out(this: &JobResult) -> anyhow::Result<bool> {
        Ok(this.timed_out)
    }

    /// Whether the job's processes are verified to be gone, where it was stopped; None where it ended by itself.
    #[starlark(attribute)]
    fn stopped(this: &JobResult) -> anyhow::Result<NoneOr<bool>> {
        Ok(NoneOr::from_option(this.stopped))
    }

    /// How long the step took, in milliseconds, or None where that is not known.
    #[starlark(attribute)]
    fn duration_ms(this: &JobResult) -> anyhow::Result<NoneOr<i64>> {
        Ok(NoneOr::from_option(this.duration_ms))
    }

    /// What is known of the coding agent, as a dict: `kind`, `session`, `outcome`, `text`, `model`, `turns`, `tool_calls`, `denials`,
    /// `resumed` of its last attempt, and `usage` (`usd`, `usd_micros`, `input_tokens`, `output_tokens`) of all attempts together.
    /// None for a job, and where the last attempt left no result.
    #[starlark(attribute)]
    fn agent<'v>(this: &JobResult<'v>) -> anyhow::Result<Value<'v>> {
        Ok(this.agent)
    }

    /// What it used of its host, as a dict: `cpu_ms`, `peak_memory_bytes`, `read_bytes`, `written_bytes`, as far as the host could
    /// tell; or None.
    #[starlark(attribute)]
    fn used<'v>(this: &JobResult<'v>) -> anyhow::Result<Value<'v>> {
        Ok(this.used)
    }

    /// How it was held, as a dict: `containment`, `isolation`, and the `limits` that were; or None.
    #[starlark(attribute)]
    fn held<'v>(this: &JobResult<'v>) -> anyhow::Result<Value<'v>> {
        Ok(this.held)
    }

    /// Paths of the files that were kept.
    #[starlark(attribute)]
    fn artifacts(this: &JobResult) -> anyhow::Result<Vec<String>> {
        Ok(this.artifacts.iter().filter(|(_, kept)| kept.get("resource").is_some()).map(|(path, _)| path.clone()).collect())
    }

    /// The `res://` reference of a file that was kept, by its path in `artifacts`. Fails the flow where it was not kept: ask
    /// `artifacts` first where it may be missing.
    fn artifact(this: &JobResult, #[starlark(require = pos)] path: &str) -> anyhow::Result<String> {
        let kept = this.artifacts.get(path);
        if let Some(resource) = kept.and_then(|kept| kept.get("resource")).and_then(Json::as_str) {
            return Ok(resource.to_owned());
        }
        match kept.and_then(|kept| kept.get("missing")).and_then(Json::as_str) {
            Some(why) => anyhow::bail!("artifact: {path:?} was not kept: {why}"),
            None => {
                let named = this.artifacts.keys().cloned().collect::<Vec<_>>().join(", ");
                anyhow::bail!("artifact: the job names no {path:?} in its artifacts; there are: {named}")
            }
        }
    }
}
