//! `flow check`: everything that can be found without running the flow.

use crate::bundle::Bundle;
use crate::compile::{Depth, compile};
use crate::diagnostic::{Diagnostic, Severity};
use crate::manifest::Manifest;
use serde::{Deserialize, Serialize};

/// What a check found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckReport {
    /// What `flow(...)` said, where it could be read.
    pub manifest: Option<Manifest>,
    /// Errors first, then warnings.
    pub diagnostics: Vec<Diagnostic>,
}

impl CheckReport {
    /// Whether the bundle can be released: no error, and a manifest.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.manifest.is_some() && self.diagnostics.iter().all(|found| found.severity == Severity::Warning)
    }

    /// For people, all of it.
    #[must_use]
    pub fn render(&self) -> String {
        self.diagnostics.iter().map(Diagnostic::render).collect::<Vec<_>>().join("\n\n")
    }
}

/// Check a bundle. Call it in a child process: a hostile source can end the process it is checked in.
#[must_use]
pub fn check(bundle: &Bundle) -> CheckReport {
    let compiled = compile(bundle, Depth::Check);
    CheckReport { manifest: compiled.manifest, diagnostics: compiled.diagnostics }
}
