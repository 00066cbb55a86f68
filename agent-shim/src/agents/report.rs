//! What is said of an agent: while it runs as progress, at its end as report, and its answer as result document.

use super::classify::{self, Ending};
use super::launch::dollars;
use super::limits::{ERROR_BYTES, TEXT_BYTES};
use super::seen::{Count, Seen, cut};
use super::session::{self, Start};
use crate::attempt::Attempt;
use crate::files;
use serde_json::{Value, json};
use sortie_protocol::agent::{AgentKind, AgentReport, AgentTask, Usage};
use sortie_protocol::limits::RESULT_DOCUMENT_BYTES;
use std::path::PathBuf;

/// Used by this attempt alone.
pub fn usage(kind: AgentKind, seen: &Seen, before: Option<Count>) -> Usage {
    let used = match (kind, seen.session_total) {
        (AgentKind::Codex, Some(total)) => less(total, before),
        (AgentKind::Claude, Some(total)) => claude(total, seen.own, before),
        _ => seen.own,
    };
    Usage { usd_micros: used.usd_micros, input_tokens: used.input, output_tokens: used.output }
}

/// Versions differ in whether the totals of a resumed session hold what earlier processes used. They do where all models together
/// have used what they had before and what this process's own messages used on top.
fn claude(total: Count, own: Count, before: Option<Count>) -> Count {
    let Some(was) = before else { return total };
    let tokens = |count: Count| count.input.saturating_add(count.output);
    let cumulative = tokens(total) >= tokens(was).saturating_add(tokens(own)) && total.usd_micros >= was.usd_micros;
    if cumulative { less(total, before) } else { total }
}

/// What came on top; all of it, where the agent has begun to count anew.
fn less(total: Count, before: Option<Count>) -> Count {
    let Some(was) = before.filter(|was| was.input <= total.input && was.output <= total.output) else { return total };
    let usd_micros = total.usd_micros.map(|usd| usd.saturating_sub(was.usd_micros.unwrap_or(0)));
    Count { usd_micros, input: total.input - was.input, output: total.output - was.output }
}

/// For people and for the budget, while it runs.
pub fn progress(task: &AgentTask, seen: &Seen, start: Option<&Start>) -> Value {
    let used = usage(task.kind, seen, start.and_then(|start| start.before));
    let mut agent = json!({"kind": task.kind, "turns": seen.turns, "tool_calls": seen.tool_calls});
    let session = seen.session.as_deref().or_else(|| start?.session.as_deref());
    for (key, value) in [("session", session), ("model", seen.model.as_deref())] {
        if let Some(value) = value {
            agent[key] = value.into();
        }
    }
    // As in a result: it counts for an attempt that leaves none.
    agent["usage"] = json!(used);
    let mut usage = json!({"tokens": used.input_tokens.saturating_add(used.output_tokens)});
    if let Some(usd) = used.usd_micros {
        usage["usd"] = dollars(usd).into();
    }
    let mut progress = json!({"agent": agent, "usage": usage});
    if let Some(last) = &seen.last {
        progress["last"] = last.as_str().into();
    }
    progress
}

/// The report, its checkpoint not yet known.
pub fn report(task: &AgentTask, seen: &Seen, start: Option<&Start>, ending: &Ending<'_>) -> AgentReport {
    let (outcome, error) = classify::judge(task.kind, task.permissions, seen, ending);
    AgentReport {
        kind: task.kind,
        version: seen.version.clone(),
        session: seen.session.clone().or_else(|| start?.session.clone()),
        resumed: start.is_some_and(|start| start.resumed),
        outcome,
        text: cut(&seen.text, TEXT_BYTES),
        model: seen.model.clone(),
        usage: usage(task.kind, seen, start.and_then(|start| start.before)),
        turns: seen.turns,
        tool_calls: seen.tool_calls,
        denials: classify::denials(task.permissions, seen),
        error: error.map(|error| cut(&error, ERROR_BYTES)),
        checkpoint: None,
    }
}

/// The answer as a document, where one was asked for and the agent has given it.
pub fn document(task: &AgentTask, seen: &Seen) -> Option<Value> {
    task.result_schema.as_ref()?;
    seen.structured.clone().or_else(|| serde_json::from_str(unfenced(&seen.text)).ok())
}

/// Models put code fences around JSON, whatever they are told.
fn unfenced(text: &str) -> &str {
    let text = text.trim();
    let inner = text.strip_prefix("```").and_then(|rest| rest.strip_suffix("```"));
    inner.and_then(|inner| inner.split_once('\n')).map_or(text, |(_, body)| body.trim())
}

/// Leave the agent's answer where the job would have left its result document, unless it has left one.
pub fn leave_document(attempt: &Attempt, document: &Value) {
    let path = attempt.reported("document.json");
    if path.symlink_metadata().is_ok_and(|meta| meta.len() > 0) {
        return;
    }
    let text = document.to_string();
    if text.len() as u64 > RESULT_DOCUMENT_BYTES {
        attempt.log("the agent's answer is larger than a result document may be");
    } else if let Err(error) = files::replace(&path, text.as_bytes()).and_then(|()| attempt.user().map_or(Ok(()), |user| user.own(&path))) {
        attempt.log(&format!("the agent's answer cannot be kept: {error}"));
    }
}

fn path(attempt: &Attempt) -> PathBuf {
    session::dir(attempt).join("report.json")
}

/// Keep the report for the result.
pub fn keep(attempt: &Attempt, report: &AgentReport) {
    if let Err(error) = files::replace_json(&path(attempt), report) {
        attempt.log(&format!("the report on the agent cannot be kept: {error}"));
    }
}

/// The report on the agent of an attempt, where there is one.
pub fn kept(attempt: &Attempt) -> Option<AgentReport> {
    serde_json::from_slice(&files::read(&path(attempt), super::limits::RECORD_BYTES).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn count(usd: u64, input: u64, output: u64) -> Count {
        Count { usd_micros: Some(usd), input, output }
    }

    #[test]
    fn totals_of_a_resumed_session_are_not_counted_twice() {
        let mut seen =
            Seen { session_total: Some(count(240, 30, 15)), own: Count { usd_micros: None, input: 10, output: 5 }, ..Seen::default() };
        let used = usage(AgentKind::Claude, &seen, Some(count(160, 20, 10)));
        assert_eq!((used.usd_micros, used.input_tokens, used.output_tokens), (Some(80), 10, 5), "a version that counts the session");
        seen.session_total = Some(count(80, 10, 5));
        let used = usage(AgentKind::Claude, &seen, Some(count(80, 10, 5)));
        assert_eq!((used.usd_micros, used.input_tokens), (Some(80), 10), "a version that counts the process");
        seen.session_total = Some(Count { usd_micros: None, input: 40, output: 20 });
        let used = usage(AgentKind::Codex, &seen, Some(Count { usd_micros: None, input: 30, output: 15 }));
        assert_eq!((used.usd_micros, used.input_tokens, used.output_tokens), (None, 10, 5));
        let used = usage(AgentKind::Codex, &seen, Some(Count { usd_micros: None, input: 300, output: 15 }));
        assert_eq!(used.input_tokens, 40, "it counts anew");
        let used = usage(AgentKind::Opencode, &seen, None);
        assert_eq!((used.input_tokens, used.output_tokens), (10, 5));
    }

    #[test]
    fn an_answer_is_taken_out_of_its_fence() {
        for text in ["{\"a\":1}", " {\"a\":1}\n", "```json\n{\"a\":1}\n```", "```\n{\"a\":1}\n```"] {
            assert_eq!(serde_json::from_str::<Value>(unfenced(text)).unwrap(), json!({"a": 1}), "{text}");
        }
        assert!(serde_json::from_str::<Value>(unfenced("Here it is: {}")).is_err());
    }
}
