//! Telling people of a run: composed from its rows and an event, tried until it is taken or [`NOTICE_TRIES`] are used up.
//!
//! And if the process dies after it was sent? It is sent again with the same id, which the other side can tell by.

use super::Driver;
use super::tries::authorize;
use super::work::NotDone;
use crate::approval_link::ApprovalLink;
use crate::failpoint;
use crate::notify::{Message, NotTold, mail, post};
use crate::outbound::Outbound;
use crate::vault::VaultError;
use crate::vault::connection::{Connection, Kind};
use reqwest::header::HeaderMap;
use sortie_core::call::CallSpec;
use sortie_core::event::{Event, EventBody};
use sortie_core::ids::Ms;
use sortie_core::input::{InputBody, Scope};
use sortie_core::limits::NOTICE_TRIES;
use sortie_core::plan::NoticeKind;
use sortie_core::view::{ApprovalStep, RunHead, StepKind};
use sortie_keys::Secret;
use sortie_store::model::Claim;
use url::Url;

/// Pause before the second try, in milliseconds; each one is as long as everything before it, so that [`NOTICE_TRIES`] spread over a day.
const FIRST_PAUSE_MS: u64 = 45_000;

impl Driver {
    /// Send where the server may send.
    pub fn outbound(&self) -> &Outbound {
        &self.0.outbound
    }

    /// Tell of an event whoever is to be told.
    pub(super) async fn notify(&self, claim: &Claim, what: NoticeKind, seq: u64) -> Result<(), NotDone> {
        let store = &self.parts().store;
        let (Some(row), Some(event)) = (store.run(&claim.run).await?, store.event(&claim.run, seq).await?) else {
            return Ok(store.finish(claim.clone()).await?);
        };
        let Composed { message, own, asks } = self.composed(&row.head, what, &event).await?;
        let after = store.history(&claim.run, seq, crate::limits::HISTORY_PAGE).await?;
        let now = self.parts().clock.now();
        let elapsed = u64::try_from(now.saturating_sub(claim.due_at.min(event.at))).unwrap_or(0);
        let mut put_off = None;
        for to in recipients(&row.head, (what, seq), own, &after) {
            let links = asks.iter().filter_map(|asks| self.link(asks, &to)).collect();
            let told = self.tell(&to, &Message { links, ..message.clone() }).await;
            failpoint::hit("notice_sent");
            let result = match told {
                Ok(()) => Ok(()),
                Err(NotTold { again: true, message }) if elapsed < last_pause_ms() => {
                    tracing::warn!(run = %claim.run, to, message, "nobody could be told yet");
                    put_off = Some(now.saturating_add_unsigned(elapsed.max(FIRST_PAUSE_MS)));
                    continue;
                }
                Err(NotTold { message, .. }) => Err(message),
            };
            self.deliver(Scope::Run(claim.run.clone()), InputBody::NoticeEnded { what, about: seq, to, result }).await?;
        }
        match put_off {
            Some(until) => Ok(self.put_off(claim.clone(), until).await?),
            None => Ok(store.finish(claim.clone()).await?),
        }
    }

    /// Send one message through a connection.
    ///
    /// # Errors
    /// [`NotTold`].
    pub async fn tell(&self, to: &str, message: &Message) -> Result<(), NotTold> {
        let vault = self.vault();
        let connection = vault.connection(to).await.map_err(not_told)?;
        let url = self.connection_url(&connection).await.map_err(NotTold::later)?;
        if connection.kind == Kind::Smtp {
            let secret = match connection.auth.secret() {
                Some(name) => Some(vault.secret(name).await.map_err(not_told)?),
                None => None,
            };
            return mail::send(self.outbound(), &connection, &url, secret.as_ref(), message).await;
        }
        let body = match connection.kind {
            Kind::Http => return Err(NotTold::never(format!("`{to}` is for http steps; nobody is told through it"))),
            Kind::Slack => message.slack(),
            Kind::Webhook | Kind::Smtp => message.json(),
        };
        let headers = self.connection_headers(&connection).await.map_err(NotTold::later)?;
        post::post(self.outbound(), url, headers, &message.id, &body, connection.allow_private).await
    }

    /// The credentials of a connection, as headers.
    ///
    /// # Errors
    /// For people; never quotes them.
    pub async fn connection_headers(&self, connection: &Connection) -> Result<HeaderMap, String> {
        let mut headers = HeaderMap::new();
        if let Some(name) = connection.auth.secret() {
            let value = self.vault().secret(name).await.map_err(|error| error.to_string())?;
            let value = Secret::new(value.expose().trim_ascii_end());
            authorize(&mut headers, &connection.auth, &value).map_err(|failure| failure.message)?;
        }
        Ok(headers)
    }

    /// The URL of a connection, also where it is a secret.
    ///
    /// # Errors
    /// For people; never quotes it.
    pub async fn connection_url(&self, connection: &Connection) -> Result<Url, String> {
        let text = match (&connection.url, &connection.url_secret) {
            (Some(url), _) => url.clone(),
            (None, Some(name)) => {
                let value = self.vault().secret(name).await.map_err(|error| error.to_string())?;
                value.expose_str().map(|text| text.trim().to_owned()).ok_or_else(|| format!("the secret `{name}` is no URL"))?
            }
            (None, None) => return Err("the connection has no URL".to_owned()),
        };
        connection.check_url(&text)
    }

    /// The one-use link of an approval for whoever reads a connection: they decide under its name, in the roles that are asked for.
    fn link(&self, asks: &(ApprovalStep, Ms), to: &str) -> Option<(String, String)> {
        let (approval, deadline_at) = asks;
        let link = ApprovalLink {
            id: approval.id.clone(),
            revision: approval.revision,
            by: to.to_owned(),
            roles: approval.approvers.clone(),
            expires_s: deadline_at.div_euclid(1_000),
        };
        let parts = self.parts();
        match link.sign(self.ring(), &parts.installation.id, parts.config.audience()) {
            Ok(url) => Some(("look and decide".to_owned(), url)),
            Err(error) => {
                tracing::warn!(error, "a notice goes out without its link");
                None
            }
        }
    }

    /// The message, and the connection that an approval names itself.
    async fn composed(&self, head: &RunHead, what: NoticeKind, event: &Event) -> Result<Composed, NotDone> {
        let id = format!("{}.{}.{}", head.id, what.as_str(), event.seq);
        let mut fields = vec![
            ("flow".to_owned(), head.flow.clone()),
            ("run".to_owned(), head.id.to_string()),
            ("state".to_owned(), head.shown_state().to_owned()),
        ];
        if what != NoticeKind::Approval {
            let text = head.failure.as_ref().map(|failure| failure.message.clone()).unwrap_or_default();
            fields.extend(head.failure.as_ref().map(|failure| ("failure".to_owned(), failure.kind.as_str().to_owned())));
            fields.push(("look".to_owned(), format!("sortie runs explain {}", head.id)));
            let message = Message { id, title: title(head, what), text, fields, links: Vec::new() };
            return Ok(Composed { message, own: None, asks: None });
        }
        let call = match &event.body {
            EventBody::StepScheduled { call, .. }
            | EventBody::AskOpened { call, .. }
            | EventBody::ApprovalReminded { call, .. }
            | EventBody::ApprovalEscalated { call, .. } => *call,
            other => return Err(NotDone::Never(format!("{} is no event of an approval", other.kind()))),
        };
        let found = self.parts().store.link_step(&head.id, call).await?;
        let Some((step, CallSpec::Approval(spec))) = found.map(|found| (found.step, found.spec)) else {
            return Err(NotDone::Never(format!("call {call} is no approval")));
        };
        let asked = match &event.body {
            EventBody::ApprovalReminded { number, .. } => format!("Reminder {number}: {}", spec.title),
            EventBody::ApprovalEscalated { .. } => format!("Still to be decided: {}", spec.title),
            _ => spec.title.clone(),
        };
        fields.push(("step".to_owned(), step.name.clone()));
        fields.push(("until".to_owned(), crate::clock::rfc3339(step.deadline_at)));
        if !spec.approvers.is_empty() {
            fields.push(("may decide".to_owned(), spec.approvers.join(", ")));
        }
        fields.push(("look".to_owned(), format!("sortie runs explain {}", head.id)));
        let asks = match step.kind {
            StepKind::Approval(asks) => Some((asks, step.deadline_at)),
            _ => None,
        };
        Ok(Composed { message: Message { id, title: asked, text: spec.text, fields, links: Vec::new() }, own: spec.notify, asks })
    }
}

/// What is to be said.
struct Composed {
    message: Message,
    /// The connection that an approval names itself.
    own: Option<String>,
    /// The approval that is asked for, and until when.
    asks: Option<(ApprovalStep, Ms)>,
}

fn title(head: &RunHead, what: NoticeKind) -> String {
    let what = match what {
        NoticeKind::Failed => "failed",
        NoticeKind::Parked => "was set aside and waits for you",
        NoticeKind::Overdue => "takes longer than it should",
        NoticeKind::Dead => "gave up after its retries: a dead letter",
        NoticeKind::Approval => "asks for a decision",
    };
    format!("{} {what} ({})", head.flow, head.id)
}

/// After this long a try that fails is the last one, in milliseconds.
const fn last_pause_ms() -> u64 {
    FIRST_PAUSE_MS << (NOTICE_TRIES - 2)
}

/// Connections that have not been told of this very event, nor given up on.
fn recipients(head: &RunHead, (what, seq): (NoticeKind, u64), own: Option<String>, after: &[Event]) -> Vec<String> {
    let rules = head.plan.notify.iter().filter(|rule| rule.on.contains(&what)).map(|rule| rule.to.clone());
    let mut all: Vec<String> = own.map_or_else(|| rules.collect(), |own| vec![own]);
    // An approval has somebody to tell wherever the run has.
    if all.is_empty() && what == NoticeKind::Approval {
        all = head.plan.notify.iter().map(|rule| rule.to.clone()).collect();
    }
    all.sort();
    all.dedup();
    all.retain(|to| !notified(after, seq, to));
    all
}

/// Whether a connection was told of an event, or given up on.
fn notified(after: &[Event], seq: u64, to: &str) -> bool {
    after.iter().any(|event| match &event.body {
        EventBody::NoticeSent { about, to: told, .. } | EventBody::NoticeFailed { about, to: told, .. } => *about == seq && told == to,
        _ => false,
    })
}

fn not_told(error: VaultError) -> NotTold {
    // A secret or a connection that is not there may be put there: the tries are spread over a day.
    NotTold::later(error.to_string())
}

/// What a test of a connection says.
#[must_use]
pub fn test_message(name: &str, by: &str, at: Ms) -> Message {
    Message {
        id: format!("test.{name}.{at}"),
        title: format!("A test of the connection {name}"),
        text: format!("{by} has sent this to see whether it arrives. It does."),
        ..Message::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reminder_is_sent_although_the_first_notice_went_out_after_it_fell_due() {
        let body = EventBody::NoticeSent { what: NoticeKind::Approval, about: 4, to: "ops".to_owned() };
        let after = [Event { seq: 9, at: 1, body }];
        let told = |about| notified(&after, about, "ops");
        assert!(told(4) && !told(7), "the notice of event 4 says nothing of the reminder that is event 7");
        assert!(!notified(&after, 4, "others"));
    }
}
