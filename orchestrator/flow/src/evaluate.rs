//! One evaluation of a flow: from the top against its journal, to the next suspension or the end.

use crate::bounds;
use crate::bundle::Bundle;
use crate::compile::Compiled;
use crate::diagnostic::{Diagnostic, DiagnosticKind};
use crate::json::{JsonError, from_json, to_json};
use crate::limits::TICKS;
use crate::log::Log;
use crate::replay::{Known, Replay, Stop};
use crate::values::context::Context;
use crate::values::ctx::Ctx;
use crate::values::end::End as ExitEnd;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sortie_core::evaluation::{End, Evaluation, ExitFacts, JournalEntry, LogLine, Reports, RunFacts};
use sortie_core::failure::{Failure, FailureKind};
use sortie_core::ids::Ms;
use sortie_core::limits::INPUT_BYTES;
use starlark::environment::{FrozenModule, Module};
use starlark::eval::Evaluator;
use starlark::values::{Heap, Value};
use std::collections::BTreeMap;

/// What one evaluation needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvaluateRequest {
    /// [`Bundle::digest`] of the release or draft.
    pub digest: String,
    /// The bundle itself; may stay away where the worker has seen the digest.
    pub bundle: Option<Bundle>,
    /// The run's input, as [`crate::manifest::Manifest::check_input`] returned it.
    pub input: Json,
    /// Facts about the run.
    pub facts: RunFacts,
    /// All its durable calls so far, from call 1.
    pub journal: Vec<JournalEntry>,
    /// The time, for `now`.
    pub at_ms: Ms,
    /// 32 random bytes in hex, for `uuid`.
    pub entropy_hex: String,
    /// Lines of the run's log that are kept already.
    #[serde(default)]
    pub logged: u32,
    /// Where `run` is over: what `on_exit`, which is evaluated instead, is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<ExitFacts>,
    /// What jobs have reported so far, by call.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reports: BTreeMap<u32, Reports>,
    /// Calls of the run that this one was forked from, whose answers may be reused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reuse: Vec<JournalEntry>,
}

/// What one evaluation came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluated {
    /// Commands and end, for the engine.
    pub evaluation: Evaluation,
    /// New lines of the run's log.
    pub log: Vec<LogLine>,
    /// Function calls and loop turns.
    pub ticks: u64,
    /// Bytes allocated in the Starlark heap.
    pub heap_bytes: u64,
}

impl Evaluated {
    /// A failure before anything ran.
    #[must_use]
    pub fn failed(kind: FailureKind, message: impl AsRef<str>) -> Self {
        let end = End::Failed { failure: Failure::new(kind, message), gave_up: false };
        Self { evaluation: Evaluation { commands: Vec::new(), end }, log: Vec::new(), ticks: 0, heap_bytes: 0 }
    }
}

/// Evaluate a compiled bundle. Everything that comes out is the same on every machine, or the process dies.
#[must_use]
pub fn evaluate(compiled: &Compiled, request: &EvaluateRequest) -> Evaluated {
    let Some(entry) = &compiled.entry else {
        let found = compiled.diagnostics.iter().map(Diagnostic::render).collect::<Vec<_>>().join("\n\n");
        return Evaluated::failed(FailureKind::FlowError, format!("the flow does not compile\n{found}"));
    };
    let Some(entropy) = bytes32(&request.entropy_hex) else {
        return Evaluated::failed(FailureKind::Nondeterminism, "the entropy of the evaluation is not 64 hex digits");
    };
    let known = Known {
        journal: &request.journal,
        reuse: &request.reuse,
        reports: &request.reports,
        exit_from: request.exit.as_ref().map(|exit| exit.from_call),
    };
    let replay = match Replay::new(known, request.at_ms, entropy) {
        Ok(replay) => replay,
        Err(why) => return Evaluated::failed(FailureKind::Nondeterminism, why),
    };
    let context = Context::Running(replay, Log::after(request.logged));
    let (outcome, ticks, heap_bytes) = run(entry, &context, request);
    let Context::Running(replay, log) = context else { unreachable!("it was made above") };
    log.warn(replay.made());
    let end = end(&replay, outcome, compiled);
    let commands = if matches!(end, End::Failed { .. }) { Vec::new() } else { replay.take_commands() };
    Evaluated { evaluation: Evaluation { commands, end }, log: log.take(), ticks, heap_bytes }
}

/// What the interpreter says: a value, or what went wrong and of what kind that is.
type Outcome = Result<Json, (FailureKind, Diagnostic)>;

fn run(entry: &FrozenModule, context: &Context<'_>, request: &EvaluateRequest) -> (Outcome, u64, u64) {
    let plain = |kind, text: String| (kind, Diagnostic::error(DiagnosticKind::Evaluation, text));
    Module::with_temp_heap(|module| {
        let heap = module.heap();
        let name = if request.exit.is_some() { "on_exit" } else { "run" };
        let function = match entry.get(name) {
            Ok(function) => heap.access_owned_frozen_value(&function),
            Err(error) => return (Err(plain(FailureKind::FlowError, error.to_string())), 0, 0),
        };
        let second = match second_argument(context, request, heap) {
            Ok(value) => value,
            Err(error) => return (Err(plain(FailureKind::FlowError, error.to_string())), 0, 0),
        };
        let mut eval = Evaluator::new(&module);
        eval.extra = Some(context);
        eval.set_print_handler(context);
        bounds::set(&mut eval, TICKS);
        let result = eval.eval_function(function, &[heap.alloc(Ctx::from(&request.facts)), second], &[]);
        let outcome = match result {
            // What `on_exit` returns is nobody's.
            Ok(_) if request.exit.is_some() => Ok(Json::Null),
            Ok(value) => to_json(value).map_err(|error| match error {
                JsonError::TooDeep => plain(FailureKind::FlowLimit, format!("what `{name}` returned is {error}")),
                JsonError::NotJson(why) => plain(FailureKind::FlowError, format!("what `{name}` returned is not JSON: {why}")),
            }),
            Err(error) => Err(classify(&eval, &error)),
        };
        (outcome, eval.get_total_tick_count(), heap.peak_allocated_bytes() as u64)
    })
}

/// The input for `run`, the end that it came to for `on_exit`.
fn second_argument<'v>(context: &Context<'_>, request: &EvaluateRequest, heap: Heap<'v>) -> anyhow::Result<Value<'v>> {
    let input = from_json(&request.input, heap).map_err(|error| anyhow::anyhow!("the run's input is {error}"))?;
    match (&request.exit, context) {
        (Some(facts), Context::Running(replay, _)) => Ok(heap.alloc(ExitEnd::read(facts, input, &request.journal, replay, heap)?)),
        _ => Ok(input),
    }
}

fn classify(eval: &Evaluator<'_, '_, '_>, error: &starlark::Error) -> (FailureKind, Diagnostic) {
    match bounds::exceeded(eval, TICKS, error) {
        Some(bound) => {
            let mut found = Diagnostic::from_starlark(DiagnosticKind::Limit, error);
            found.message = format!("the flow used more than it may: {bound}");
            (FailureKind::FlowLimit, found)
        }
        None => (FailureKind::FlowError, Diagnostic::from_starlark(DiagnosticKind::Evaluation, error)),
    }
}

/// The end of an evaluation. A stop that a builtin asked for stands before what the interpreter made of it.
fn end(replay: &Replay<'_>, outcome: Outcome, compiled: &Compiled) -> End {
    let gives_up = matches!(replay.stopped(), Some(Stop::Failed { gave_up: true, .. }));
    // What a redrive opens anew.
    let failed_call = match replay.stopped() {
        Some(Stop::Failed { call, .. }) => call,
        _ => None,
    };
    let failed = |kind: FailureKind, mut found: Diagnostic| {
        if let (None, Some(span)) = (&found.file, &compiled.run_span) {
            found = found.at(span);
        }
        let failure = Failure { call: failed_call.filter(|_| kind == FailureKind::Check), ..Failure::new(kind, found.render()) };
        End::Failed { failure, gave_up: gives_up && kind == FailureKind::Check }
    };
    let error = |text: String| Diagnostic::error(DiagnosticKind::Evaluation, text);
    let unmatched = |what: &str, left: String| {
        failed(FailureKind::Nondeterminism, error(format!("{what} before all recorded calls were made\n{left}")))
    };
    // What says of itself that the journal does not match, or that a bound was hit, is not held against it once more.
    let own = |kind: FailureKind| !matches!(kind, FailureKind::Nondeterminism | FailureKind::FlowLimit);
    match (replay.stopped(), outcome) {
        (Some(Stop::Suspended(waiting_on)), _) => match replay.left_over() {
            Some(left) => unmatched("the flow waits", left),
            None => End::Suspended { waiting_on },
        },
        (Some(Stop::Failed { kind, message, .. }), outcome) => {
            let mut found = outcome.err().map_or_else(|| error(String::new()), |(_, found)| found);
            found.message = message;
            match replay.left_over().filter(|_| own(kind)) {
                Some(left) => unmatched("the flow failed", format!("{left}\n{}", found.render())),
                None => failed(kind, found),
            }
        }
        (None, Err((kind, found))) => match replay.left_over().filter(|_| own(kind)) {
            Some(left) => unmatched("the flow failed", format!("{left}\n{}", found.render())),
            None => failed(kind, found),
        },
        (None, Ok(value)) => match (replay.left_over(), value.to_string().len()) {
            (Some(left), _) => unmatched("the flow ended", left),
            (None, bytes) if bytes > INPUT_BYTES => {
                failed(FailureKind::FlowLimit, error(format!("what `run` returned has {bytes} bytes of JSON; it may have {INPUT_BYTES}")))
            }
            (None, _) => End::Returned { value },
        },
    }
}

impl starlark::PrintHandler for Context<'_> {
    fn println(&self, text: &str) -> starlark::Result<()> {
        if let Self::Running(replay, log) = self {
            log.line(replay.made(), text);
        }
        Ok(())
    }
}

fn bytes32(hex: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).ok()?;
    }
    Some(bytes)
}
