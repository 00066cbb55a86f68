//! Questions of jobs: bounded, masked, and put to those whom the flow allows to answer.

use super::judge;
use super::limits::{ASK_LEAST_MS, ASK_MESSAGE_CHARS, ASK_NAME_CHARS, ASK_ROLES, ASK_TITLE_CHARS};
use super::parse::Fault;
use crate::driver::Driver;
use crate::vault::mask::Masker;
use sortie_core::call::AskSpec;
use sortie_core::ids::RunId;
use sortie_core::input::Said;
use sortie_core::limits::LONGEST_MS;
use sortie_core::view::Step;
use sortie_protocol::ask::{Ask, AskedTool};
use sortie_store::StoreError;

/// What a question says, or what is wrong with it. A question that cannot be asked does not end its attempt.
///
/// # Errors
/// Where the step's arguments cannot be read.
pub(super) async fn said(
    driver: &Driver,
    run: &RunId,
    step: &Step,
    masker: &Masker,
    seq: u64,
    ask: Ask,
) -> Result<Result<Said, Fault>, StoreError> {
    if let Err(fault) = check(&ask) {
        return Ok(Err(fault));
    }
    let allowed = judge::job(driver, run, step).await?.agent.map(|agent| agent.approvers).unwrap_or_default();
    let ask = AskSpec {
        title: masker.text(&ask.title),
        message: masker.text(&ask.message),
        approvers: approvers(&allowed, ask.approvers),
        timeout_ms: ask.timeout_ms,
        tool: ask.tool.map(|AskedTool { name, input_digest }| (masker.text(&name), input_digest)),
    };
    Ok(Ok(Said::Asked { seq, ask }))
}

/// A job chooses among those whom its flow names, and cannot name others (F061).
fn approvers(allowed: &[String], asked: Vec<String>) -> Vec<String> {
    let within = !asked.is_empty() && asked.iter().all(|role| allowed.contains(role));
    if allowed.is_empty() || within { asked } else { allowed.to_vec() }
}

fn check(ask: &Ask) -> Result<(), Fault> {
    let fault = |place: &str, why: String| Err(Fault(format!("/data/{place}: {why}")));
    let chars = |text: &str| text.chars().count();
    if ask.title.trim().is_empty() || chars(&ask.title) > ASK_TITLE_CHARS || ask.title.chars().any(char::is_control) {
        return fault("title", format!("one line of 1 to {ASK_TITLE_CHARS} characters"));
    }
    if chars(&ask.message) > ASK_MESSAGE_CHARS {
        return fault("message", format!("at most {ASK_MESSAGE_CHARS} characters"));
    }
    let is_role = |role: &String| !role.is_empty() && chars(role) <= ASK_NAME_CHARS && !role.contains([',', '*']);
    if ask.approvers.len() > ASK_ROLES || !ask.approvers.iter().all(is_role) {
        return fault("approvers", format!("at most {ASK_ROLES} roles, each of 1 to {ASK_NAME_CHARS} characters without `,` and `*`"));
    }
    if !(ASK_LEAST_MS..=LONGEST_MS).contains(&ask.timeout_ms) {
        return fault("timeout_ms", format!("from {ASK_LEAST_MS} to {LONGEST_MS}"));
    }
    if let Some(tool) = &ask.tool {
        if tool.name.is_empty() || chars(&tool.name) > ASK_NAME_CHARS {
            return fault("tool/name", format!("1 to {ASK_NAME_CHARS} characters"));
        }
        if !crate::resources::blobs::is_digest(&tool.input_digest) {
            return fault("tool/input_digest", "not a SHA-256 in lower-case hex".to_owned());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn f061_a_job_cannot_choose_who_may_answer_beyond_its_flow() {
        let allowed = roles(&["security", "lead"]);
        assert_eq!(approvers(&allowed, roles(&["lead"])), ["lead"]);
        assert_eq!(approvers(&allowed, roles(&["lead", "anybody"])), allowed);
        assert_eq!(approvers(&allowed, Vec::new()), allowed);
        assert_eq!(approvers(&[], roles(&["lead"])), ["lead"]);
    }

    #[test]
    fn a_question_that_makes_no_sense_names_the_place() {
        let good =
            Ask { title: "May I?".to_owned(), message: String::new(), approvers: Vec::new(), timeout_ms: 60_000, tool: None, key: None };
        assert_eq!(check(&good), Ok(()));
        let tool = Some(AskedTool { name: "Bash".to_owned(), input_digest: "x".to_owned() });
        for (bad, place) in [
            (Ask { title: "a\nb".to_owned(), ..good.clone() }, "/data/title"),
            (Ask { message: "x".repeat(ASK_MESSAGE_CHARS + 1), ..good.clone() }, "/data/message"),
            (Ask { approvers: roles(&["*"]), ..good.clone() }, "/data/approvers"),
            (Ask { timeout_ms: 0, ..good.clone() }, "/data/timeout_ms"),
            (Ask { tool, ..good }, "/data/tool/input_digest"),
        ] {
            let Err(Fault(why)) = check(&bad) else { panic!("{place} is taken") };
            assert!(why.starts_with(place), "{why}");
        }
    }
}
