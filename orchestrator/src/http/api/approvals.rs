//! Approvals: which are open, one of them, deciding (`POST .../vote`), and one-use links for people without a token
//! (`POST .../links`, an answer that carries a secret and is never remembered).

use super::answer::Answer;
use super::caller::Caller;
use super::request::{body, text};
use super::routes::Api;
use super::{runs_control, waits};
use crate::approval_link::ApprovalLink;
use crate::clock::rfc3339;
use crate::envelope::{Next, Problem, Success};
use crate::error_code::ErrorCode;
use crate::failpoint;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::Uri;
use serde::Deserialize;
use serde_json::{Value, json};
use sortie_core::call::CallSpec;
use sortie_core::event::EventBody;
use sortie_core::ids::WaitId;
use sortie_core::input::{InputBody, Scope, Vote};
use sortie_core::view::{ApprovalStep, Decision, StepKind};
use sortie_store::model::operations::AskedStep;

/// Open approvals, oldest runs first.
pub(super) async fn list(State(api): State<Api>, uri: Uri) -> Answer {
    let (approvals, after) = waits::page(&api, &uri, "approval", view).await?;
    let first = approvals.first().and_then(|first| first["id"].as_str()).map(str::to_owned);
    let mut success = Success::new(json!({ "approvals": approvals, "after": after }));
    if let Some(id) = first {
        success = success.next(Next::look(&["approval", "show", &id]));
    }
    Ok(match after {
        Some(after) => success.next(Next::look(&["approval", "list", "--after", &after])),
        None => success,
    })
}

/// One approval; decided ones with their outcome.
pub(super) async fn show(State(api): State<Api>, Path(id): Path<String>) -> Answer {
    let (asked, step) = find(&api, &id).await?;
    let mut data = view(&asked);
    let mut success_next = vec![Next::look(&["runs", "explain", asked.run.as_str()])];
    if let Some(seq) = asked.step.completed_seq {
        let value = match api.app.store.event(&asked.run, seq).await?.map(|event| event.body) {
            Some(EventBody::StepCompleted { value, .. }) => value,
            Some(EventBody::AskClosed { answer, .. }) => {
                json!({ "outcome": answer.answered, "by": answer.by, "comment": answer.comment })
            }
            _ => Value::Null,
        };
        data["outcome"] = value["outcome"].clone();
        data["by"] = value["by"].clone();
        data["comment"] = value["comment"].clone();
    } else {
        let revision = step.revision.to_string();
        for word in ["approve", "reject"] {
            success_next.push(Next::act(&["approval", word, step.id.as_str(), "--revision", &revision]));
        }
    }
    let mut success = Success::new(data);
    success.meta.next = success_next;
    Ok(success)
}

async fn find(api: &Api, id: &str) -> Result<(AskedStep, ApprovalStep), Problem> {
    let id = WaitId::parse(id).map_err(|error| Problem::new(ErrorCode::Usage, error.to_string()))?;
    let asked = api.app.store.approval(&id).await?;
    let asked = asked.and_then(|asked| match &asked.step.kind {
        StepKind::Approval(step) => Some((step.clone(), asked)),
        _ => None,
    });
    let (step, asked) = asked
        .ok_or_else(|| Problem::new(ErrorCode::NotFound, format!("there is no approval {id}")).next(Next::look(&["approval", "list"])))?;
    Ok((asked, step))
}

fn view(asked: &AskedStep) -> Value {
    let (CallSpec::Approval(spec), StepKind::Approval(step)) = (&asked.spec, &asked.step.kind) else { return Value::Null };
    let vote = |vote: &sortie_core::view::CastVote| json!({ "actor": vote.actor, "decision": vote.decision, "comment": vote.comment, "at": rfc3339(vote.at) });
    json!({
        "id": step.id,
        "run": asked.run,
        "flow": asked.flow,
        "step": asked.step.name,
        "call": asked.step.call,
        "open": asked.step.is_open(),
        "title": spec.title,
        "text": spec.text,
        "show": spec.show,
        "revision": step.revision,
        "approvers": step.approvers,
        "quorum": step.quorum,
        "approved": step.votes.iter().filter(|vote| vote.decision == Decision::Approve).count(),
        "comment_required": step.comment_required,
        "votes": step.votes.iter().map(vote).collect::<Value>(),
        "reminders": step.reminded,
        "since": rfc3339(asked.scheduled_at),
        "deadline_at": rfc3339(asked.step.deadline_at),
        "asked_by": step.ask.as_ref().map(|ask| json!({ "call": ask.call, "attempt": ask.attempt, "seq": ask.seq })),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VoteBody {
    decision: Decision,
    /// The revision that was looked at.
    revision: u64,
    comment: Option<String>,
    /// `cli`, where the command line asks.
    via: Option<String>,
}

/// Decide.
pub(super) async fn vote(State(api): State<Api>, Path(id): Path<String>, caller: Caller, bytes: Bytes) -> Answer {
    let asked: VoteBody = body(&bytes)?;
    let (row, step) = find(&api, &id).await?;
    let via = if asked.via.as_deref() == Some("cli") { "cli" } else { "api" };
    let vote = Vote {
        actor: caller.name,
        roles: caller.roles,
        decision: asked.decision,
        comment: text("comment", asked.comment)?,
        revision: asked.revision,
        via: via.to_owned(),
    };
    let call = row.step.call;
    let delivered = api.app.driver.deliver(Scope::Step(row.run.clone(), call), InputBody::Vote { call, vote }).await?;
    failpoint::hit("vote_committed");
    let what = asked.decision.as_str();
    let told = runs_control::told(&api, &row.run, what, &delivered).await;
    told.map(|mut success| {
        success.data["approval"] = json!(step.id);
        success
    })
    .map_err(|problem| problem.next(Next::look(&["approval", "show", step.id.as_str()])))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LinkBody {
    /// Who decides by it.
    name: String,
    #[serde(default)]
    roles: Vec<String>,
    /// For how long, in milliseconds; until the approval's deadline at the longest.
    expires_ms: Option<u64>,
}

/// Make a one-use link for somebody without a token.
pub(super) async fn link(State(api): State<Api>, Path(id): Path<String>, caller: Caller, bytes: Bytes) -> Answer {
    let asked: LinkBody = body(&bytes)?;
    let (row, step) = find(&api, &id).await?;
    if !row.step.is_open() {
        return Err(Problem::new(ErrorCode::Conflict, format!("{} is decided already", step.id)).next(Next::look(&[
            "approval",
            "show",
            step.id.as_str(),
        ])));
    }
    // Nobody hands out a role that they do not have.
    if let Some(role) = asked.roles.iter().find(|role| !caller.has_one_of(std::slice::from_ref(*role))) {
        return Err(Problem::new(ErrorCode::Forbidden, format!("{} has not the role `{role}`", caller.name)));
    }
    if asked.roles.iter().any(|role| role.is_empty() || role.contains([',', '*'])) {
        return Err(Problem::new(ErrorCode::Usage, "a role has neither `,` nor `*` in it"));
    }
    let name = asked.name.trim().to_owned();
    if name.is_empty() || name.chars().count() > crate::approval_link::NAME_CHARS || name.chars().any(char::is_control) {
        return Err(Problem::new(ErrorCode::Usage, format!("a name has 1 to {} characters", crate::approval_link::NAME_CHARS)));
    }
    let end = asked.expires_ms.map_or(row.step.deadline_at, |ms| api.app.clock.now().saturating_add_unsigned(ms).min(row.step.deadline_at));
    let link = ApprovalLink {
        id: step.id.clone(),
        revision: step.revision,
        by: name.clone(),
        roles: asked.roles.clone(),
        expires_s: end.div_euclid(1_000),
    };
    let url = link.sign(api.app.driver.ring(), &api.app.installation.id, api.app.config.audience());
    let url = url.map_err(|why| Problem::new(ErrorCode::Failed, why))?;
    Ok(Success::new(json!({
        "approval": step.id,
        "run": row.run,
        "name": name,
        "roles": asked.roles,
        "revision": step.revision,
        "url": url,
        "expires_at": rfc3339(link.expires_s.saturating_mul(1_000)),
    })))
}
