//! One run with its rows, its events and its due work in memory, and a clock that only moves when it is told to.

use crate::compile::Compiled;
use crate::evaluate::{EvaluateRequest, evaluate};
use crate::manifest::Manifest;
use crate::testing::stub::Stubs;
use serde_json::Value as Json;
use sortie_core::call::CallSpec;
use sortie_core::decide::{Reply, decide};
use sortie_core::effect::{Effect, Work};
use sortie_core::evaluation::{Reports, RunFacts};
use sortie_core::event::{Event, EventBody};
use sortie_core::ids::{Entropy, Ms, RunId};
use sortie_core::input::{Create, Input, InputBody};
use sortie_core::journal::assemble;
use sortie_core::plan::RunPlan;
use sortie_core::view::{RunHead, Step, View};
use std::collections::BTreeMap;

/// When virtual time begins: 2026-01-01T00:00:00Z.
pub const BEGINNING: Ms = 1_767_225_600_000;
/// Pieces of due work that one call of a test may cause: more is a loop.
const MOST_WORK: u32 = 200_000;

/// An outside event that a test has published.
#[derive(Clone, Debug)]
pub struct Published {
    /// Its name.
    pub name: String,
    /// Its business key.
    pub key: String,
    /// What it says.
    pub payload: Json,
    /// When.
    pub at: Ms,
    /// Whether the run has it.
    pub taken: bool,
}

/// An answer that is on its way.
#[derive(Clone, Debug)]
pub struct Underway {
    /// When it arrives.
    pub at: Ms,
    /// Number of the call it answers.
    pub call: u32,
    /// The answer.
    pub body: InputBody,
}

/// A run under test.
pub struct World<'c> {
    /// The flow.
    pub compiled: &'c Compiled,
    /// All rows of the run.
    pub view: View,
    /// Its history.
    pub events: Vec<Event>,
    /// Now, Unix milliseconds of virtual time.
    pub now: Ms,
    /// What answers its steps.
    pub stubs: Stubs,
    /// Outside events, oldest first.
    pub published: Vec<Published>,
    /// What its jobs have reported, by call.
    pub reports: BTreeMap<u32, Reports>,
    /// Answers on their way.
    pub underway: Vec<Underway>,
    /// Whether what no stub answers succeeds with nothing, instead of staying open.
    pub willing: bool,
    due: BTreeMap<String, (Work, Ms)>,
    drawn: u64,
    worked: u32,
}

impl<'c> World<'c> {
    /// Make a run with this input. Nothing is performed yet.
    ///
    /// # Errors
    /// The flow does not compile, or the input does not fit it.
    pub fn start(compiled: &'c Compiled, input: &Json) -> Result<Self, String> {
        let manifest = compiled.manifest.as_ref().ok_or("the flow does not compile")?;
        let input = manifest.check_input(input)?;
        let mut world = Self {
            compiled,
            view: View::default(),
            events: Vec::new(),
            now: BEGINNING,
            stubs: Stubs::default(),
            published: Vec::new(),
            reports: BTreeMap::new(),
            underway: Vec::new(),
            willing: false,
            due: BTreeMap::new(),
            drawn: 0,
            worked: 0,
        };
        let create = world.creation(manifest, input);
        world.deliver(InputBody::Create(create), None)?;
        Ok(world)
    }

    /// Alone in its world, a run never queues.
    fn creation(&mut self, manifest: &Manifest, input: Json) -> Create {
        let plan = RunPlan { limit: None, trigger: "test".to_owned(), ..manifest.plan(&input) };
        let run = RunId::new(self.now, &self.entropy(), 0);
        let bundle = "0".repeat(64);
        Create { run, flow: manifest.name.clone(), release: 1, bundle, input, actor: "test".to_owned(), plan }
    }

    /// The head of the run.
    #[must_use]
    pub fn head(&self) -> &RunHead {
        self.view.run.as_ref().expect("made in `start`")
    }

    /// Fresh randomness, the same in every run of a test.
    pub fn entropy(&mut self) -> Entropy {
        self.drawn += 1;
        let mut bytes = [7; 32];
        bytes[..8].copy_from_slice(&self.drawn.to_le_bytes());
        Entropy(bytes)
    }

    /// Let the engine decide an input, from the rows that the store would show it, and keep what it decided.
    ///
    /// # Errors
    /// The engine refuses it.
    pub fn deliver(&mut self, body: InputBody, call: Option<u32>) -> Result<Reply, String> {
        let input = Input { at: self.now, entropy: self.entropy(), body };
        let decided = decide(self.scoped(call), &input).map_err(|refusal| format!("the engine refuses it: {refusal}"))?;
        self.view.run = decided.view.run;
        self.view.steps.extend(decided.view.steps);
        self.view.attempts.extend(decided.view.attempts);
        self.events.extend(decided.events);
        for effect in decided.effects {
            match effect {
                Effect::Put { work, at } => drop(self.due.insert(work.key(), (work, at))),
                Effect::Drop { work } => drop(self.due.remove(&work.key())),
                Effect::DropAll => self.due.retain(|_, (work, _)| work.outlives_run()),
                // There is no other run.
                Effect::StartNext { .. } | Effect::StartDrained { .. } => {}
            }
        }
        Ok(decided.reply)
    }

    /// The head, the open steps and the one that is named, the attempts that are not over and the newest of those steps.
    fn scoped(&self, call: Option<u32>) -> View {
        let steps: BTreeMap<u32, Step> =
            self.view.steps.iter().filter(|(n, step)| step.is_open() || Some(**n) == call).map(|(n, step)| (*n, step.clone())).collect();
        let newest = |call: &u32| {
            let of = self.view.attempts.values().filter(|attempt| attempt.call == *call);
            of.max_by_key(|attempt| attempt.fence).map(|attempt| attempt.id.clone())
        };
        let newest: Vec<_> = steps.keys().filter_map(newest).collect();
        let attempts = self.view.attempts.iter().filter(|(id, attempt)| !attempt.state.is_over() || newest.contains(id));
        View {
            run: self.view.run.clone(),
            attempts: attempts.map(|(id, attempt)| (id.clone(), attempt.clone())).collect(),
            steps,
            last_seen: Some(self.now),
            ..View::default()
        }
    }

    /// Evaluate the flow and deliver what it asks for.
    ///
    /// # Errors
    /// The engine refuses it, or the history contradicts itself.
    pub fn advance(&mut self) -> Result<(), String> {
        let journal = assemble(self.events.iter().cloned()).ok_or("the history of the run contradicts itself")?;
        let entropy_hex = self.entropy().0.iter().map(|byte| format!("{byte:02x}")).collect();
        let head = self.view.run.as_mut().ok_or("there is no run")?;
        head.advance_fence += 1;
        let (advance_fence, seen) = (head.advance_fence, head.wake_seq);
        let request = EvaluateRequest {
            digest: head.bundle.clone(),
            bundle: None,
            input: journal.input,
            facts: RunFacts { run: head.id.to_string(), flow: head.flow.clone(), release: head.release, created_at: head.created_at },
            journal: journal.entries,
            at_ms: self.now,
            entropy_hex,
            logged: head.logged,
            exit: journal.exit,
            reports: self.reports.clone(),
            reuse: Vec::new(),
        };
        let evaluated = evaluate(self.compiled, &request);
        let body = InputBody::Evaluated { advance_fence, seen, evaluation: evaluated.evaluation, log: evaluated.log };
        self.deliver(body, None).map(|_| ())
    }

    /// Do everything that is due now.
    ///
    /// # Errors
    /// The engine refuses something, or the run never comes to rest.
    pub fn settle(&mut self) -> Result<(), String> {
        self.worked = 0;
        loop {
            self.worked += 1;
            if self.worked > MOST_WORK {
                return Err(format!("the run did not come to rest after {MOST_WORK} pieces of work"));
            }
            if let Some(at) = self.underway.iter().position(|answer| answer.at <= self.now) {
                let Underway { call, body, .. } = self.underway.remove(at);
                if self.view.steps.get(&call).is_some_and(Step::is_open) {
                    self.deliver(body, Some(call))?;
                }
                continue;
            }
            let due = self.due.iter().filter(|(_, (_, at))| *at <= self.now).min_by_key(|(_, (_, at))| *at).map(|(key, _)| key.clone());
            match due.and_then(|key| self.due.remove(&key)) {
                Some((work, _)) => self.perform(work)?,
                None if self.answer_by_stub()? => {}
                None => return Ok(()),
            }
        }
    }

    /// When something happens next, after now.
    #[must_use]
    pub fn next_at(&self) -> Option<Ms> {
        self.due.values().map(|(_, at)| *at).chain(self.underway.iter().map(|answer| answer.at)).min()
    }

    /// Let time pass, doing what is due on the way at its time.
    ///
    /// # Errors
    /// As [`Self::settle`].
    pub fn pass(&mut self, until: Ms) -> Result<(), String> {
        while let Some(at) = self.next_at().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.settle()?;
        }
        self.now = self.now.max(until);
        self.settle()
    }

    /// The newest open step of this name.
    ///
    /// # Errors
    /// There is none; the sentence names those that are open.
    pub fn open_step(&self, name: &str) -> Result<Step, String> {
        let open = || self.view.steps.values().filter(|step| step.is_open());
        open().find(|step| step.name == name).cloned().ok_or_else(|| {
            let names = open().map(|step| format!("`{}`", step.name)).collect::<Vec<_>>().join(", ");
            format!("no step `{name}` is open; open are: {}", if names.is_empty() { "none" } else { &names })
        })
    }

    /// The arguments of a call, by its number.
    #[must_use]
    pub fn spec(&self, wanted: u32) -> Option<&CallSpec> {
        self.events.iter().rev().find_map(|event| match &event.body {
            EventBody::StepScheduled { call, spec, .. } if *call == wanted => Some(spec),
            _ => None,
        })
    }
}
