//! `sortie flow test`: test files next to the flow, in virtual time, offline.

use super::{check, worker};
use crate::cli::context::Context;
use crate::cli::output::Done;
use crate::envelope::{Problem, Success};
use crate::error_code::ErrorCode;
use clap::Args;
use serde_json::json;
use sortie_flow::testing::TestReport;
use sortie_flow::testing::suite::TEST_SUFFIX;
use sortie_flow::worker::protocol::{Answer, Request};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Args)]
#[command(after_help = "A test file is called ..._test.star, lies in the flow's folder and has functions test_...:

  def test_gives_up():
      t = start(input = {\"repo\": \"r\"})
      t.stub(\"fix\", failure = \"unreachable\")
      t.advance(\"2h\")
      assert_eq(t.result(), {\"status\": \"gave up\"})

Exits with 1 where a test fails. Needs no server.

Examples:
  sortie flow test
  sortie flow test ./fix-issue
  sortie flow test ./fix-issue/retry_test.star --only gives_up --json")]
pub struct TestArgs {
    /// Folder of the flow, or test files in it
    #[arg(default_value = ".")]
    paths: Vec<PathBuf>,
    /// Only tests whose names contain this
    #[arg(long)]
    only: Option<String>,
}

/// Run them.
pub fn run(args: &TestArgs, _: &Context) -> Result<Done, Problem> {
    let (flow, files) = read(&args.paths)?;
    let bundle = check::read(&flow)?;
    let report = match worker::ask(&Request::Test { bundle, files, only: args.only.clone() })? {
        Answer::Tested(report) => report,
        other => return Err(Problem::new(ErrorCode::Failed, format!("the worker answered {other:?}"))),
    };
    let failed = report.tests.iter().filter(|test| test.failure.is_some()).count();
    let data = json!({ "tests": report.tests, "diagnostics": report.diagnostics, "failed": failed });
    if report.is_ok() {
        return Ok(Done::new(Success::new(data), told(&report)));
    }
    let code = if report.diagnostics.is_empty() { ErrorCode::Failed } else { ErrorCode::FlowInvalid };
    Err(Problem::new(code, told(&report).trim_end().to_owned()).details(data))
}

/// The flow's folder, and the test files by name.
fn read(paths: &[PathBuf]) -> Result<(PathBuf, BTreeMap<String, String>), Problem> {
    let first = paths.first().map(PathBuf::as_path).unwrap_or(Path::new("."));
    let folder = if first.is_dir() { first } else { first.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new(".")) };
    let unreadable =
        |path: &Path, error: std::io::Error| Problem::new(ErrorCode::NotFound, format!("cannot read {}: {error}", path.display()));
    let mut named = Vec::new();
    for path in paths {
        if path.is_dir() {
            for entry in std::fs::read_dir(path).map_err(|error| unreadable(path, error))? {
                named.push(entry.map_err(|error| unreadable(path, error))?.path());
            }
        } else {
            named.push(path.clone());
        }
    }
    let mut files = BTreeMap::new();
    for path in named {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name.ends_with(TEST_SUFFIX) {
            files.insert(name, std::fs::read_to_string(&path).map_err(|error| unreadable(&path, error))?);
        }
    }
    if files.is_empty() {
        let hint = format!("test files lie in the flow's folder, and their names end in {TEST_SUFFIX}");
        return Err(Problem::new(ErrorCode::NotFound, format!("no test file in {}", folder.display())).hint(hint));
    }
    Ok((folder.to_owned(), files))
}

fn told(report: &TestReport) -> String {
    let mut text = String::new();
    for found in &report.diagnostics {
        text += &format!("{}\n\n", found.render());
    }
    for test in &report.tests {
        match &test.failure {
            None => text += &format!("ok      {}: {}\n", test.file, test.name),
            Some(found) => text += &format!("FAILED  {}: {}\n{}\n", test.file, test.name, found.render()),
        }
    }
    let failed = report.tests.iter().filter(|test| test.failure.is_some()).count();
    text + &format!("{} passed, {failed} failed\n", report.tests.len() - failed)
}
