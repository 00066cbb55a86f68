//! `job(...)`: a command on a host.

use crate::builtins::args::{DurationArg, absent, duration_or, schema};
use crate::limits::{COMMAND_ARGS, ENV_VARS};
use crate::values::answer::{Answer, AnswerKind, Made};
use crate::values::context::Context;
use crate::values::handle::JobHandle;
use crate::values::job_result::JobResult;
use crate::values::label::Label;
use crate::values::reference::WaitReference;
use crate::values::retry::Retry;
use sortie_core::call::{CallSpec, HostSelector, JobSpec, Reference, RetryPolicy};
use sortie_core::limits;
use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::values::dict::UnpackDictEntries;
use starlark::values::list::UnpackList;
use starlark::values::none::{NoneOr, NoneType};
use starlark::values::type_repr::StarlarkTypeRepr;
use starlark::values::{AllocValue, UnpackValue, Value};
use std::collections::BTreeMap;

/// `on`: the name of a host, or a label.
#[derive(StarlarkTypeRepr, UnpackValue)]
pub enum HostArg<'v> {
    Name(&'v str),
    Label(&'v Label),
}

/// A value in `env`.
#[derive(StarlarkTypeRepr, UnpackValue)]
pub enum EnvArg<'v> {
    Text(&'v str),
    Reference(&'v WaitReference),
}

/// A result, or a handle where `wait = False`.
#[derive(StarlarkTypeRepr, AllocValue)]
pub enum JobAnswer<'v> {
    Result(JobResult<'v>),
    Handle(JobHandle),
}

#[starlark_module]
pub fn register(builder: &mut GlobalsBuilder) {
    /// Run a command on a host and wait for its result.
    ///
    /// The first argument is the name of the step, unique in the run. `on` is the name of a host or `label("...")`. `command`
    /// is the program and its arguments; no shell reads it. `env` adds to a minimal environment; its values are text, or the
    /// `url` and `token` of a wait's handle. Without `cwd` each attempt gets a folder of its own.
    ///
    /// Time limits, each a duration such as `"90s"` or `"2h"`: `timeout` of the step over all its attempts (24 h),
    /// `heartbeat` between two signs of life (30 s), `started_within` from the launch to the first one (2 min),
    /// `launch_timeout` for reaching the host (2 min), `grace` between TERM and KILL when it is stopped (10 s).
    ///
    /// `retry = retry(...)` tries again after some failures; without it there is one attempt. `result_schema` is a JSON Schema
    /// that the command's result document must fit. Failure is a value (`r.ok`, `r.error.kind`), unless `check = True`, which
    /// then fails the run. `wait = False` returns a handle at once; `wait()` of the handle, `wait_all` or `wait_any` wait.
    fn job<'v>(
        #[starlark(require = pos)] step: &str,
        #[starlark(require = named)] on: HostArg<'v>,
        #[starlark(require = named)] command: UnpackList<String>,
        #[starlark(require = named, default = UnpackDictEntries::default())] env: UnpackDictEntries<String, EnvArg<'v>>,
        #[starlark(require = named, default = NoneOr::None)] cwd: NoneOr<String>,
        #[starlark(require = named, default = NoneOr::None)] stdin: NoneOr<String>,
        #[starlark(require = named, default = absent())] timeout: DurationArg<'v>,
        #[starlark(require = named, default = absent())] heartbeat: DurationArg<'v>,
        #[starlark(require = named, default = absent())] started_within: DurationArg<'v>,
        #[starlark(require = named, default = absent())] launch_timeout: DurationArg<'v>,
        #[starlark(require = named, default = absent())] grace: DurationArg<'v>,
        #[starlark(require = named, default = NoneOr::None)] retry: NoneOr<&'v Retry>,
        #[starlark(require = named, default = NoneType)] result_schema: Value<'v>,
        #[starlark(require = named, default = false)] check: bool,
        #[starlark(require = named, default = true)] wait: bool,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> anyhow::Result<JobAnswer<'v>> {
        let replay = Context::replay(eval, "job")?;
        let spec = JobSpec {
            on: host(on)?,
            command: command_line(command.items)?,
            env: environment(env)?,
            cwd: text("cwd", cwd)?,
            stdin: text("stdin", stdin)?.map(Reference::Text),
            files: BTreeMap::new(),
            artifacts: Vec::new(),
            budget: None,
            silence_ms: None,
            timeout_ms: duration_or("timeout", timeout, limits::WAIT_DEADLINE_MS)?,
            heartbeat_ms: at_least("heartbeat", duration_or("heartbeat", heartbeat, limits::HEARTBEAT_MS)?, limits::HEARTBEAT_LEAST_MS)?,
            started_ms: duration_or("started_within", started_within, limits::STARTED_MS)?,
            launch_ms: duration_or("launch_timeout", launch_timeout, limits::LAUNCH_MS)?,
            grace_ms: duration_or("grace", grace, limits::GRACE_MS)?,
            retry: retry.into_option().map_or_else(RetryPolicy::default, |retry| retry.0.clone()),
            result_schema: schema("result_schema", result_schema)?,
        };
        let call = replay.schedule(step, CallSpec::Job(spec))?;
        if !wait {
            return Ok(JobAnswer::Handle(JobHandle::new(call, step, check)));
        }
        match (Made { call, step, kind: AnswerKind::Job, check }).answer(replay, eval.heap())? {
            Answer::Job(result) => Ok(JobAnswer::Result(result)),
            _ => Err(anyhow::anyhow!("a job answers with a JobResult")),
        }
    }
}

fn at_least(argument: &str, ms: u64, least: u64) -> anyhow::Result<u64> {
    anyhow::ensure!(ms >= least, "{argument}: is {ms} ms; the least is {least} ms");
    Ok(ms)
}

fn host(on: HostArg<'_>) -> anyhow::Result<HostSelector> {
    match on {
        HostArg::Name(name) if name.trim().is_empty() => anyhow::bail!("on: the name of the host is empty"),
        HostArg::Name(name) => Ok(HostSelector::Name(name.to_owned())),
        HostArg::Label(label) => Ok(HostSelector::Label(label.0.clone())),
    }
}

fn command_line(command: Vec<String>) -> anyhow::Result<Vec<String>> {
    anyhow::ensure!(
        command.first().is_some_and(|program| !program.is_empty()),
        "command: expected a program and its arguments, got an empty list"
    );
    anyhow::ensure!(command.len() <= COMMAND_ARGS, "command: has {} arguments; it may have {COMMAND_ARGS}", command.len());
    for (at, argument) in command.iter().enumerate() {
        plain(&format!("command[{at}]"), argument)?;
    }
    Ok(command)
}

fn environment(env: UnpackDictEntries<String, EnvArg<'_>>) -> anyhow::Result<BTreeMap<String, Reference>> {
    anyhow::ensure!(env.entries.len() <= ENV_VARS, "env: has {} variables; it may have {ENV_VARS}", env.entries.len());
    env.entries
        .into_iter()
        .map(|(name, value)| {
            let valid = !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && b != b'=');
            anyhow::ensure!(valid, "env: {name:?} is no name of a variable");
            match value {
                EnvArg::Text(text) => plain(&format!("env[{name:?}]"), text).map(|()| (name, Reference::Text(text.to_owned()))),
                EnvArg::Reference(reference) => Ok((name, reference.reference())),
            }
        })
        .collect()
}

fn text(argument: &str, value: NoneOr<String>) -> anyhow::Result<Option<String>> {
    let value = value.into_option();
    if let Some(text) = &value {
        if argument == "stdin" {
            WaitReference::refuse_in(argument, text).map_err(anyhow::Error::msg)?;
        } else {
            plain(argument, text)?;
        }
    }
    Ok(value)
}

/// Text that the operating system takes as an argument: no NUL, and no reference that was put into it.
fn plain(argument: &str, text: &str) -> anyhow::Result<()> {
    anyhow::ensure!(!text.contains('\0'), "{argument}: has a NUL character");
    WaitReference::refuse_in(argument, text).map_err(anyhow::Error::msg)
}
