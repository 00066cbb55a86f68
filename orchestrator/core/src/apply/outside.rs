//! Events about steps that the server, people and other runs answer.

use super::{GAP, MISSING, kind};
use crate::event::{Event, EventBody};
use crate::state::IllegalTransition;
use crate::view::{ApprovalStep, CastVote, Step, StepKind, Tries, View};

pub(super) fn on_outside(view: &mut View, event: &Event) -> Result<(), IllegalTransition> {
    match &event.body {
        EventBody::TryStarted { call, number } => {
            let tries = tries_mut(view, *call)?;
            if *number != tries.number + 1 {
                return Err(GAP);
            }
            tries.number = *number;
            tries.used += 1;
            tries.retry_at = None;
            tries.under_way = true;
        }
        EventBody::TryFailed { call, due_at, .. } => {
            let tries = tries_mut(view, *call)?;
            tries.retry_at = Some(*due_at);
            tries.under_way = false;
        }
        EventBody::ChildStarted { call, .. } => match &mut open_mut(view, *call)?.kind {
            StepKind::Child { made, .. } => *made = true,
            _ => return Err(MISSING),
        },
        EventBody::ChildStopping { call, reason } => match &mut open_mut(view, *call)?.kind {
            StepKind::Child { stopping, .. } => *stopping = Some(*reason),
            _ => return Err(MISSING),
        },
        EventBody::EventReceived { call, .. } => drop(open_mut(view, *call)?),
        EventBody::ApprovalVoted { call, actor, decision, comment, .. } => {
            let (actor, comment) = (actor.clone(), comment.clone());
            approval_mut(view, *call)?.votes.push(CastVote { actor, decision: *decision, comment, at: event.at });
        }
        EventBody::ApprovalReminded { call, number } => {
            let approval = approval_mut(view, *call)?;
            approval.reminded = *number;
            approval.remind_at = approval.remind_ms.map(|every| kind::later(event.at, every));
        }
        EventBody::ApprovalEscalated { call, to } => escalated(approval_mut(view, *call)?, to, event.seq),
        _ => return Err(MISSING),
    }
    Ok(())
}

/// More people may decide. Where everybody may, that stays so.
fn escalated(approval: &mut ApprovalStep, to: &[String], seq: u64) {
    approval.revision = seq;
    approval.escalate = None;
    if !approval.approvers.is_empty() {
        let new: Vec<String> = to.iter().filter(|role| !approval.approvers.contains(role)).cloned().collect();
        approval.approvers.extend(new);
    }
}

fn open_mut(view: &mut View, call: u32) -> Result<&mut Step, IllegalTransition> {
    view.steps.get_mut(&call).filter(|step| step.is_open()).ok_or(MISSING)
}

fn tries_mut(view: &mut View, call: u32) -> Result<&mut Tries, IllegalTransition> {
    match &mut open_mut(view, call)?.kind {
        StepKind::Http(tries) | StepKind::Artifact(tries) => Ok(tries),
        _ => Err(MISSING),
    }
}

fn approval_mut(view: &mut View, call: u32) -> Result<&mut ApprovalStep, IllegalTransition> {
    match &mut open_mut(view, call)?.kind {
        StepKind::Approval(approval) => Ok(approval),
        _ => Err(MISSING),
    }
}
