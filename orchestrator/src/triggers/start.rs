//! The one function that makes runs: for the API, schedules, webhooks, children and forks alike.
//!
//! The caller gives the run's id. It is derived from what asks for the run, or was reserved under its key, so that asking again
//! finds the same run, also after a crash between the two.

use crate::driver::Driver;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sortie_core::decide::{Refusal, Reply};
use sortie_core::failure::{Failure, FailureKind};
use sortie_core::ids::{Entropy, Ms, RunId};
use sortie_core::input::{Create, Input, InputBody, Scope};
use sortie_core::plan::{Fork, NotifyRule, Parent, RunLimit, RunPlan};
use sortie_flow::manifest::Manifest;
use sortie_store::StoreError;
use sortie_store::model::triggers::Handoff;
use sortie_store::model::{Claim, Delivery};

/// Which version of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// The live release, at the time of the start.
    Live,
    /// This release.
    Release(u32),
    /// The draft.
    Draft,
}

/// What is run.
#[derive(Clone, Debug)]
pub struct Program {
    /// Name of the flow.
    pub flow: String,
    /// Release number; 0 for a draft.
    pub release: u32,
    /// Digest of the bundle.
    pub bundle: String,
    /// What the flow says about itself.
    pub manifest: Manifest,
    /// Whether runs of it wait for the runs of other releases.
    pub after_older: bool,
}

/// A run that somebody asks for.
#[derive(Clone, Debug)]
pub struct NewRun {
    /// Its id. Another run of this id is this run.
    pub run: RunId,
    /// As given; checked against the manifest.
    pub input: Value,
    /// Who.
    pub actor: String,
    /// What started it: `manual`, `schedule:NAME:TIME`, `webhook:NAME:ID`, `child`, `fork`, `redrive`.
    pub trigger: String,
    /// Instead of the flow's own.
    pub priority: Option<i8>,
    /// How runs of one schedule overlap, where the flow has no limit of its own.
    pub limit: Option<RunLimit>,
    /// The step that starts it, and how deep it stands.
    pub parent: Option<(Parent, u8)>,
    /// The run whose answers it may reuse.
    pub forked_from: Option<Fork>,
}

impl NewRun {
    /// A run that a person or a program asks for.
    #[must_use]
    pub fn manual(run: RunId, input: Value, actor: &str) -> Self {
        Self {
            run,
            input,
            actor: actor.to_owned(),
            trigger: "manual".to_owned(),
            priority: None,
            limit: None,
            parent: None,
            forked_from: None,
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Started {
    /// The run was made.
    Made,
    /// A run of this id was there.
    Exists,
    /// It was not made: there is no room, and the flow says `skip`.
    Skipped {
        /// One of those that are there.
        running: Option<RunId>,
    },
}

/// Why a run could not be made.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No such flow.
    #[error("there is no flow `{0}`")]
    NoFlow(String),
    /// No such release.
    #[error("the flow `{0}` has no release {1}")]
    NoRelease(String, u32),
    /// Nothing is live.
    #[error("the flow `{0}` has no live release")]
    NotLive(String),
    /// There is no draft.
    #[error("the flow `{0}` has no draft")]
    NoDraft(String),
    /// The input does not fit: one sentence a line.
    #[error("the input does not fit the flow `{flow}`:\n{wrong}")]
    Input {
        /// Which flow.
        flow: String,
        /// What is wrong, a line each.
        wrong: String,
        /// The fields it takes, as JSON.
        takes: Value,
    },
    /// What is stored cannot be read.
    #[error("the stored manifest of `{0}` cannot be read: {1}")]
    Damaged(String, String),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl StartError {
    /// As a failure of the step that wanted the run.
    #[must_use]
    pub fn failure(&self) -> Failure {
        Failure::new(FailureKind::Child, self.to_string())
    }

    /// Whether the same may succeed later without being changed.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_retryable())
    }
}

/// An id derived from texts that name what asks: the same again gives the same id. `at` only places it among others.
#[must_use]
pub fn derived_id(at: Ms, installation: &str, parts: &[&str]) -> RunId {
    let mut hash = Sha256::new();
    for part in std::iter::once(&installation).chain(parts) {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    RunId::new(at, &Entropy(hash.finalize().into()), 0)
}

impl Driver {
    /// The program that a version of a flow is at this moment.
    ///
    /// # Errors
    /// [`StartError`], but for `Input`.
    pub async fn program(&self, flow: &str, version: Version) -> Result<Program, StartError> {
        let store = &self.parts().store;
        let row = store.flow(flow).await?.ok_or_else(|| StartError::NoFlow(flow.to_owned()))?;
        let (release, bundle, text, after_older) = match version {
            Version::Draft => {
                let draft = store.draft(flow).await?.ok_or_else(|| StartError::NoDraft(flow.to_owned()))?;
                (0, draft.digest, draft.manifest, false)
            }
            Version::Live | Version::Release(_) => {
                let live = store.live(flow).await?;
                let number = match version {
                    Version::Release(number) => number,
                    _ => live.as_ref().map(|live| live.release).ok_or_else(|| StartError::NotLive(flow.to_owned()))?,
                };
                let drains = live.is_some_and(|live| live.release == number && live.handoff != Handoff::Coexist);
                let found = store.releases(flow).await?.into_iter().find(|release| release.number == number);
                let found = found.ok_or_else(|| StartError::NoRelease(flow.to_owned(), number))?;
                (found.number, found.digest, found.manifest, drains)
            }
        };
        let manifest = serde_json::from_str(&text).map_err(|error| StartError::Damaged(flow.to_owned(), error.to_string()))?;
        Ok(Program { flow: row.name, release, bundle, manifest, after_older })
    }

    /// Check the input and settle the plan, with the installation's own rules for notices where the flow has none.
    ///
    /// # Errors
    /// [`StartError::Input`].
    pub fn wish(&self, program: Program, new: NewRun) -> Result<Create, StartError> {
        wish(program, new, &self.parts().config.notify)
    }

    /// Make a run.
    ///
    /// # Errors
    /// [`StartError`]; nothing was made then.
    pub async fn start_run(&self, program: Program, new: NewRun) -> Result<Started, StartError> {
        self.start_run_while(program, new, None).await
    }

    /// As [`Driver::start_run`], only while a piece of due work is still claimed: what was called off starts nothing.
    ///
    /// # Errors
    /// [`StartError`]; [`StoreError::Fenced`] where the claim is not held any more.
    pub async fn start_run_while(&self, program: Program, new: NewRun, claim: Option<&Claim>) -> Result<Started, StartError> {
        let create = self.wish(program, new)?;
        let run = create.run.clone();
        let delivered = match claim {
            None => self.deliver(Scope::New(run), InputBody::Create(create)).await,
            Some(claim) => {
                let input = Input { at: self.parts().clock.now(), entropy: crate::driver::entropy(), body: InputBody::Create(create) };
                let delivery = Delivery { scope: Scope::New(run), input, done: None, body: None };
                let delivered = self.parts().store.deliver_while(claim.clone(), delivery).await;
                if let Ok(delivered) = &delivered {
                    self.wake(&delivered.due);
                }
                delivered
            }
        };
        match delivered {
            Ok(delivered) => Ok(match delivered.reply {
                Reply::Skipped { running } => Started::Skipped { running },
                _ => Started::Made,
            }),
            Err(StoreError::Refused(Refusal::Exists)) => Ok(Started::Exists),
            Err(error) => Err(error.into()),
        }
    }
}

/// As [`Driver::wish`], with these rules for a flow that has none.
fn wish(program: Program, new: NewRun, notify: &[NotifyRule]) -> Result<Create, StartError> {
    let Program { flow, release, bundle, manifest, after_older } = program;
    let checked = manifest.check_input(&new.input);
    let input = checked.map_err(|wrong| StartError::Input { flow: flow.clone(), wrong, takes: json!(manifest.input) })?;
    let own = manifest.plan(&input);
    let (parent, depth) = new.parent.map_or((None, 0), |(parent, depth)| (Some(parent), depth));
    let plan = RunPlan {
        priority: new.priority.unwrap_or(own.priority),
        limit: own.limit.or(new.limit),
        after_older,
        parent,
        depth,
        forked_from: new.forked_from,
        trigger: new.trigger,
        notify: if own.notify.is_empty() { notify.to_vec() } else { own.notify },
        ..own
    };
    Ok(Create { run: new.run, flow, release, bundle, input, actor: new.actor, plan })
}

#[cfg(test)]
mod tests {
    use super::*;
    use sortie_core::plan::WhenFull;
    use sortie_flow::manifest::Concurrency;

    fn program(concurrency: Option<Concurrency>) -> Program {
        let manifest = Manifest { name: "f".to_owned(), deadline_ms: 5, concurrency, ..Manifest::default() };
        Program { flow: "f".to_owned(), release: 3, bundle: "d".to_owned(), manifest, after_older: true }
    }

    fn limit(key: &str) -> RunLimit {
        RunLimit { key: key.to_owned(), at_most: 1, full: WhenFull::Queue }
    }

    #[test]
    fn the_same_asker_gets_the_same_id_and_another_one_another() {
        let id = |parts: &[&str]| derived_id(7, "in", parts);
        assert_eq!(id(&["a", "bc"]), id(&["a", "bc"]));
        assert_ne!(id(&["a", "bc"]), id(&["ab", "c"]));
        assert_ne!(derived_id(7, "in", &["a"]), derived_id(7, "other", &["a"]));
    }

    #[test]
    fn the_flows_own_limit_goes_before_that_of_a_schedule() {
        let new = || NewRun { limit: Some(limit("schedule")), ..NewRun::manual(derived_id(1, "i", &[]), Value::Null, "me") };
        let plan = wish(program(None), new(), &[]).unwrap().plan;
        assert_eq!((plan.limit.unwrap().key.as_str(), plan.after_older, plan.deadline_ms), ("schedule", true, 5));
        let own = Concurrency { at_most: 2, key: Vec::new(), full: WhenFull::Skip };
        assert_eq!(wish(program(Some(own)), new(), &[]).unwrap().plan.limit.unwrap().key, "f");
    }

    #[test]
    fn an_input_that_does_not_fit_makes_nothing() {
        let new = NewRun::manual(derived_id(1, "i", &[]), json!({"x": 1}), "me");
        let error = wish(program(None), new, &[]).unwrap_err();
        assert!(matches!(&error, StartError::Input { wrong, .. } if wrong.contains('x')), "{error}");
        assert_eq!(error.failure().kind, FailureKind::Child);
    }

    #[test]
    fn the_rules_of_the_installation_hold_where_the_flow_has_none() {
        let rule = |to: &str| -> NotifyRule { serde_json::from_value(json!({ "on": ["failed"], "to": to })).unwrap() };
        let new = || NewRun::manual(derived_id(1, "i", &[]), Value::Null, "webhook:h");
        assert_eq!(wish(program(None), new(), &[rule("ops")]).unwrap().plan.notify, [rule("ops")]);
        let mut own = program(None);
        own.manifest.notify = vec![rule("own")];
        assert_eq!(wish(own, new(), &[rule("ops")]).unwrap().plan.notify, [rule("own")]);
    }
}
