//! What a coding agent is told to do: from the step's arguments, and from what earlier attempts of the step's life have left.
//!
//! All of it is a function of rows that stand while the attempt is launched: an attempt is launched when those before it are over,
//! their questions are closed, and nothing of them is taken any more.

use super::Driver;
use super::work::NotDone;
use crate::limits::{ANSWERS_TOLD, EARLIER_ATTEMPTS, RESTORE_LINK_S};
use crate::resources::Reference;
use sha2::{Digest, Sha256};
use sortie_core::call::{AgentPermissions, AgentSpec, AskSpec, JobSpec};
use sortie_core::event::EventBody;
use sortie_core::ids::RunId;
use sortie_core::value::ApprovalOutcome;
use sortie_core::view::{AskAnswer, Attempt, JobStep, Step, StepKind};
use sortie_protocol::agent::{AgentKind, AgentTask, Permissions};
use sortie_protocol::artifact::{CHECKPOINT_NAME, Kept};
use sortie_protocol::bytes::Bytes;
use sortie_protocol::spec::Restore;

/// What an agent is told where it goes on with a session.
const GO_ON: &str =
    "You were interrupted, and go on now. Look at what you have done already before you repeat any of it, then finish your task.";

/// What earlier attempts of this life of a step have left for the next one.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// Those that may have run, newest first.
    earlier: Vec<Attempt>,
    /// Their questions that people have answered, or let pass, oldest first.
    answers: Vec<(AskSpec, AskAnswer)>,
}

impl Past {
    /// The host of the newest of them.
    pub(super) fn host(&self) -> Option<&str> {
        self.earlier.first()?.handed.as_ref().map(|handed| handed.host.as_str())
    }
}

impl Driver {
    /// What earlier attempts have left; nothing for a job that drives no agent, or does not go on with sessions.
    pub(super) async fn past(&self, run: &RunId, step: &Step, attempt: &Attempt, job: &JobSpec) -> Result<Past, NotDone> {
        let (Some(_), StepKind::Job(state)) = (job.agent.as_ref().filter(|agent| agent.resume), &step.kind) else {
            return Ok(Past::default());
        };
        if attempt.number <= 1 {
            return Ok(Past::default());
        }
        let store = &self.parts().store;
        let of_this_life = |row: &Attempt| row.call == attempt.call && row.fence > state.base_fence && row.fence < attempt.fence;
        let rows = store.attempts(run).await?.into_iter().rev();
        let earlier: Vec<Attempt> = rows.filter(|row| of_this_life(row) && row.handed.is_some()).take(EARLIER_ATTEMPTS).collect();
        let steps = store.steps(run).await?;
        let asked = steps.iter().rev().filter_map(|step| Some((step.spec_seq, step.ask()?)));
        let asked = asked.filter(|(_, ask)| earlier.iter().any(|row| row.id == ask.attempt));
        let told = asked.filter_map(|(seq, ask)| Some((seq, ask.answer.clone()?)));
        let told: Vec<(u64, AskAnswer)> =
            told.filter(|(_, answer)| answer.answered != ApprovalOutcome::Cancelled).take(ANSWERS_TOLD).collect();
        let mut answers = Vec::with_capacity(told.len());
        for (seq, answer) in told.into_iter().rev() {
            if let Some(EventBody::AskOpened { ask, .. }) = store.event(run, seq).await?.map(|event| event.body) {
                answers.push((ask, answer));
            }
        }
        Ok(Past { earlier, answers })
    }

    /// The newest checkpoint that an earlier attempt has left here, for a host that none of them ran on. Its link is signed anew with
    /// every launch: it is no part of the spec.
    pub(super) async fn restore(&self, run: &RunId, past: &Past, host: &str) -> Result<Option<Restore>, NotDone> {
        if past.host().is_none_or(|before| before == host) {
            return Ok(None);
        }
        let parts = self.parts();
        for row in &past.earlier {
            let reference = Reference { run: run.clone(), subject: row.id.to_string(), name: CHECKPOINT_NAME.to_owned() };
            let Some(kept) = parts.resources.find(&reference).await? else { continue };
            let until = parts.clock.now_s().saturating_add(RESTORE_LINK_S);
            let url = self.ring().sign_download(parts.config.audience(), &parts.installation.id, &reference.link_id(), until);
            return match url {
                Ok(url) => Ok(Some(Restore { url, kept: Kept { size: kept.size, sha256: kept.sha256 } })),
                // It starts afresh, and says so.
                Err(error) => {
                    tracing::error!(%error, "a link to a checkpoint cannot be signed");
                    Ok(None)
                }
            };
        }
        Ok(None)
    }
}

/// The task of an attempt.
pub(super) fn task(run: &RunId, step: &Step, job: &JobSpec, attempt: &Attempt, past: &Past) -> Option<AgentTask> {
    let (agent, StepKind::Job(state)) = (job.agent.as_ref()?, &step.kind) else { return None };
    let told = told(&past.answers);
    let prompt = if told.is_empty() { agent.prompt.clone() } else { format!("{}\n\n{told}", agent.prompt) };
    let resume = if told.is_empty() { GO_ON.to_owned() } else { format!("{told}\n\n{GO_ON}") };
    Some(AgentTask {
        kind: AgentKind::parse(&agent.kind)?,
        prompt: Bytes::from(prompt.as_str()),
        resume_prompt: (!past.earlier.is_empty()).then(|| Bytes::from(resume.as_str())),
        program: agent.program.as_deref().map(Bytes::from),
        arguments: agent.arguments.iter().map(|word| Bytes::from(word.as_str())).collect(),
        model: agent.model.clone(),
        permissions: match agent.permissions {
            AgentPermissions::All => Permissions::All,
            AgentPermissions::Deny => Permissions::Deny,
            AgentPermissions::Ask => Permissions::Ask,
        },
        tools: agent.tools.clone(),
        max_turns: agent.max_turns,
        budget_usd_micros: left(job, state),
        result_schema: job.result_schema.clone(),
        session: session(run, step.call, state.base_fence, agent, attempt),
        earlier: past.earlier.iter().map(|row| row.id.to_string()).collect(),
        checkpoint_ms: agent.checkpoint_ms,
        linger_ms: agent.linger_ms,
    })
}

/// What is left of the budget. Never nothing: an agent would take that for no limit.
fn left(job: &JobSpec, state: &JobStep) -> Option<u64> {
    let budget = job.budget.as_ref()?.usd_micros?;
    Some(budget.saturating_sub(state.spent.usd_micros).max(1))
}

/// A UUID of version 4 by its form. The same for all attempts of one life of the step, so that an agent which is started twice
/// refuses the second; another for each attempt where they begin anew.
fn session(run: &RunId, call: u32, life: u64, agent: &AgentSpec, attempt: &Attempt) -> String {
    let anew = if agent.resume { 0 } else { attempt.number };
    let digest = Sha256::new()
        .chain_update("sortie session\0")
        .chain_update(run.as_str())
        .chain_update(call.to_le_bytes())
        .chain_update(life.to_le_bytes())
        .chain_update(anew.to_le_bytes())
        .finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = sortie_protocol::bytes::to_hex(&bytes);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// What people have said to its questions, for an agent that may not have read it.
fn told(answers: &[(AskSpec, AskAnswer)]) -> String {
    let line = |(ask, answer): &(AskSpec, AskAnswer)| {
        let by = if answer.by.is_empty() { String::new() } else { format!(" by {}", answer.by.join(", ")) };
        let how = match answer.answered {
            ApprovalOutcome::Approved => format!("was approved{by}"),
            ApprovalOutcome::Rejected => format!("was rejected{by}"),
            ApprovalOutcome::TimedOut => "was not answered in time: take that for neither yes nor no".to_owned(),
            ApprovalOutcome::Cancelled => "was withdrawn".to_owned(),
        };
        let said = answer.comment.as_deref().map(|comment| format!(": {comment}")).unwrap_or_default();
        format!("- Your question \"{}\" {how}{said}", ask.title)
    };
    let lines: Vec<String> = answers.iter().map(line).collect();
    if lines.is_empty() { String::new() } else { format!("You have asked people, and this is what came of it:\n{}", lines.join("\n")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sortie_core::ids::{AttemptId, Entropy};
    use sortie_core::state::AttemptState;

    fn attempt(number: u32) -> Attempt {
        Attempt {
            id: AttemptId::new(1, &Entropy([7; 32]), u64::from(number)),
            call: 1,
            number,
            fence: u64::from(number),
            state: AttemptState::Scheduled,
            stopping: None,
            debt: false,
            handed: None,
            scheduled_at: 0,
            deadline_at: 1,
            result_digest: None,
        }
    }

    fn agent(resume: bool) -> AgentSpec {
        serde_json::from_value(serde_json::json!({
            "kind": "claude", "prompt": "Fix it", "resume": resume, "checkpoint_ms": 0, "linger_ms": 0
        }))
        .unwrap()
    }

    #[test]
    fn a_session_is_one_for_each_life_of_a_step() {
        let run = RunId::new(1, &Entropy([1; 32]), 0);
        let of = |call, life, resume, number| session(&run, call, life, &agent(resume), &attempt(number));
        let one = of(1, 0, true, 1);
        assert_eq!(one, of(1, 0, true, 2), "a retry goes on with it");
        assert!(one != of(2, 0, true, 1) && one != of(1, 5, true, 1), "another step, another life");
        assert_ne!(of(1, 0, false, 1), of(1, 0, false, 2), "a retry begins anew");
        assert_eq!((one.len(), one.as_bytes()[14], one.matches('-').count()), (36, b'4', 4), "{one}");
    }

    #[test]
    fn answers_are_told_in_words_and_silence_is_no_consent() {
        let ask = AskSpec { title: "Drop the table?".to_owned(), message: String::new(), approvers: vec![], timeout_ms: 1, tool: None };
        let answer = |answered, by: &[&str], comment: Option<&str>| AskAnswer {
            answered,
            by: by.iter().map(|name| (*name).to_owned()).collect(),
            comment: comment.map(str::to_owned),
        };
        let text = told(&[
            (ask.clone(), answer(ApprovalOutcome::Rejected, &["ann"], Some("keep it"))),
            (ask, answer(ApprovalOutcome::TimedOut, &[], None)),
        ]);
        assert!(text.contains("\"Drop the table?\" was rejected by ann: keep it"), "{text}");
        assert!(text.contains("not answered in time: take that for neither yes nor no"), "{text}");
        assert_eq!(told(&[]), "");
    }
}
