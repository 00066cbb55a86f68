//! `approval(...)`: a question to people.

use crate::builtins::answers::{ApprovalAnswer, Ask};
use crate::builtins::args::{DurationArg, absent, duration_or, plain, some_duration};
use crate::limits::{APPROVAL_SHOWN, TITLE_CHARS};
use crate::values::context::Context;
use crate::values::plain::{Connection, Escalate};
use sortie_core::call::{ApprovalSpec, CallSpec};
use sortie_core::limits;
use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::values::list::UnpackList;
use starlark::values::none::NoneOr;

#[starlark_module]
pub fn register(builder: &mut GlobalsBuilder) {
    /// Ask people to decide: `ok = approval("merge", title = "Merge the fix?", approvers = ["maintainers"], timeout = "24h")`.
    ///
    /// The first argument is the name of the step, unique in the run. `title` is one line, `text` what they need to know, `show`
    /// lists resources: `res://...` references such as `fix.artifact("diff")`. `approvers` lists roles (every operator without).
    /// `quorum` different people have to approve (1); one rejection rejects. `comment = True` makes them say why.
    ///
    /// They are told through `notify = connection("...")`, or the flow's own; again every `remind`, and after some time others
    /// too: `escalate = escalate("4h", to = ["leads"])`. When `timeout` (24 h) has passed, the outcome is `timed_out`: silence is
    /// neither approval nor rejection. `check = True` fails the run unless it is approved. `wait = False` returns a handle.
    fn approval<'v>(
        #[starlark(require = pos)] step: &str,
        #[starlark(require = named)] title: &str,
        #[starlark(require = named, default = "")] text: &str,
        #[starlark(require = named, default = UnpackList::default())] show: UnpackList<String>,
        #[starlark(require = named, default = UnpackList::default())] approvers: UnpackList<String>,
        #[starlark(require = named, default = 1)] quorum: i32,
        #[starlark(require = named, default = false)] comment: bool,
        #[starlark(require = named, default = absent())] remind: DurationArg<'v>,
        #[starlark(require = named, default = NoneOr::None)] escalate: NoneOr<&'v Escalate>,
        #[starlark(require = named, default = NoneOr::None)] notify: NoneOr<&'v Connection>,
        #[starlark(require = named, default = absent())] timeout: DurationArg<'v>,
        #[starlark(require = named, default = false)] check: bool,
        #[starlark(require = named, default = true)] wait: bool,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> anyhow::Result<ApprovalAnswer<'v>> {
        let replay = Context::replay(eval, "approval")?;
        let one_line = !title.trim().is_empty() && title.chars().count() <= TITLE_CHARS && !title.chars().any(char::is_control);
        anyhow::ensure!(one_line, "title: expected one line of at most {TITLE_CHARS} characters");
        plain("title", title)?;
        plain("text", text)?;
        anyhow::ensure!(show.items.len() <= APPROVAL_SHOWN, "show: there may be {APPROVAL_SHOWN} resources");
        if let Some(other) = show.items.iter().find(|shown| !shown.starts_with("res://")) {
            anyhow::bail!("show: expected references such as fix.artifact(\"diff\"), got {other:?}");
        }
        anyhow::ensure!(approvers.items.iter().all(|role| !role.trim().is_empty()), "approvers: the name of a role is empty");
        let most = i32::try_from(limits::QUORUM).unwrap_or(i32::MAX);
        anyhow::ensure!((1..=most).contains(&quorum), "quorum: expected 1 to {most}, got {quorum}");
        let remind_ms = some_duration("remind", remind)?;
        if let Some(ms) = remind_ms {
            anyhow::ensure!(ms >= limits::REMIND_LEAST_MS, "remind: is {ms} ms; the least is {} ms", limits::REMIND_LEAST_MS);
        }
        let spec = ApprovalSpec {
            title: title.to_owned(),
            text: text.to_owned(),
            show: show.items,
            approvers: approvers.items,
            quorum: quorum.unsigned_abs(),
            comment_required: comment,
            remind_ms,
            escalate: escalate.into_option().map(|more| more.0.clone()),
            notify: notify.into_option().map(|connection| connection.0.clone()),
            timeout_ms: duration_or("timeout", timeout, limits::WAIT_DEADLINE_MS)?,
        };
        ApprovalAnswer::make(replay, eval.heap(), Ask { step, check, wait }, CallSpec::Approval(spec))
    }
}
