//! `GET` and `POST /v1/approvals/{id}?...` on the public listener: the page behind a signed link.
//!
//! A GET only shows, whoever opens it; a POST from that page decides. The page has no script, loads nothing, is never cached,
//! and tells no other site where the reader came from. The path is matched as it stands on the wire.

mod form;
mod page;

use super::limits::{DECISION_BYTES, REFUSED_RETRY_S, RefusalLimits};
use super::refusals::Refusals;
use crate::approval_link::{ApprovalLink, PREFIX};
use crate::driver::Driver;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use axum::routing::get;
use sortie_core::decide::Reply;
use sortie_core::input::{InputBody, Scope, Vote};
use sortie_core::view::StepKind;
use sortie_store::model::operations::AskedStep;
use std::net::SocketAddr;
use std::sync::Arc;

#[derive(Clone)]
struct Approvals {
    driver: Driver,
    refusals: Arc<Refusals>,
}

/// The pages.
pub fn routes(driver: Driver) -> Router {
    let state = Approvals { driver, refusals: Arc::new(Refusals::new(RefusalLimits::default())) };
    Router::new().route("/v1/approvals/{id}", get(answer).post(answer)).with_state(state)
}

async fn answer(State(state): State<Approvals>, ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request) -> Response<Body> {
    match answered(&state, request).await {
        Ok((status, text)) => html(status, text),
        Err(Refused::Link) if !state.refusals.count(peer.ip()) => {
            let mut response =
                html(StatusCode::TOO_MANY_REQUESTS, page::says("Too many links that do not hold came from here.", "Wait a while."));
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(REFUSED_RETRY_S));
            response
        }
        // One shape, whatever is wrong with the link.
        Err(Refused::Link) => html(
            StatusCode::UNAUTHORIZED,
            page::says("This link does not hold.", "It is over, was changed, or was replaced. Ask for a new one."),
        ),
        Err(Refused::Form(why)) => html(StatusCode::BAD_REQUEST, page::says("The decision could not be read.", why)),
        Err(Refused::Unavailable) => {
            html(StatusCode::SERVICE_UNAVAILABLE, page::says("Not now.", "Open the link again in a moment; nothing was decided."))
        }
    }
}

/// Why there is no page.
enum Refused {
    /// Not a link of ours.
    Link,
    /// Not a form of ours.
    Form(&'static str),
    /// Store or keys do not answer.
    Unavailable,
}

async fn answered(state: &Approvals, request: Request) -> Result<(StatusCode, String), Refused> {
    let (parts, body) = request.into_parts();
    let id = parts.uri.path().strip_prefix(PREFIX).ok_or(Refused::Link)?;
    let driver = &state.driver;
    driver.ring().reload_if_changed().map_err(|_| Refused::Unavailable)?;
    let server = driver.parts();
    let link = ApprovalLink::verify(driver.ring(), &server.installation.id, id, parts.uri.query().unwrap_or(""), server.clock.now_s());
    let link = link.map_err(|fault| {
        tracing::info!(%fault, "a link to an approval was refused");
        Refused::Link
    })?;
    let asked = server.store.approval(&link.id).await.map_err(|_| Refused::Unavailable)?.ok_or(Refused::Link)?;
    if parts.method != Method::POST {
        return Ok((StatusCode::OK, page::question(&asked, &link)));
    }
    if !same_site(&parts.headers) {
        return Err(Refused::Form("It came from another site."));
    }
    let bytes = to_bytes(body, DECISION_BYTES).await.map_err(|_| Refused::Form("It is too long."))?;
    let decision = form::read(&parts.headers, &bytes).map_err(Refused::Form)?;
    decide(driver, asked, &link, decision).await
}

/// Programs send no such header; a browser says whether the form stood on our own page.
fn same_site(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_none_or(|site| site == "same-origin")
}

async fn decide(driver: &Driver, asked: AskedStep, link: &ApprovalLink, form: form::Form) -> Result<(StatusCode, String), Refused> {
    let vote = Vote {
        actor: link.by.clone(),
        roles: link.roles.clone(),
        decision: form.decision,
        comment: form.comment,
        revision: link.revision,
        via: "link".to_owned(),
    };
    let call = asked.step.call;
    let delivered = driver.deliver(Scope::Step(asked.run.clone(), call), InputBody::Vote { call, vote }).await;
    let delivered = delivered.map_err(|error| {
        tracing::warn!(run = %asked.run, %error, "a decision by a link could not be taken");
        Refused::Unavailable
    })?;
    crate::failpoint::hit("vote_committed");
    tracing::info!(target: "sortie::audit", actor = link.by, run = %asked.run, approval = %link.id, decision = form.decision.as_str(), "decided by a link");
    Ok(match delivered.reply {
        Reply::Refused { message, .. } => (StatusCode::CONFLICT, page::says("Nothing was decided.", &message)),
        Reply::Nothing => (StatusCode::OK, page::says("You had decided so already.", "Nothing was changed.")),
        _ => (StatusCode::OK, page::decided(form.decision, &link.by)),
    })
}

/// Whether this approval is one.
fn approval(asked: &AskedStep) -> Option<&sortie_core::view::ApprovalStep> {
    if let StepKind::Approval(approval) = &asked.step.kind { Some(approval) } else { None }
}

/// A page that nobody keeps, frames or runs anything in.
fn html(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::CONTENT_SECURITY_POLICY, page::POLICY),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    headers.insert("x-robots-tag", HeaderValue::from_static("noindex, nofollow"));
    response
}
