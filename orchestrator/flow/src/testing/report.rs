//! What came of tests and simulations.

use crate::diagnostic::Diagnostic;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// What came of one function `test_...`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestOutcome {
    /// Test file.
    pub file: String,
    /// Name of the function.
    pub name: String,
    /// Why it failed, with file, line and calls; none where it passed.
    pub failure: Option<Diagnostic>,
}

/// What came of test files.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TestReport {
    /// In the order of the files and of the functions in them.
    pub tests: Vec<TestOutcome>,
    /// What is wrong with the flow or with a test file, so that tests could not run.
    pub diagnostics: Vec<Diagnostic>,
}

impl TestReport {
    /// Whether all ran, and none failed.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.diagnostics.is_empty() && self.tests.iter().all(|test| test.failure.is_none())
    }
}

/// One line of a timeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moment {
    /// Since the run was made, in milliseconds of virtual time.
    pub after_ms: i64,
    /// Kind of the event, as in the history of a run.
    pub event: String,
    /// Name of the step it is about.
    pub step: Option<String>,
    /// What happened, in a few words.
    pub text: String,
}

/// What came of a simulation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Simulation {
    /// State of the run at the end.
    pub state: String,
    /// What it returned.
    pub result: Json,
    /// Why it failed: kind and message.
    pub error: Option<Json>,
    /// Lines that it logged.
    pub log: Vec<String>,
    /// What happened, in order.
    pub timeline: Vec<Moment>,
    /// Why it could not go on to an end.
    pub problem: Option<String>,
}
