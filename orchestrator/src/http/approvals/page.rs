//! The pages, as text. Everything from outside is escaped by the template.

use super::approval;
use crate::approval_link::ApprovalLink;
use crate::clock::rfc3339;
use maud::{DOCTYPE, Markup, html};
use sortie_core::call::CallSpec;
use sortie_core::view::Decision;
use sortie_store::model::operations::AskedStep;

/// The one style; its digest is in [`POLICY`], so that no other holds.
const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem}pre{white-space:pre-wrap;background:#f4f4f4;padding:1rem}dt{font-weight:600}textarea{width:100%}button{font-size:1rem;padding:.5rem 1.5rem;margin-right:1rem}";

/// No script, no picture, nothing from elsewhere; the form goes back to this page.
pub(super) const POLICY: &str = "default-src 'none'; style-src 'sha256-fd11kUG0N97RC4XUjig7ErsUfn2hGtqIiFLQ1YO+/uY='; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

fn whole(title: &str, body: &Markup) -> String {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                title { (title) }
                style { (maud::PreEscaped(STYLE)) }
            }
            body { (body) }
        }
    };
    markup.into_string()
}

/// A page that only says something.
pub(super) fn says(headline: &str, more: &str) -> String {
    whole(headline, &html! { h1 { (headline) } p { (more) } })
}

/// After a decision.
pub(super) fn decided(decision: Decision, by: &str) -> String {
    let word = if decision == Decision::Approve { "approved" } else { "rejected" };
    says(&format!("You {word} it."), &format!("Recorded as decided by {by}. This link is used up; you can close the page."))
}

/// The question, who decided so far, and the form where this person can still decide.
pub(super) fn question(asked: &AskedStep, link: &ApprovalLink) -> String {
    let (CallSpec::Approval(spec), Some(step)) = (&asked.spec, approval(asked)) else {
        return says("This is no approval.", "Ask for a new link.");
    };
    let mine = step.votes.iter().find(|vote| vote.actor == link.by);
    let body = html! {
        h1 { (spec.title) }
        @if !spec.text.is_empty() { pre { (spec.text) } }
        @if !spec.show.is_empty() {
            h2 { "To look at" }
            ul { @for name in &spec.show { li { code { (name) } } } }
        }
        dl {
            dt { "Flow" } dd { (asked.flow) }
            dt { "Run" } dd { code { (asked.run) } }
            dt { "Revision" } dd { (step.revision) }
            dt { "Until" } dd { (rfc3339(asked.step.deadline_at)) }
            dt { "Needed" } dd { (step.quorum) " of " @if step.approvers.is_empty() { "any operator" } @else { (step.approvers.join(", ")) } }
            dt { "Decided so far" }
            @if step.votes.is_empty() { dd { "nobody" } }
            @for vote in &step.votes {
                dd { (vote.actor) ": " (vote.decision.as_str()) " at " (rfc3339(vote.at)) @if let Some(comment) = &vote.comment { " (" (comment) ")" } }
            }
        }
        @if !asked.step.is_open() {
            p { strong { "This is decided, or no longer asked." } }
        } @else if link.revision != step.revision {
            p { strong { "What is asked has changed since this link was made. Ask for a new one." } }
        } @else if let Some(vote) = mine {
            p { strong { "You decided already: " (vote.decision.as_str()) "." } }
        } @else {
            form method="post" {
                p { "You decide as " strong { (link.by) } "." }
                p {
                    label for="comment" { "Comment" @if spec.comment_required { " (needed)" } }
                    br;
                    textarea id="comment" name="comment" rows="4" required[spec.comment_required] {}
                }
                button type="submit" name="decision" value="approve" { "Approve" }
                button type="submit" name="decision" value="reject" { "Reject" }
            }
        }
    };
    whole(&spec.title, &body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use serde_json::json;
    use sha2::{Digest, Sha256};
    use sortie_core::ids::{Entropy, RunId, WaitId};
    use sortie_core::view::{ApprovalStep, CastVote, Step, StepKind};

    fn asked(title: &str, text: &str, votes: Vec<CastVote>) -> AskedStep {
        let id = WaitId::new(1, &Entropy([1; 32]), 0);
        let kind = StepKind::Approval(ApprovalStep {
            id,
            revision: 7,
            approvers: vec!["leads".to_owned()],
            quorum: 1,
            comment_required: true,
            remind_ms: None,
            remind_at: None,
            escalate: None,
            notify: None,
            reminded: 0,
            votes,
            ask: None,
        });
        let step = Step {
            call: 1,
            name: "merge".to_owned(),
            kind,
            spec_seq: 3,
            completed_seq: None,
            deadline_at: 1_700_000_000_000,
            timeout_ms: 0,
            answer_digest: None,
            kept: 0,
            forgotten: false,
        };
        let spec = json!({ "approval": { "title": title, "text": text, "quorum": 1, "comment_required": true, "show": ["res://<b>"] } });
        let run = RunId::new(1, &Entropy([2; 32]), 0);
        AskedStep { run, flow: "fix".to_owned(), step, spec: serde_json::from_value(spec).unwrap(), scheduled_at: 1 }
    }

    fn link(revision: u64) -> ApprovalLink {
        let id = WaitId::new(1, &Entropy([1; 32]), 0);
        ApprovalLink { id, revision, by: "<i>ann</i>".to_owned(), roles: vec!["leads".to_owned()], expires_s: 9 }
    }

    #[test]
    fn the_policy_allows_the_one_style_and_no_script() {
        let digest = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(STYLE));
        assert!(POLICY.contains(&format!("'sha256-{digest}'")), "{digest}");
        assert!(!POLICY.contains("unsafe") && !POLICY.contains("script-src"), "scripts fall under default-src 'none'");
    }

    #[test]
    fn what_comes_from_outside_is_escaped() {
        let page = question(&asked("<script>alert(1)</script>", "</pre><img src=x onerror=y>", Vec::new()), &link(7));
        for bad in ["<script", "<img", "<i>", "<b>"] {
            assert!(!page.contains(bad), "{bad} in {page}");
        }
        assert!(page.contains("&lt;script&gt;"), "{page}");
    }

    #[test]
    fn the_form_is_there_only_while_this_person_can_decide() {
        let has_form = |page: String| page.contains("<form");
        let fresh = question(&asked("t", "", Vec::new()), &link(7));
        assert!(fresh.contains("required") && has_form(fresh));
        let changed = question(&asked("t", "", Vec::new()), &link(6));
        assert!(changed.contains("has changed") && !has_form(changed));
        let vote = |actor: &str| CastVote { actor: actor.to_owned(), decision: Decision::Approve, comment: Some("fine".to_owned()), at: 1 };
        let voted = question(&asked("t", "", vec![vote("<i>ann</i>")]), &link(7));
        assert!(voted.contains("You decided already") && !has_form(voted));
        let other = question(&asked("t", "", vec![vote("bo")]), &link(7));
        assert!(other.contains("bo: approve") && other.contains("(fine)") && has_form(other));
        let mut closed = asked("t", "", Vec::new());
        closed.step.completed_seq = Some(9);
        assert!(!has_form(question(&closed, &link(7))));
    }
}
