//! Running test files: every function `test_...` of each, in a world of its own.

use crate::bounds;
use crate::bundle::Bundle;
use crate::compile::{Compiled, Depth, compile, dialect};
use crate::diagnostic::{Diagnostic, DiagnosticKind};
use crate::limits::{BRACKET_NESTING, LOAD_TICKS, TICKS};
use crate::nesting;
use crate::testing::report::{TestOutcome, TestReport};
use crate::testing::script::{TestContext, globals};
use starlark::environment::{FrozenModule, Module};
use starlark::eval::Evaluator;
use starlark::syntax::AstModule;
use std::collections::BTreeMap;

/// How the names of test files end. They are no part of the bundle.
pub const TEST_SUFFIX: &str = "_test.star";

/// Run test files against a flow; `only` picks the functions whose names contain it.
#[must_use]
pub fn run_tests(bundle: &Bundle, files: &BTreeMap<String, String>, only: Option<&str>) -> TestReport {
    let compiled = compile(bundle, Depth::Run);
    let mut report = TestReport::default();
    if compiled.entry.is_none() {
        report.diagnostics = compiled.diagnostics;
        return report;
    }
    for (file, source) in files {
        match load(file, source) {
            Ok(module) => report.tests.extend(run_file(&compiled, file, &module, only)),
            Err(found) => report.diagnostics.push(*found),
        }
    }
    report
}

fn load(file: &str, source: &str) -> Result<FrozenModule, Box<Diagnostic>> {
    if let Some(offset) = nesting::too_deep(source) {
        let text = format!("brackets are nested more than {BRACKET_NESTING} deep");
        return Err(Box::new(Diagnostic::error(DiagnosticKind::Limit, text).at_offset(file, source, offset)));
    }
    let wrong = |kind, error: &starlark::Error| {
        let found = Diagnostic::from_starlark(kind, error);
        Box::new(if found.file.is_none() { found.in_file(file, source) } else { found })
    };
    let ast = AstModule::parse(file, source.to_owned(), &dialect()).map_err(|error| wrong(DiagnosticKind::Parse, &error))?;
    Module::with_temp_heap(|module| {
        {
            let mut eval = Evaluator::new(&module);
            bounds::set(&mut eval, LOAD_TICKS);
            eval.eval_module(ast, globals()).map_err(|error| wrong(DiagnosticKind::Evaluation, &error))?;
        }
        module.freeze().map_err(|error| Box::new(Diagnostic::error(DiagnosticKind::Evaluation, format!("{error:?}")).in_file(file, source)))
    })
}

fn run_file(compiled: &Compiled, file: &str, module: &FrozenModule, only: Option<&str>) -> Vec<TestOutcome> {
    let names = module.names().map(|name| name.as_str().to_owned());
    let wanted = |name: &String| name.starts_with("test_") && only.is_none_or(|only| name.contains(only));
    names.filter(wanted).map(|name| TestOutcome { failure: run_test(compiled, module, &name), file: file.to_owned(), name }).collect()
}

/// Why a test fails; none where it passes.
fn run_test(compiled: &Compiled, tests: &FrozenModule, name: &str) -> Option<Diagnostic> {
    let plain = |text: String| Diagnostic::error(DiagnosticKind::Evaluation, text);
    let context = TestContext::new(compiled);
    Module::with_temp_heap(|module| {
        let function = match tests.get(name) {
            Ok(function) => module.heap().access_owned_frozen_value(&function),
            Err(error) => return Some(plain(error.to_string())),
        };
        let mut eval = Evaluator::new(&module);
        eval.extra = Some(&context);
        bounds::set(&mut eval, TICKS);
        match eval.eval_function(function, &[], &[]) {
            Ok(_) => None,
            Err(error) => Some(Diagnostic::from_starlark(DiagnosticKind::Evaluation, &error)),
        }
    })
}
