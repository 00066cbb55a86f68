//! `agent(...)`: a coding agent on a host.

use crate::builtins::answers::{Ask, JobAnswer};
use crate::builtins::args::{DurationArg, TextArg, absent, duration_or, one_of, plain, schema, some_duration};
use crate::builtins::job_args::{HostArg, at_least, command_line, directory, environment, host, kept, removed, written};
use crate::limits::{AGENT_TOOLS, COMMAND_ARGS, MODEL_CHARS};
use crate::values::context::Context;
use crate::values::plain::{Budget, Git, TreeLimits};
use crate::values::retry::Retry;
use sortie_core::call::{AgentPermissions, AgentSpec, CallSpec, JobSpec, RetryPolicy};
use sortie_core::limits as core_limits;
use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::values::Value;
use starlark::values::dict::UnpackDictEntries;
use starlark::values::list::UnpackList;
use starlark::values::none::{NoneOr, NoneType};

/// Agents that hosts know, as the shim calls them.
const KINDS: [(&str, &str); 5] =
    [("claude", "claude"), ("codex", "codex"), ("gemini", "gemini"), ("opencode", "opencode"), (COMMAND, COMMAND)];
/// The kind that is any program.
const COMMAND: &str = "command";
const PERMISSIONS: [(&str, AgentPermissions); 3] =
    [("all", AgentPermissions::All), ("deny", AgentPermissions::Deny), ("ask", AgentPermissions::Ask)];
/// Between two checkpoints where the flow says nothing, in milliseconds.
const CHECKPOINT_MS: u64 = 300_000;
/// How long an agent may live on after its final event where the flow says nothing, in milliseconds.
const LINGER_MS: u64 = 30_000;

#[starlark_module]
pub fn register(builder: &mut GlobalsBuilder) {
    /// Have a coding agent work on a host and wait for its result: a `job` that knows the agent.
    ///
    /// `kind` is "claude" (Claude Code), "codex", "gemini", "opencode", or "command": any program, which gets the prompt on its
    /// standard input. `prompt` is what it is told; it reaches the agent by standard input or a file, never on a command line.
    /// `program` is its program where that has another name (needed for "command"), `arguments` are further ones. `model` is named
    /// as the agent names it, `tools` are allowed without asking, `max_turns` bounds one attempt. `permissions` is "all" (the host
    /// is the sandbox), "deny" (what its own configuration and `tools` do not allow is denied) or "ask" (a person is asked, where
    /// the agent can be made to ask; the question is an approval like any other, answered by one of `approvers`). While a question is
    /// open, the time limits of the step stand still. With `denials_fail = True` an agent that is done, and was denied a tool,
    /// counts as failed (`agent_denied`).
    ///
    /// A retry goes on with the session of the attempt before it, on the same host where that is ready, unless `resume = False`;
    /// every `checkpoint` (5 min) session and working tree are kept, so that another host can go on from there. `linger` is how long
    /// it may live on after it has said that it is done (30 s). `budget` is held against all attempts together.
    ///
    /// Where it works: `cwd` or `workspace = git(...)`. `env`, `files`, `artifacts`, `cleanup`, `own_user`, `limits`, `silence`, the
    /// time limits, `retry`, `result_schema`, `check` and `wait` are as with `job`; the schema is told the agent, too. Its result is
    /// that of a job; `r.agent` has `session`, `outcome`, `text`, `model`, `turns`, `tool_calls`, `denials`, `resumed`, and `usage` of all
    /// attempts together.
    fn agent<'v>(
        #[starlark(require = pos)] step: &str,
        #[starlark(require = named)] on: HostArg<'v>,
        #[starlark(require = named)] kind: &str,
        #[starlark(require = named)] prompt: &str,
        #[starlark(require = named, default = NoneOr::None)] program: NoneOr<String>,
        #[starlark(require = named, default = UnpackList::default())] arguments: UnpackList<String>,
        #[starlark(require = named, default = NoneOr::None)] model: NoneOr<String>,
        #[starlark(require = named, default = "all")] permissions: &str,
        #[starlark(require = named, default = UnpackList::default())] tools: UnpackList<String>,
        #[starlark(require = named, default = NoneOr::None)] max_turns: NoneOr<i32>,
        #[starlark(require = named, default = false)] denials_fail: bool,
        #[starlark(require = named, default = true)] resume: bool,
        #[starlark(require = named, default = absent())] checkpoint: DurationArg<'v>,
        #[starlark(require = named, default = absent())] linger: DurationArg<'v>,
        #[starlark(require = named, default = UnpackList::default())] approvers: UnpackList<String>,
        #[starlark(require = named, default = UnpackDictEntries::default())] env: UnpackDictEntries<String, TextArg<'v>>,
        #[starlark(require = named, default = NoneOr::None)] cwd: NoneOr<String>,
        #[starlark(require = named, default = NoneOr::None)] workspace: NoneOr<&'v Git>,
        #[starlark(require = named, default = "keep")] cleanup: &str,
        #[starlark(require = named, default = false)] own_user: bool,
        #[starlark(require = named, default = NoneOr::None)] limits: NoneOr<&'v TreeLimits>,
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
        let replay = Context::replay(eval, "agent")?;
        let kind = one_of("kind", kind, &KINDS)?;
        let (program, arguments) = (program.into_option(), words("arguments", arguments.items, COMMAND_ARGS)?);
        let (command, program, arguments) = run_as(kind, program, arguments)?;
        let agent = AgentSpec {
            kind: kind.to_owned(),
            prompt: told(prompt)?,
            program,
            arguments,
            model: model.into_option().map(|model| short("model", model)).transpose()?,
            permissions: one_of("permissions", permissions, &PERMISSIONS)?,
            tools: words("tools", tools.items, AGENT_TOOLS)?,
            max_turns: max_turns.into_option().map(turns).transpose()?,
            denials_fail,
            resume,
            checkpoint_ms: duration_or("checkpoint", checkpoint, CHECKPOINT_MS)?,
            linger_ms: duration_or("linger", linger, LINGER_MS)?,
            approvers: roles(approvers.items)?,
        };
        let spec = JobSpec {
            agent: Some(agent),
            env: environment(env)?,
            cwd: directory(cwd.into_option(), workspace.is_none())?,
            workspace: workspace.into_option().map(|git| git.0.clone()),
            cleanup: removed(cleanup)?,
            own_user,
            tree: limits.into_option().map(|limits| limits.0).unwrap_or_default(),
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
            ..JobSpec::new(host(on)?, command)
        };
        JobAnswer::make(replay, eval.heap(), Ask { step, check, wait }, CallSpec::Job(spec))
    }
}

/// Command, program and arguments: a `command` agent is its command line, the others know their own.
type RunAs = (Vec<String>, Option<String>, Vec<String>);

fn run_as(kind: &str, program: Option<String>, arguments: Vec<String>) -> anyhow::Result<RunAs> {
    if let Some(program) = &program {
        plain("program", program)?;
        anyhow::ensure!(!program.is_empty(), "program: is empty");
    }
    if kind != COMMAND {
        return Ok((Vec::new(), program, arguments));
    }
    let program = program.ok_or_else(|| anyhow::anyhow!("program: an agent of the kind \"command\" needs one"))?;
    Ok((command_line([vec![program], arguments].concat())?, None, Vec::new()))
}

fn told(prompt: &str) -> anyhow::Result<String> {
    plain("prompt", prompt)?;
    anyhow::ensure!(!prompt.trim().is_empty(), "prompt: is empty");
    Ok(prompt.to_owned())
}

fn short(argument: &str, text: String) -> anyhow::Result<String> {
    plain(argument, &text)?;
    let fine = !text.is_empty() && text.chars().count() <= MODEL_CHARS && !text.starts_with('-') && !text.chars().any(char::is_control);
    anyhow::ensure!(fine, "{argument}: expected 1 to {MODEL_CHARS} characters that do not begin with `-`, got {text:?}");
    Ok(text)
}

fn words(argument: &str, items: Vec<String>, most: usize) -> anyhow::Result<Vec<String>> {
    anyhow::ensure!(items.len() <= most, "{argument}: has {} entries; it may have {most}", items.len());
    for (at, item) in items.iter().enumerate() {
        plain(&format!("{argument}[{at}]"), item)?;
        anyhow::ensure!(!item.is_empty(), "{argument}[{at}]: is empty");
    }
    Ok(items)
}

fn roles(items: Vec<String>) -> anyhow::Result<Vec<String>> {
    let items = words("approvers", items, AGENT_TOOLS)?;
    anyhow::ensure!(items.iter().all(|role| !role.contains([',', '*'])), "approvers: a role has neither `,` nor `*` in it");
    Ok(items)
}

fn turns(n: i32) -> anyhow::Result<u32> {
    u32::try_from(n).ok().filter(|n| *n > 0).ok_or_else(|| anyhow::anyhow!("max_turns: expected at least 1, got {n}"))
}
