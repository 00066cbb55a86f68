//! Secrets that a job prints are masked before anything of it is kept (F105): in its result, its progress, and in bodies that are
//! kept as they came.

use crate::vault::mask::Masker;
use sortie_protocol::agent::{AgentReport, Denial};
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
        agent: result.agent.map(|agent| agent_report(masker, agent)),
        ..result
    }
}

/// What an agent says is as little to be trusted with secrets as what any job prints.
fn agent_report(masker: &Masker, report: AgentReport) -> AgentReport {
    let denial = |Denial { tool, input }: Denial| Denial { tool: masker.text(&tool), input: masker.text(&input) };
    AgentReport {
        text: masker.text(&report.text),
        error: report.error.map(|error| masker.text(&error)),
        denials: report.denials.into_iter().map(denial).collect(),
        ..report
    }
}
