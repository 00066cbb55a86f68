//! Secrets that a job prints are masked before anything of it is kept (F105): in its result, its progress, and in bodies that are
//! kept as they came.

use crate::vault::mask::Masker;
use sortie_protocol::artifact::Report;
use sortie_protocol::callback::JobResult;

/// A result without the secrets that its job was handed.
pub(super) fn result(masker: &Masker, result: JobResult) -> JobResult {
    if masker.is_empty() {
        return result;
    }
    let report = |report: Option<Report>| report.map(|report| Report { data: masker.json(report.data), ..report });
    let text = |text: Option<String>| text.map(|text| masker.text(&text));
    JobResult {
        result: result.result.map(|value| masker.json(value)),
        result_error: text(result.result_error),
        output: masker.text(&result.output),
        error_output: masker.text(&result.error_output),
        message: text(result.message),
        progress: report(result.progress),
        checkpoint: report(result.checkpoint),
        ..result
    }
}
