//! `job(...)`: a command on a host.

use crate::builtins::answers::{Ask, JobAnswer};
use crate::builtins::args::{DurationArg, TextArg, absent, duration_or, plain, relative_path, schema, some_duration};
use crate::limits::{COMMAND_ARGS, ENV_VARS};
use crate::values::context::Context;
use crate::values::label::Label;
use crate::values::plain::Budget;
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
use starlark::values::{UnpackValue, Value};
use std::collections::BTreeMap;

/// `on`: the name of a host, or a label.
#[derive(StarlarkTypeRepr, UnpackValue)]
pub enum HostArg<'v> {
    Name(&'v str),
    Label(&'v Label),
}

#[starlark_module]
pub fn register(builder: &mut GlobalsBuilder) {
    /// Run a command on a host and wait for its result.
    ///
    /// The first argument is the name of the step, unique in the run. `on` is the name of a host or `label("...")`. `command`
    /// is the program and its arguments; no shell reads it. `env` adds to a minimal environment, `stdin` is its standard input,
    /// `files` are written before it starts, by path below its working directory. Their values are text, `secret("...")`, or the
    /// `url` and `token` of a wait's handle. Without `cwd` each attempt gets a folder of its own. `artifacts` lists files below
    /// the working directory that are kept when it ends: `r.artifact("report.html")` is then a reference to one.
    ///
    /// Time limits, each a duration such as `"90s"` or `"2h"`: `timeout` of the step over all its attempts (24 h),
    /// `heartbeat` between two signs of life (30 s), `silence` without any output (no limit), `started_within` from the launch to
    /// the first sign of life (2 min), `launch_timeout` for reaching the host (2 min), `grace` between TERM and KILL when it is
    /// stopped (10 s). `budget = budget(...)` limits what it may use by its own reports.
    ///
    /// `retry = retry(...)` tries again after some failures; without it there is one attempt. `result_schema` is a JSON Schema
    /// that the command's result document must fit. Failure is a value (`r.ok`, `r.error.kind`), unless `check = True`, which
    /// then fails the run. `wait = False` returns a handle at once; `wait()` of the handle, `wait_all` or `wait_any` wait.
    fn job<'v>(
        #[starlark(require = pos)] step: &str,
        #[starlark(require = named)] on: HostArg<'v>,
        #[starlark(require = named)] command: UnpackList<String>,
        #[starlark(require = named, default = UnpackDictEntries::default())] env: UnpackDictEntries<String, TextArg<'v>>,
        #[starlark(require = named, default = NoneOr::None)] cwd: NoneOr<String>,
        #[starlark(require = named, default = NoneOr::None)] stdin: NoneOr<TextArg<'v>>,
        #[starlark(require = named, default = UnpackDictEntries::default())] files: UnpackDictEntries<String, TextArg<'v>>,
        #[starlark(require = named, default = UnpackList::default())] artifacts: UnpackList<String>,
        #[starlark(require = named, default = NoneOr::None)] budget: NoneOr<&'v Budget>,
        #[starlark(require = named, default = absent())] silence: DurationArg<'v>,
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
            env: environment(env)?,
            cwd: cwd.into_option().map(|cwd| plain("cwd", &cwd).map(|()| cwd)).transpose()?,
            stdin: stdin.into_option().map(|stdin| stdin.reference("stdin")).transpose()?,
            files: written(files)?,
            artifacts: kept(artifacts.items)?,
            budget: budget.into_option().map(|budget| budget.0.clone()),
            silence_ms: some_duration("silence", silence)?,
            timeout_ms: duration_or("timeout", timeout, limits::WAIT_DEADLINE_MS)?,
            heartbeat_ms: at_least("heartbeat", duration_or("heartbeat", heartbeat, limits::HEARTBEAT_MS)?, limits::HEARTBEAT_LEAST_MS)?,
            started_ms: duration_or("started_within", started_within, limits::STARTED_MS)?,
            launch_ms: duration_or("launch_timeout", launch_timeout, limits::LAUNCH_MS)?,
            grace_ms: duration_or("grace", grace, limits::GRACE_MS)?,
            retry: retry.into_option().map_or_else(RetryPolicy::default, |retry| retry.0.clone()),
            result_schema: schema("result_schema", result_schema)?,
            ..JobSpec::new(host(on)?, command_line(command.items)?)
        };
        JobAnswer::make(replay, eval.heap(), Ask { step, check, wait }, CallSpec::Job(spec))
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

fn environment(env: UnpackDictEntries<String, TextArg<'_>>) -> anyhow::Result<BTreeMap<String, Reference>> {
    anyhow::ensure!(env.entries.len() <= ENV_VARS, "env: has {} variables; it may have {ENV_VARS}", env.entries.len());
    env.entries
        .into_iter()
        .map(|(name, value)| {
            let valid = !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && b != b'=');
            anyhow::ensure!(valid, "env: {name:?} is no name of a variable");
            let argument = format!("env[{name:?}]");
            if let TextArg::Text(text) = &value {
                plain(&argument, text)?;
            }
            Ok((name, value.reference(&argument)?))
        })
        .collect()
}

fn written(files: UnpackDictEntries<String, TextArg<'_>>) -> anyhow::Result<BTreeMap<String, Reference>> {
    anyhow::ensure!(files.entries.len() <= limits::JOB_FILES, "files: there may be {}", limits::JOB_FILES);
    files
        .entries
        .into_iter()
        .map(|(path, content)| {
            relative_path("files", &path)?;
            let content = content.reference(&format!("files[{path:?}]"))?;
            Ok((path, content))
        })
        .collect()
}

fn kept(artifacts: Vec<String>) -> anyhow::Result<Vec<String>> {
    anyhow::ensure!(artifacts.len() <= limits::ARTIFACTS, "artifacts: there may be {}", limits::ARTIFACTS);
    for (at, path) in artifacts.iter().enumerate() {
        relative_path("artifacts", path)?;
        anyhow::ensure!(!artifacts[..at].contains(path), "artifacts: {path:?} stands in the list twice");
    }
    Ok(artifacts)
}
