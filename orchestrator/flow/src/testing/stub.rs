//! Stubs: what the world answers to a step.

use crate::duration;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sortie_core::failure::{Failure, FailureKind};

/// What the world answers to a step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Stub {
    /// The result document of a job, the answer to a wait, the JSON of an HTTP answer, the payload of an event, what a child returned.
    pub value: Json,
    /// Kind of the failure, where it fails.
    pub failure: Option<String>,
    /// Message of the failure.
    pub message: String,
    /// How long the answer takes, as a duration.
    pub after: Option<String>,
    /// How often it answers; for ever without a number.
    pub times: Option<u32>,
    /// What is known of a coding agent, as in `r.agent`: `{"text": "...", "session": "...", "outcome": "completed"}`.
    pub agent: Json,
    /// Standard output of a job.
    pub output: String,
    /// Files that a job leaves, of those it names.
    pub artifacts: Vec<String>,
    /// Status of an HTTP answer.
    pub status: Option<u16>,
    /// `approve` or `reject`, for an approval.
    pub vote: Option<String>,
    /// Who votes.
    pub by: Option<String>,
    /// What they say.
    pub comment: Option<String>,
}

impl Stub {
    /// Refuse what could never answer.
    ///
    /// # Errors
    /// A sentence that names the field.
    pub fn check(&self) -> Result<(), String> {
        if let Some(kind) = &self.failure
            && FailureKind::parse(kind).is_none()
        {
            let there = FailureKind::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ");
            return Err(format!("failure: {kind:?} is no kind of failure; there are {there}"));
        }
        if let Some(vote) = &self.vote
            && !matches!(vote.as_str(), "approve" | "reject")
        {
            return Err(format!("vote: expected \"approve\" or \"reject\", got {vote:?}"));
        }
        self.delay_ms().map(|_| ())
    }

    /// How long it takes, in milliseconds.
    ///
    /// # Errors
    /// Not a duration.
    pub fn delay_ms(&self) -> Result<i64, String> {
        let ms = self.after.as_deref().map_or(Ok(0), duration::parse).map_err(|why| format!("after: {why}"))?;
        Ok(i64::try_from(ms).unwrap_or(i64::MAX))
    }

    /// Why it fails, where it does.
    #[must_use]
    pub fn failed(&self) -> Option<Failure> {
        let kind = FailureKind::parse(self.failure.as_deref()?)?;
        let message = if self.message.is_empty() { format!("stubbed: {kind}") } else { self.message.clone() };
        Some(Failure::new(kind, message))
    }
}

/// Stubs by the name of their step; a name that ends in `*` fits all that start so. The first that is left over answers.
#[derive(Clone, Debug, Default)]
pub struct Stubs(Vec<(String, Stub, u32)>);

impl Stubs {
    /// One more, after the others.
    pub fn add(&mut self, step: &str, stub: Stub) {
        let left = stub.times.unwrap_or(u32::MAX);
        self.0.push((step.to_owned(), stub, left));
    }

    /// The stub that answers a step now; one use of it is gone.
    pub fn take(&mut self, step: &str) -> Option<Stub> {
        let fits = |name: &str| name.strip_suffix('*').map_or(name == step, |start| step.starts_with(start));
        let (_, stub, left) = self.0.iter_mut().find(|(name, _, left)| *left > 0 && fits(name))?;
        *left -= u32::from(*left < u32::MAX);
        Some(stub.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stubs_answer_in_turn_and_the_last_for_ever() {
        let mut stubs = Stubs::default();
        stubs.add("a*", Stub { times: Some(1), message: "first".into(), ..Stub::default() });
        stubs.add("ab", Stub { message: "second".into(), ..Stub::default() });
        assert_eq!(stubs.take("b"), None);
        let told: Vec<String> = (0..3).filter_map(|_| stubs.take("ab")).map(|stub| stub.message).collect();
        assert_eq!(told, ["first", "second", "second"]);
    }

    #[test]
    fn impossible_stubs_are_refused() {
        for stub in [
            Stub { failure: Some("tired".into()), ..Stub::default() },
            Stub { vote: Some("maybe".into()), ..Stub::default() },
            Stub { after: Some("soon".into()), ..Stub::default() },
        ] {
            assert!(stub.check().is_err(), "{stub:?}");
        }
    }
}
