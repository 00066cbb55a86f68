//! What a coding agent's own end means: its stream and its exit were judged together by the shim; here that becomes a failure kind.

use super::judge::with_last_line;
use sortie_core::call::JobSpec;
use sortie_core::failure::{Failure, FailureKind};
use sortie_protocol::agent::{AgentKind, AgentOutcome, AgentReport};
use sortie_protocol::callback::{JobOutcome, JobResult};

/// Reason of a shim that ended an agent which lived on after its final event: nothing that went wrong.
const LINGER: &str = "linger";

/// Whether the agent ended only because it waits for the answer of a person.
pub(super) fn is_parked(result: &JobResult) -> bool {
    by_itself(result) && result.agent.as_ref().is_some_and(|agent| agent.outcome == AgentOutcome::Parked)
}

/// How the step's agent has ended: `Some(None)` for well. `None` where its own word does not count: there is none, or the job was
/// ended from outside, or it is a program whose stream nobody understands.
pub(super) fn failure(result: &JobResult, job: &JobSpec) -> Option<Option<Failure>> {
    let (agent, spec) = (result.agent.as_ref()?, job.agent.as_ref()?);
    if !by_itself(result) {
        return None;
    }
    let lingered = result.stop_reason.as_deref() == Some(LINGER);
    let (kind, text) = match agent.outcome {
        // What an agent says of itself never makes an exit with an error a success (F061).
        AgentOutcome::Completed | AgentOutcome::CompletedWithDenials if !lingered && result.exit_code != Some(0) => return None,
        AgentOutcome::Completed | AgentOutcome::Parked => return Some(None),
        AgentOutcome::CompletedWithDenials if !spec.denials_fail => return Some(None),
        AgentOutcome::CompletedWithDenials => (FailureKind::AgentDenied, denied(agent)),
        AgentOutcome::Auth => (FailureKind::AgentAuth, "the model refused the credentials".to_owned()),
        AgentOutcome::Quota => (FailureKind::AgentQuota, "the model refused for want of quota or credit".to_owned()),
        AgentOutcome::Unavailable => (FailureKind::AgentUnavailable, "the model could not be reached".to_owned()),
        AgentOutcome::Limit => (FailureKind::AgentLimit, "a limit on turns or money ended it".to_owned()),
        AgentOutcome::Cancelled => (FailureKind::Cancelled, "it was ended because it was asked to".to_owned()),
        AgentOutcome::Error if agent.kind == AgentKind::Command => return None,
        AgentOutcome::Error => (FailureKind::AgentError, "the agent failed".to_owned()),
    };
    let message = match &agent.error {
        Some(error) => format!("{text}: {error}"),
        None if agent.outcome == AgentOutcome::CompletedWithDenials => text,
        None => with_last_line(text, result),
    };
    Some(Some(Failure::new(kind, message)))
}

/// Whether the agent came to its own end, so that what it says of it counts.
fn by_itself(result: &JobResult) -> bool {
    match result.outcome {
        JobOutcome::Exited => true,
        JobOutcome::Stopped => result.stop_reason.as_deref() == Some(LINGER),
        JobOutcome::Signalled
        | JobOutcome::Oom
        | JobOutcome::TimedOut
        | JobOutcome::SpawnFailed
        | JobOutcome::Lost
        | JobOutcome::Interrupted => false,
    }
}

fn denied(agent: &AgentReport) -> String {
    let tools: Vec<&str> = agent.denials.iter().map(|denial| denial.tool.as_str()).collect();
    format!("it is done, but was denied: {}", if tools.is_empty() { "tools that it did not name".to_owned() } else { tools.join(", ") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn job(denials_fail: bool) -> JobSpec {
        let agent =
            json!({ "kind": "claude", "prompt": "p", "resume": true, "checkpoint_ms": 0, "linger_ms": 0, "denials_fail": denials_fail });
        serde_json::from_value(json!({ "on": { "name": "a" }, "agent": agent })).unwrap()
    }

    fn result(outcome: &str, exit_code: i32, agent: &str) -> JobResult {
        serde_json::from_value(json!({
            "outcome": outcome, "exit_code": exit_code, "signal": null, "stop_reason": null, "tree_gone": true, "started_at_ms": 0,
            "duration_ms": 1, "result": null, "result_error": null, "output": "", "error_output": "", "stdout_bytes": 0, "stderr_bytes": 0,
            "message": null, "agent": { "kind": "claude", "outcome": agent, "denials": [{ "tool": "Bash", "input": "rm" }] }
        }))
        .unwrap()
    }

    #[test]
    fn every_outcome_of_an_agent_has_its_kind() {
        for (outcome, wanted) in [
            ("completed", None),
            ("completed_with_denials", None),
            ("parked", None),
            ("auth", Some(FailureKind::AgentAuth)),
            ("quota", Some(FailureKind::AgentQuota)),
            ("unavailable", Some(FailureKind::AgentUnavailable)),
            ("limit", Some(FailureKind::AgentLimit)),
            ("cancelled", Some(FailureKind::Cancelled)),
            ("error", Some(FailureKind::AgentError)),
        ] {
            let judged = failure(&result("exited", 0, outcome), &job(false)).expect("its word counts");
            assert_eq!(judged.map(|failure| failure.kind), wanted, "{outcome}");
        }
        let denied = failure(&result("exited", 0, "completed_with_denials"), &job(true)).unwrap().unwrap();
        assert_eq!((denied.kind, denied.message.as_str()), (FailureKind::AgentDenied, "it is done, but was denied: Bash"));
    }

    #[test]
    fn f061_an_agent_that_says_it_succeeded_does_not_turn_its_exit_into_success() {
        assert_eq!(failure(&result("exited", 3, "completed"), &job(false)), None, "the exit code counts");
        assert_eq!(failure(&result("oom", 0, "completed"), &job(false)), None, "how its machine saw it end counts");
        let plain = JobSpec { agent: None, ..job(false) };
        assert_eq!(failure(&result("exited", 3, "completed"), &plain), None, "only a job that drives an agent has one");
        assert!(!is_parked(&result("lost", 0, "parked")) && is_parked(&result("exited", 0, "parked")));
    }

    #[test]
    fn an_agent_that_is_done_and_lives_on_is_done() {
        let lingering = JobResult { stop_reason: Some(LINGER.to_owned()), exit_code: None, ..result("stopped", 0, "completed") };
        assert_eq!(failure(&lingering, &job(false)), Some(None));
    }
}
