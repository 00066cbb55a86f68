//! What a test file can call: `start`, the assertions, and the methods of a run under test.

// The macros of starlark expand to `unsafe impl` and to items without documentation.
#![allow(
    unsafe_code,
    missing_docs,
    non_upper_case_globals,
    clippy::too_many_arguments,
    reason = "what starlark's macros expand to; the parameters are the arguments of the builtin"
)]

use crate::compile::Compiled;
use crate::duration;
use crate::json::{from_json, same, to_json};
use crate::testing::simulate::{calls_of, end_of, log_of, to_the_end};
use crate::testing::stub::Stub;
use crate::testing::world::{Published, World};
use allocative::Allocative;
use serde_json::{Value as Json, json};
use sortie_core::evaluation::Reports;
use sortie_core::input::{InputBody, Operator};
use sortie_core::view::StepKind;
use starlark::any::ProvidesStaticType;
use starlark::environment::{Globals, GlobalsBuilder, LibraryExtension, Methods, MethodsBuilder};
use starlark::eval::Evaluator;
use starlark::values::list::UnpackList;
use starlark::values::none::{NoneOr, NoneType};
use starlark::values::{NoSerialize, StarlarkPagable, StarlarkValue, Value, starlark_value};
use starlark::{starlark_module, starlark_simple_value};
use std::cell::RefCell;
use std::fmt;
use std::sync::LazyLock;

/// The runs of one test, reached through the evaluator.
#[derive(ProvidesStaticType)]
pub struct TestContext<'c> {
    compiled: &'c Compiled,
    worlds: RefCell<Vec<World<'c>>>,
}

impl<'c> TestContext<'c> {
    /// For one test of this flow.
    #[must_use]
    pub fn new(compiled: &'c Compiled) -> Self {
        Self { compiled, worlds: RefCell::default() }
    }

    fn of<'a>(eval: &Evaluator<'_, 'a, 'c>) -> anyhow::Result<&'a Self> {
        let found = eval.extra.and_then(|extra| extra.downcast_ref::<Self>());
        found.ok_or_else(|| anyhow::anyhow!("runs are started while a test executes, not while its file is loaded"))
    }
}

static GLOBALS: LazyLock<Globals> = LazyLock::new(|| {
    let mut builder = GlobalsBuilder::standard();
    for extension in [LibraryExtension::StructType, LibraryExtension::Map, LibraryExtension::Filter, LibraryExtension::Typing] {
        extension.add(&mut builder);
    }
    builder.with(register).build()
});

/// Everything that a test file can name.
pub fn globals() -> &'static Globals {
    &GLOBALS
}

/// A run under test, by its place among those of the test.
#[derive(Debug, Clone, ProvidesStaticType, NoSerialize, StarlarkPagable, Allocative)]
pub struct TestRun {
    place: usize,
}
starlark_simple_value!(TestRun);

impl fmt::Display for TestRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TestRun({})", self.place + 1)
    }
}

starlark::methods_static!(METHODS = methods);

#[starlark_value(type = "TestRun")]
impl<'v> StarlarkValue<'v> for TestRun {
    fn get_methods() -> Option<&'static Methods> {
        Some(METHODS.methods())
    }
}

/// Do something with the run that a value stands for.
fn with<'c, T>(this: &TestRun, eval: &Evaluator<'_, '_, 'c>, act: impl FnOnce(&mut World<'c>) -> Result<T, String>) -> anyhow::Result<T> {
    let mut worlds = TestContext::of(eval)?.worlds.borrow_mut();
    let world = worlds.get_mut(this.place).ok_or_else(|| anyhow::anyhow!("this run is of another test"))?;
    act(world).map_err(anyhow::Error::msg)
}

#[starlark_module]
pub fn register(builder: &mut GlobalsBuilder) {
    /// Start a run of the flow with this input. It goes on to where it waits for something that has no stub: jobs, requests and
    /// child runs stay open until they are answered or run out of time.
    ///
    /// `stubs` maps names of steps to what answers them, for steps that the run comes to at once: `{"build": {"value": {}}}`.
    fn start<'v>(
        #[starlark(require = named, default = NoneOr::None)] input: NoneOr<Value<'v>>,
        #[starlark(require = named, default = NoneOr::None)] stubs: NoneOr<Value<'v>>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> anyhow::Result<TestRun> {
        let context = TestContext::of(eval)?;
        let input = input.into_option().map_or(Ok(json!({})), to_json)?;
        let mut world = World::start(context.compiled, &input).map_err(anyhow::Error::msg)?;
        if let Some(Json::Object(stubs)) = stubs.into_option().map(to_json).transpose()? {
            for (step, canned) in stubs {
                for one in if let Json::Array(several) = canned { several } else { vec![canned] } {
                    let stub: Stub = serde_json::from_value(one).map_err(|error| anyhow::anyhow!("the stub of `{step}`: {error}"))?;
                    stub.check().map_err(|why| anyhow::anyhow!("the stub of `{step}`: {why}"))?;
                    world.stubs.add(&step, stub);
                }
            }
        }
        world.settle().map_err(anyhow::Error::msg)?;
        let mut worlds = context.worlds.borrow_mut();
        worlds.push(world);
        Ok(TestRun { place: worlds.len() - 1 })
    }

    /// Fail the test unless both values are equal.
    fn assert_eq<'v>(
        #[starlark(require = pos)] actual: Value<'v>,
        #[starlark(require = pos)] expected: Value<'v>,
    ) -> anyhow::Result<NoneType> {
        let equal = match (to_json(actual), to_json(expected)) {
            (Ok(actual), Ok(expected)) => same(&actual, &expected),
            _ => actual.equals(expected).map_err(|error| anyhow::anyhow!("{error}"))?,
        };
        anyhow::ensure!(equal, "not equal\n  actual:   {}\n  expected: {}", actual.to_repr(), expected.to_repr());
        Ok(NoneType)
    }

    /// Fail the test unless the value is true.
    fn assert_true<'v>(
        #[starlark(require = pos)] value: Value<'v>,
        #[starlark(require = pos, default = "")] message: &str,
    ) -> anyhow::Result<NoneType> {
        anyhow::ensure!(value.to_bool(), "not true: {} {message}", value.to_repr());
        Ok(NoneType)
    }
}

#[starlark_module]
fn methods(builder: &mut MethodsBuilder) {
    /// Say what answers a step from now on: `t.stub("build", value = {"ok": True})`, `t.stub("fetch", failure = "unreachable",
    /// times = 2)`, `t.stub("merge", vote = "approve", by = "ann")`. A name that ends in `*` fits all that start so. Several
    /// stubs of one step answer in turn. `agent` says what `r.agent` holds: `t.stub("fix", agent = {"text": "done"})`.
    fn stub<'v>(
        this: &TestRun,
        #[starlark(require = pos)] step: &str,
        #[starlark(require = named, default = NoneType)] value: Value<'v>,
        #[starlark(require = named, default = NoneType)] agent: Value<'v>,
        #[starlark(require = named, default = NoneOr::None)] failure: NoneOr<String>,
        #[starlark(require = named, default = "")] message: &str,
        #[starlark(require = named, default = NoneOr::None)] after: NoneOr<String>,
        #[starlark(require = named, default = NoneOr::None)] times: NoneOr<u32>,
        #[starlark(require = named, default = "")] output: &str,
        #[starlark(require = named, default = UnpackList::default())] artifacts: UnpackList<String>,
        #[starlark(require = named, default = NoneOr::None)] status: NoneOr<u32>,
        #[starlark(require = named, default = NoneOr::None)] vote: NoneOr<String>,
        #[starlark(require = named, default = NoneOr::None)] by: NoneOr<String>,
        #[starlark(require = named, default = NoneOr::None)] comment: NoneOr<String>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> anyhow::Result<NoneType> {
        let stub = Stub {
            value: to_json(value)?,
            agent: to_json(agent)?,
            failure: failure.into_option(),
            message: message.to_owned(),
            after: after.into_option(),
            times: times.into_option(),
            output: output.to_owned(),
            artifacts: artifacts.items,
            status: status.into_option().and_then(|status| u16::try_from(status).ok()),
            vote: vote.into_option(),
            by: by.into_option(),
            comment: comment.into_option(),
        };
        stub.check().map_err(anyhow::Error::msg)?;
        with(this, eval, |world| {
            world.stubs.add(step, stub);
            world.settle()
        })?;
        Ok(NoneType)
    }

    /// Answer an open step now: the result of a job, the answer to a wait, the JSON of a request, what a child returned. With
    /// `failure` it fails with that kind.
    fn answer<'v>(
        this: &TestRun,
        #[starlark(require = pos)] step: &str,
        #[starlark(require = pos, default = NoneType)] value: Value<'v>,
        #[starlark(require = named, default = NoneOr::None)] failure: NoneOr<String>,
        #[starlark(require = named, default = "")] message: &str,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> anyhow::Result<NoneType> {
        let stub = Stub { value: to_json(value)?, failure: failure.into_option(), message: message.to_owned(), ..Stub::default() };
        stub.check().map_err(anyhow::Error::msg)?;
        with(this, eval, |world| {
            let call = world.open_step(step)?.call;
            world.answer_with(call, &stub)?;
            world.settle()
        })?;
        Ok(NoneType)
    }

    /// Decide about an open approval: `t.vote("merge", "approve", by = "ann")`.
    fn vote<'v>(
        this: &TestRun,
        #[starlark(require = pos)] step: &str,
        #[starlark(require = pos)] vote: &str,
        #[starlark(require = named, default = "tester")] by: &str,
        #[starlark(require = named, default = NoneOr::None)] comment: NoneOr<String>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> anyhow::Result<NoneType> {
        let comment = comment.into_option();
        let stub = Stub { vote: Some(vote.to_owned()), by: Some(by.to_owned()), comment, ..Stub::default() };
        stub.check().map_err(anyhow::Error::msg)?;
        with(this, eval, |world| {
            let open = world.open_step(step)?;
            if !matches!(open.kind, StepKind::Approval(_)) {
                return Err(format!("the step `{step}` is no approval"));
            }
            world.answer_with(open.call, &stub)?;
            world.settle()
        })?;
        Ok(NoneType)
    }

    /// Publish an outside event, for steps that wait for it now or later.
    fn event<'v>(
        this: &TestRun,
        #[starlark(require = pos)] name: &str,
        #[starlark(require = pos)] key: &str,
        #[starlark(require = pos, default = NoneType)] payload: Value<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> anyhow::Result<NoneType> {
        let payload = to_json(payload)?;
        with(this, eval, |world| {
            let at = world.now;
            world.published.push(Published { name: name.to_owned(), key: key.to_owned(), payload, at, taken: false });
            let waits = |kind: &StepKind| matches!(kind, StepKind::Event { name: n, key: k } if n == name && k == key);
            let open = world.view.steps.values().find(|step| step.is_open() && waits(&step.kind)).map(|step| step.call);
            if let Some(call) = open {
                world.perform(sortie_core::effect::Work::Event(call))?;
            }
            world.settle()
        })?;
        Ok(NoneType)
    }

    /// Say what an open job has reported, for `handle.progress()` and `handle.checkpoint()` from now on.
    fn report<'v>(
        this: &TestRun,
        #[starlark(require = pos)] step: &str,
        #[starlark(require = named)] progress: Option<Value<'v>>,
        #[starlark(require = named)] checkpoint: Option<Value<'v>>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> anyhow::Result<NoneType> {
        let reports = Reports { progress: progress.map(to_json).transpose()?, checkpoint: checkpoint.map(to_json).transpose()? };
        with(this, eval, |world| {
            let call = world.open_step(step)?.call;
            world.reports.insert(call, reports);
            Ok(())
        })?;
        Ok(NoneType)
    }

    /// Let virtual time pass: `t.advance("2h")`. Timers that fall due on the way fire at their time.
    fn advance(this: &TestRun, #[starlark(require = pos)] by: &str, eval: &mut Evaluator) -> anyhow::Result<NoneType> {
        let ms = duration::parse(by).map_err(anyhow::Error::msg)?;
        with(this, eval, |world| {
            let until = world.now.saturating_add(i64::try_from(ms).unwrap_or(i64::MAX));
            world.pass(until)
        })?;
        Ok(NoneType)
    }

    /// Let virtual time pass until the run is over.
    fn finish(this: &TestRun, eval: &mut Evaluator) -> anyhow::Result<NoneType> {
        with(this, eval, to_the_end)?;
        Ok(NoneType)
    }

    /// Cancel the run, as an operator would.
    fn cancel(this: &TestRun, eval: &mut Evaluator) -> anyhow::Result<NoneType> {
        with(this, eval, |world| {
            world.deliver(InputBody::Cancel(Operator::named("tester")), None)?;
            world.settle()
        })?;
        Ok(NoneType)
    }

    /// State of the run: `running`, `waiting`, `succeeded`, `failed`, ...
    fn state(this: &TestRun, eval: &mut Evaluator) -> anyhow::Result<String> {
        with(this, eval, |world| Ok(world.head().shown_state().to_owned()))
    }

    /// What the run returned, or None.
    fn result<'v>(this: &TestRun, eval: &mut Evaluator<'v, '_, '_>) -> anyhow::Result<Value<'v>> {
        let value = with(this, eval, |world| Ok(end_of(&world.events).0))?;
        Ok(from_json(&value, eval.heap())?)
    }

    /// Why the run failed or was parked, as `{"kind": ..., "message": ...}`, or None.
    fn error<'v>(this: &TestRun, eval: &mut Evaluator<'v, '_, '_>) -> anyhow::Result<Value<'v>> {
        let value = with(this, eval, |world| Ok(end_of(&world.events).1.unwrap_or(Json::Null)))?;
        Ok(from_json(&value, eval.heap())?)
    }

    /// The durable calls so far, in order: `{"step": ..., "kind": ..., "args": {...}, "answer": ...}`; `answer` is None while open.
    fn calls<'v>(this: &TestRun, eval: &mut Evaluator<'v, '_, '_>) -> anyhow::Result<Value<'v>> {
        let value = with(this, eval, |world| Ok(Json::Array(calls_of(&world.events))))?;
        Ok(from_json(&value, eval.heap())?)
    }

    /// Names of the steps that are open.
    fn open<'v>(this: &TestRun, eval: &mut Evaluator<'v, '_, '_>) -> anyhow::Result<Vec<String>> {
        with(this, eval, |world| Ok(world.view.steps.values().filter(|step| step.is_open()).map(|step| step.name.clone()).collect()))
    }

    /// Lines that the run has logged.
    fn log<'v>(this: &TestRun, eval: &mut Evaluator<'v, '_, '_>) -> anyhow::Result<Vec<String>> {
        with(this, eval, |world| Ok(log_of(&world.events)))
    }

    /// Kinds of the events of the run's history, in order.
    fn history<'v>(this: &TestRun, eval: &mut Evaluator<'v, '_, '_>) -> anyhow::Result<Vec<String>> {
        with(this, eval, |world| Ok(world.events.iter().map(|event| event.body.kind().to_owned()).collect()))
    }
}
