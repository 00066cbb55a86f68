//! `job(...)`: a command on a host.

use crate::builtins::answers::{Ask, JobAnswer};
use crate::builtins::args::{DurationArg, TextArg, absent, duration_or, schema, some_duration};
use crate::builtins::job_args::{HostArg, at_least, command_line, directory, environment, host, kept, removed, written};
use crate::values::context::Context;
use crate::values::plain::{Budget, Git, TreeLimits};
use crate::values::retry::Retry;
use sortie_core::call::{CallSpec, JobSpec, RetryPolicy};
use sortie_core::limits as core_limits;
use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::values::Value;
use starlark::values::dict::UnpackDictEntries;
use starlark::values::list::UnpackList;
use starlark::values::none::{NoneOr, NoneType};

#[starlark_module]
pub fn register(builder: &mut GlobalsBuilder) {
    /// Run a command on a host and wait for its result.
    ///
    /// The first argument is the name of the step, unique in the run. `on` is the name of a host or `label("...")`. `command`
    /// is the program and its arguments; no shell reads it. `env` adds to a minimal environment, `stdin` is its standard input,
    /// `files` are written before it starts, by path below its working directory. Their values are text, `secret("...")`, or the
    /// `url` and `token` of a wait's handle. `artifacts` lists files below the working directory that are kept when it ends:
    /// `r.artifact("report.html")` is then a reference to one.
    ///
    /// It works in `cwd`, or in a git worktree of its own (`workspace = git(...)`); without either each attempt gets a folder of
    /// its own. `cleanup` says when such a folder is removed: `"keep"` (with the attempt, days later), `"success"` or `"always"`.
    /// `own_user = True` runs it only where it gets a user of its own on the host; `limits = limits(...)` bounds its processes.
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
        #[starlark(require = named, default = NoneOr::None)] workspace: NoneOr<&'v Git>,
        #[starlark(require = named, default = "keep")] cleanup: &str,
        #[starlark(require = named, default = false)] own_user: bool,
        #[starlark(require = named, default = NoneOr::None)] limits: NoneOr<&'v TreeLimits>,
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
            cwd: directory(cwd.into_option(), workspace.is_none())?,
            workspace: workspace.into_option().map(|git| git.0.clone()),
            cleanup: removed(cleanup)?,
            own_user,
            tree: limits.into_option().map(|limits| limits.0).unwrap_or_default(),
            stdin: stdin.into_option().map(|stdin| stdin.reference("stdin")).transpose()?,
            files: written(files)?,
            artifacts: kept(artifacts.items)?,
            budget: budget.into_option().map(|budget| budget.0.clone()),
            silence_ms: some_duration("silence", silence)?,
            timeout_ms: duration_or("timeout", timeout, core_limits::WAIT_DEADLINE_MS)?,
            heartbeat_ms: at_least(
                "heartbeat",
                duration_or("heartbeat", heartbeat, core_limits::HEARTBEAT_MS)?,
                core_limits::HEARTBEAT_LEAST_MS,
            )?,
            started_ms: duration_or("started_within", started_within, core_limits::STARTED_MS)?,
            launch_ms: duration_or("launch_timeout", launch_timeout, core_limits::LAUNCH_MS)?,
            grace_ms: duration_or("grace", grace, core_limits::GRACE_MS)?,
            retry: retry.into_option().map_or_else(RetryPolicy::default, |retry| retry.0.clone()),
            result_schema: schema("result_schema", result_schema)?,
            ..JobSpec::new(host(on)?, command_line(command.items)?)
        };
        JobAnswer::make(replay, eval.heap(), Ask { step, check, wait }, CallSpec::Job(spec))
    }
}
