//! From sources to a frozen module: parse, check types, evaluate the top level of each file, follow its loads.

use crate::bounds;
use crate::builtins::globals;
use crate::bundle::Bundle;
use crate::diagnostic::{Diagnostic, DiagnosticKind, Severity};
use crate::limits::{BRACKET_NESTING, DIAGNOSTICS, ENTRY, LOAD_TICKS};
use crate::lint;
use crate::lint_calls;
use crate::manifest::Manifest;
use crate::nesting;
use crate::values::context::{Context, Loading};
use starlark::codemap::FileSpan;
use starlark::environment::{FrozenModule, Module};
use starlark::eval::{Evaluator, ReturnFileLoader};
use starlark::syntax::{AstModule, Dialect, DialectTypes};
use starlark::typing::{AstModuleTypecheck as _, Interface};
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};

/// How much is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// What a run needs: a release was checked before.
    Run,
    /// Everything that can be found.
    Check,
}

/// A bundle after compilation.
pub struct Compiled {
    /// The entry file, where it and all it loads are free of errors.
    pub entry: Option<FrozenModule>,
    /// What `flow(...)` said.
    pub manifest: Option<Manifest>,
    /// Where `run` is.
    pub run_span: Option<FileSpan>,
    /// What is wrong, errors first, at most [`DIAGNOSTICS`].
    pub diagnostics: Vec<Diagnostic>,
}

/// Starlark as flows have it: types and f-strings, no `if` or `for` at the top level.
#[must_use]
pub fn dialect() -> Dialect {
    Dialect {
        enable_types: DialectTypes::Enable,
        enable_f_strings: true,
        enable_keyword_only_arguments: true,
        enable_load_reexport: false,
        enable_top_level_stmt: false,
        ..Dialect::Standard
    }
}

/// Compile a bundle. Never fails: what is wrong is in the diagnostics.
#[must_use]
pub fn compile(bundle: &Bundle, depth: Depth) -> Compiled {
    if let Err(error) = bundle.validate() {
        let diagnostics = vec![Diagnostic::error(DiagnosticKind::Bundle, error.to_string())];
        return Compiled { entry: None, manifest: None, run_span: None, diagnostics };
    }
    let mut compiler = Compiler {
        bundle,
        depth,
        modules: HashMap::new(),
        interfaces: HashMap::new(),
        visited: BTreeSet::new(),
        stack: Vec::new(),
        manifest: None,
        run_span: None,
        on_exit: false,
        diagnostics: Vec::new(),
    };
    compiler.file(ENTRY);
    compiler.finish()
}

struct Compiler<'b> {
    bundle: &'b Bundle,
    depth: Depth,
    modules: HashMap<String, FrozenModule>,
    interfaces: HashMap<String, Interface>,
    visited: BTreeSet<String>,
    stack: Vec<String>,
    manifest: Option<Manifest>,
    run_span: Option<FileSpan>,
    on_exit: bool,
    diagnostics: Vec<Diagnostic>,
}

impl Compiler<'_> {
    fn errors(&self) -> usize {
        self.diagnostics.iter().filter(|found| found.severity == Severity::Error).count()
    }

    /// Compile one file and all it loads. Its module exists afterwards unless something is wrong.
    fn file(&mut self, name: &str) {
        self.visited.insert(name.to_owned());
        self.stack.push(name.to_owned());
        let errors = self.errors();
        if let Some(ast) = self.parse(name) {
            let loads = self.loads(&ast);
            if name == ENTRY {
                self.run_span = lint::run_span(&ast);
                self.diagnostics.extend(lint::run_shape(&ast));
                self.diagnostics.extend(lint::on_exit_shape(&ast));
                self.on_exit = lint::has_on_exit(&ast);
            }
            if self.depth == Depth::Check {
                self.diagnostics.extend(lint::step_names(&ast));
                self.diagnostics.extend(lint::exit_names(&ast));
                self.diagnostics.extend(lint_calls::calls(&ast));
                if let Some(loads) = &loads {
                    self.check_types(name, ast.clone(), loads);
                }
            }
            if let Some(loads) = loads {
                self.evaluate(name, ast, &loads, self.errors() > errors);
            }
        }
        self.stack.pop();
    }

    fn parse(&mut self, name: &str) -> Option<AstModule> {
        let source = self.bundle.files.get(name)?;
        if let Some(offset) = nesting::too_deep(source) {
            let text = format!("brackets are nested more than {BRACKET_NESTING} deep");
            self.diagnostics.push(Diagnostic::error(DiagnosticKind::Limit, text).at_offset(name, source, offset));
            return None;
        }
        match AstModule::parse(name, source.clone(), &dialect()) {
            Ok(ast) => Some(ast),
            Err(error) => {
                let mut found = Diagnostic::from_starlark(DiagnosticKind::Parse, &error);
                if found.file.is_none() {
                    found = found.in_file(name, source);
                }
                self.diagnostics.push(found);
                None
            }
        }
    }

    /// Compile what a file loads. None where one of them has no module.
    fn loads(&mut self, ast: &AstModule) -> Option<Vec<String>> {
        let mut names = Vec::new();
        let mut complete = true;
        for load in ast.loads() {
            let name = load.module_id;
            if self.stack.iter().any(|open| open == name) {
                let circle = format!("{} -> {name}", self.stack.join(" -> "));
                self.diagnostics
                    .push(Diagnostic::error(DiagnosticKind::Load, format!("files load each other in a circle: {circle}")).at(&load.span));
            } else if !self.bundle.files.contains_key(name) {
                let there = self.bundle.files.keys().filter(|file| *file != ENTRY).cloned().collect::<Vec<_>>().join(", ");
                let hint = if there.is_empty() {
                    "the bundle has no other file".to_owned()
                } else {
                    format!("names count from the bundle's folder; there are {there}")
                };
                self.diagnostics
                    .push(Diagnostic::error(DiagnosticKind::Load, format!("the bundle has no file `{name}`")).at(&load.span).hint(hint));
            } else if !self.visited.contains(name) {
                self.file(name);
            }
            complete &= self.modules.contains_key(name);
            names.push(name.to_owned());
        }
        complete.then_some(names)
    }

    fn check_types(&mut self, name: &str, ast: AstModule, loads: &[String]) {
        let known = loads.iter().map(|load| (load.clone(), self.interfaces.get(load).cloned().unwrap_or_default())).collect();
        let (errors, _, interface, _) = ast.typecheck(globals(), &known);
        self.diagnostics.extend(errors.iter().map(type_error));
        self.interfaces.insert(name.to_owned(), interface);
    }

    /// Evaluate the top level. An error is only told where nothing else is wrong with the file: it would be the same again.
    fn evaluate(&mut self, name: &str, ast: AstModule, loads: &[String], quiet: bool) {
        let context = Context::Loading(Loading { file: name.to_owned(), manifest: RefCell::new(None) });
        match freeze(&context, ast, loads.iter().filter_map(|load| Some((load.as_str(), self.modules.get(load)?))).collect()) {
            Ok(module) => drop(self.modules.insert(name.to_owned(), module)),
            Err(_) if quiet => {}
            Err(found) if found.file.is_some() => self.diagnostics.push(*found),
            Err(found) => self.diagnostics.push(found.in_file(name, self.bundle.files.get(name).map_or("", String::as_str))),
        }
        if let (Context::Loading(loading), true) = (context, name == ENTRY) {
            self.manifest = loading.manifest.into_inner().map(|manifest| Manifest { on_exit: self.on_exit, ..manifest });
        }
    }

    fn finish(mut self) -> Compiled {
        let source = self.bundle.files.get(ENTRY).map_or("", String::as_str);
        if self.errors() == 0 && self.manifest.is_none() {
            let found = Diagnostic::error(DiagnosticKind::Manifest, format!("{ENTRY} does not call flow(...)")).in_file(ENTRY, source);
            self.diagnostics.push(found.hint("declare the flow at the top level: flow(name = \"my-flow\", input = {\"repo\": str})"));
        }
        if self.depth == Depth::Check {
            for (name, source) in self.bundle.files.iter().filter(|(name, _)| !self.visited.contains(*name)) {
                let text = format!("nothing loads `{name}`");
                self.diagnostics.push(Diagnostic::error(DiagnosticKind::Unused, text).in_file(name, source).warning());
            }
        }
        self.diagnostics.sort_by_key(|found| found.severity == Severity::Warning);
        self.diagnostics.truncate(DIAGNOSTICS);
        let entry = if self.errors() == 0 { self.modules.remove(ENTRY) } else { None };
        Compiled { entry, manifest: self.manifest, run_span: self.run_span, diagnostics: self.diagnostics }
    }
}

fn freeze(context: &Context<'_>, ast: AstModule, loads: HashMap<&str, &FrozenModule>) -> Result<FrozenModule, Box<Diagnostic>> {
    let loader = ReturnFileLoader { modules: &loads };
    Module::with_temp_heap(|module| {
        {
            let mut eval = Evaluator::new(&module);
            eval.set_loader(&loader);
            eval.set_print_handler(&Nowhere);
            eval.extra = Some(context);
            bounds::set(&mut eval, LOAD_TICKS);
            if let Err(error) = eval.eval_module(ast, globals()) {
                return Err(Box::new(load_error(&eval, &error)));
            }
        }
        module.freeze().map_err(|error| Box::new(Diagnostic::error(DiagnosticKind::Evaluation, format!("{error:?}"))))
    })
}

/// Builtins that say something about the flow as a whole.
const MANIFEST_CALLS: [&str; 7] = ["flow(", "optional(", "schedule(", "webhook(", "manual(", "limit(", "notify("];

fn load_error(eval: &Evaluator<'_, '_, '_>, error: &starlark::Error) -> Diagnostic {
    if let Some(bound) = bounds::exceeded(eval, LOAD_TICKS, error) {
        let mut found = Diagnostic::from_starlark(DiagnosticKind::Limit, error);
        found.message = format!("loading the file took too much: {bound}");
        return found;
    }
    let of_flow = error.span().is_some_and(|span| MANIFEST_CALLS.iter().any(|call| span.source_span().starts_with(call)));
    Diagnostic::from_starlark(if of_flow { DiagnosticKind::Manifest } else { DiagnosticKind::Evaluation }, error)
}

/// Arguments that are durations. A number there is the usual slip, and the type checker only says `str`.
const DURATIONS: [&str; 11] = [
    "timeout",
    "heartbeat",
    "started_within",
    "launch_timeout",
    "grace",
    "backoff",
    "max_backoff",
    "silence",
    "total",
    "try_timeout",
    "remind",
];

fn type_error(error: &starlark::Error) -> Diagnostic {
    let found = Diagnostic::from_starlark(DiagnosticKind::Type, error);
    let argument = error.span().and_then(|span| span.source_span().split_once('=')).map(|(name, _)| name.trim());
    match argument {
        Some(name) if DURATIONS.contains(&name) => found.hint("durations are text with a unit: \"90s\", \"5m\", \"1h30m\", \"500ms\""),
        _ => found,
    }
}

/// What is printed while a file is loaded goes nowhere: it would be printed at every evaluation.
struct Nowhere;

impl starlark::PrintHandler for Nowhere {
    fn println(&self, _: &str) -> starlark::Result<()> {
        Ok(())
    }
}
