//! People decide: votes, reminders, escalation (F117, I15).
//!
//! A decision names the revision it saw. One rejection decides; approvals decide when there are as many as the quorum, each by
//! another person. Who has decided cannot decide otherwise, and saying the same again changes nothing.

use super::draft::Draft;
use super::{Refusal, Reply};
use crate::effect::{Timer, Work};
use crate::event::EventBody;
use crate::failure::Failure;
use crate::input::Vote;
use crate::limits;
use crate::state::StopReason;
use crate::value::{self, ApprovalOutcome};
use crate::view::{ApprovalStep, Decision, StepKind};
use serde_json::Value;

/// Stands for every role.
const EVERY_ROLE: &str = "*";

/// People are asked: told, reminded, and more of them asked when nobody decides.
pub(super) fn ask(draft: &mut Draft, call: u32) -> Result<(), Refusal> {
    let approval = of(draft, call)?.clone();
    draft.notify_approval(approval.notify.is_some())?;
    remind_later(draft, call, &approval)?;
    if let Some(escalate) = approval.escalate {
        draft.put(Work::Timer(Timer::Escalate(call)), escalate.at);
    }
    Ok(())
}

/// Somebody decides.
pub(super) fn vote(draft: &mut Draft, call: u32, vote: &Vote) -> Result<(), Refusal> {
    let open = draft.step(call)?.is_open();
    let approval = of(draft, call)?;
    if approval.votes.iter().any(|cast| cast.actor == vote.actor && cast.decision == vote.decision) {
        draft.reply = Reply::Nothing;
        return Ok(());
    }
    if let Some((code, message)) = refusal(approval, open, vote) {
        draft.reply = Reply::Refused { code, message };
        return Ok(());
    }
    draft.emit(EventBody::ApprovalVoted {
        call,
        actor: vote.actor.clone(),
        decision: vote.decision,
        comment: vote.comment.as_deref().filter(|text| !text.trim().is_empty()).map(cut),
        revision: vote.revision,
        via: vote.via.clone(),
    })?;
    let approval = of(draft, call)?;
    let approvals = approval.votes.iter().filter(|cast| cast.decision == Decision::Approve).count();
    let outcome = match vote.decision {
        Decision::Reject => ApprovalOutcome::Rejected,
        Decision::Approve if approvals >= usize::try_from(approval.quorum.max(1)).unwrap_or(usize::MAX) => ApprovalOutcome::Approved,
        Decision::Approve => return Ok(()),
    };
    if approval.ask.is_some() {
        return super::ask::close(draft, call, outcome);
    }
    let value = value::approval(outcome, &approval.votes, None);
    draft.complete(call, value, None)
}

/// Why a vote does not count. Who may not decide is told nothing else.
fn refusal(approval: &ApprovalStep, open: bool, vote: &Vote) -> Option<(&'static str, String)> {
    if !may_decide(&approval.approvers, &vote.roles) {
        let roles = approval.approvers.join(", ");
        return Some(("not_allowed", format!("{} may not decide about this: it takes one of the roles {roles}", vote.actor)));
    }
    if let Some(cast) = approval.votes.iter().find(|cast| cast.actor == vote.actor) {
        return Some(("already_decided", format!("{} has decided before: {}", vote.actor, cast.decision.as_str())));
    }
    if !open {
        return Some(("closed", "the approval is not open any more".to_owned()));
    }
    if vote.revision != approval.revision {
        let message =
            format!("the decision is about revision {}, and revision {} is asked; look at it again", vote.revision, approval.revision);
        return Some(("wrong_revision", message));
    }
    if approval.comment_required && vote.comment.as_deref().is_none_or(|text| text.trim().is_empty()) {
        return Some(("comment_required", "this decision needs a comment".to_owned()));
    }
    None
}

/// Whether one of these roles may decide; everybody may where no role is named.
#[must_use]
pub fn may_decide(approvers: &[String], roles: &[String]) -> bool {
    approvers.is_empty() || roles.iter().any(|role| role == EVERY_ROLE || approvers.contains(role))
}

/// A reminder is due.
pub(super) fn remind_due(draft: &mut Draft, call: u32) -> Result<(), Refusal> {
    let Some(approval) = open(draft, call)? else { return nothing(draft) };
    let Some(due_at) = approval.remind_at.filter(|_| approval.reminded < limits::REMINDERS) else { return nothing(draft) };
    if draft.now < due_at {
        draft.put(Work::Timer(Timer::Remind(call)), due_at);
        return nothing(draft);
    }
    draft.emit(EventBody::ApprovalReminded { call, number: approval.reminded + 1 })?;
    draft.notify_approval(approval.notify.is_some())?;
    let approval = of(draft, call)?.clone();
    remind_later(draft, call, &approval)
}

/// Nobody has decided for some time: more people may.
pub(super) fn escalate_due(draft: &mut Draft, call: u32) -> Result<(), Refusal> {
    let Some(approval) = open(draft, call)? else { return nothing(draft) };
    let Some(escalate) = approval.escalate else { return nothing(draft) };
    if draft.now < escalate.at {
        draft.put(Work::Timer(Timer::Escalate(call)), escalate.at);
        return nothing(draft);
    }
    draft.emit(EventBody::ApprovalEscalated { call, to: escalate.to })?;
    draft.notify_approval(approval.notify.is_some())
}

/// The value of an approval that nobody waits for any more. Silence is neither yes nor no.
pub(super) fn stopped(approval: &ApprovalStep, reason: StopReason, failure: &Failure) -> Value {
    let outcome = if reason == StopReason::TimedOut { ApprovalOutcome::TimedOut } else { ApprovalOutcome::Cancelled };
    value::approval(outcome, &approval.votes, Some(failure))
}

fn remind_later(draft: &mut Draft, call: u32, approval: &ApprovalStep) -> Result<(), Refusal> {
    let deadline_at = draft.step(call)?.deadline_at;
    if let Some(at) = approval.remind_at.filter(|at| approval.reminded < limits::REMINDERS && *at < deadline_at) {
        draft.put(Work::Timer(Timer::Remind(call)), at);
    }
    Ok(())
}

pub(super) fn of(draft: &Draft, call: u32) -> Result<&ApprovalStep, Refusal> {
    match &draft.step(call)?.kind {
        StepKind::Approval(approval) => Ok(approval),
        _ => Err(Refusal::NotFound),
    }
}

fn open(draft: &Draft, call: u32) -> Result<Option<ApprovalStep>, Refusal> {
    let step = draft.step(call)?;
    Ok(match &step.kind {
        StepKind::Approval(approval) if step.is_open() => Some(approval.clone()),
        _ => None,
    })
}

fn nothing(draft: &mut Draft) -> Result<(), Refusal> {
    draft.reply = Reply::Nothing;
    Ok(())
}

fn cut(text: &str) -> String {
    text.chars().take(limits::NOTE_CHARS).collect()
}
