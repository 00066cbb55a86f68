//! Advancing a run: evaluate its flow against its journal, deliver what it asks for.

use super::evaluators::EvaluatorError;
use super::work::NotDone;
use super::{Driver, entropy};
use crate::{failpoint, schema};
use sortie_core::call::CallSpec;
use sortie_core::effect::Work;
use sortie_core::evaluation::{Command, End, Evaluation};
use sortie_core::failure::{Failure, FailureKind};
use sortie_core::ids::RunId;
use sortie_core::input::{InputBody, Scope};
use sortie_core::limits::CRASHES;
use sortie_flow::bundle::Bundle;
use sortie_flow::evaluate::{EvaluateRequest, Evaluated};
use sortie_protocol::bytes::to_hex;
use sortie_store::model::{AdvanceLoad, Claim};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{MutexGuard, PoisonError};

impl Driver {
    /// One evaluation of a run at a time: what comes meanwhile is looked at by whoever is at it.
    pub(super) async fn advance(&self, claim: &Claim) -> Result<(), NotDone> {
        if !self.begin(claim) {
            return Ok(());
        }
        let mut next = Some(claim.clone());
        let mut outcome = Ok(());
        while let Some(claim) = next {
            outcome = self.advance_once(&claim).await;
            next = self.end_or_go_on(&claim.run);
        }
        outcome
    }

    /// Whether nobody is at this run; else the claim is left to whoever is.
    fn begin(&self, claim: &Claim) -> bool {
        match self.evaluating().entry(claim.run.clone()) {
            Entry::Vacant(free) => {
                free.insert(None);
                true
            }
            Entry::Occupied(mut taken) => {
                taken.insert(Some(claim.clone()));
                false
            }
        }
    }

    fn end_or_go_on(&self, run: &RunId) -> Option<Claim> {
        let mut evaluating = self.evaluating();
        let waiting = evaluating.get_mut(run).and_then(Option::take);
        if waiting.is_none() {
            evaluating.remove(run);
        }
        waiting
    }

    /// Nobody is at the run of this claim any more; gives the claim that came meanwhile.
    pub(super) fn leave_evaluation(&self, claim: &Claim) -> Option<Claim> {
        if claim.work == Work::Advance { self.evaluating().remove(&claim.run).flatten() } else { None }
    }

    fn evaluating(&self) -> MutexGuard<'_, HashMap<RunId, Option<Claim>>> {
        self.0.evaluating.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The claim on the due work is only a wake-up: the fence of the head decides whose evaluation counts, so a result that
    /// arrives meanwhile puts new work beside this one instead of discarding it.
    async fn advance_once(&self, claim: &Claim) -> Result<(), NotDone> {
        if let Some(load) = self.parts().store.load_advance(&claim.run).await? {
            failpoint::hit("evaluation_loaded");
            let advance_fence = load.head.advance_fence;
            let seen = load.head.wake_seq;
            let evaluated = if load.head.crashes > CRASHES {
                // The process itself died, again and again, while this run was evaluated: not once more (F116).
                Err(EvaluatorError::Died("the server died while it was evaluated".to_owned()))
            } else {
                self.evaluate(load).await
            };
            let body = match evaluated {
                Ok(Evaluated { evaluation, log, .. }) => InputBody::Evaluated { advance_fence, seen, evaluation, log },
                Err(EvaluatorError::Died(message)) => InputBody::EvaluationCrashed { advance_fence, message },
                Err(EvaluatorError::Unavailable(message)) => {
                    self.parts().store.forgive_advance(&claim.run, advance_fence).await?;
                    return Err(NotDone::Later(message));
                }
            };
            if let Err(error) = self.deliver(Scope::Run(claim.run.clone()), body).await {
                self.parts().store.forgive_advance(&claim.run, advance_fence).await?;
                return Err(error.into());
            }
            failpoint::hit("evaluation_committed");
        }
        Ok(self.parts().store.finish(claim.clone()).await?)
    }

    pub(super) async fn evaluate(&self, load: AdvanceLoad) -> Result<Evaluated, EvaluatorError> {
        let AdvanceLoad { head, facts, input, journal, exit, reports, reuse } = load;
        let digest = head.bundle;
        let request = EvaluateRequest {
            digest: digest.clone(),
            bundle: None,
            input,
            facts,
            journal,
            at_ms: self.parts().clock.now(),
            entropy_hex: to_hex(&entropy().0),
            logged: head.logged,
            exit,
            reports,
            reuse,
        };
        let bundle = async || {
            let unavailable = |message: String| EvaluatorError::Unavailable(message);
            let text = self.parts().store.bundle(&digest).await.map_err(|error| unavailable(error.to_string()))?;
            let text = text.ok_or_else(|| unavailable(format!("the bundle {digest} is not in the store")))?;
            serde_json::from_str::<Bundle>(&text).map_err(|error| unavailable(error.to_string()))
        };
        let mut evaluated = self.parts().evaluators.evaluate(request, bundle).await?;
        evaluated.evaluation = with_usable_schemas(evaluated.evaluation).await;
        Ok(evaluated)
    }
}

/// A schema that no answer could ever fit fails the flow where it is asked for, not hours later at the result.
async fn with_usable_schemas(evaluation: Evaluation) -> Evaluation {
    for command in &evaluation.commands {
        let Command::Schedule { step, spec, .. } = command else { continue };
        let schema = match spec {
            CallSpec::Job(job) => &job.result_schema,
            CallSpec::Wait(wait) => &wait.schema,
            _ => continue,
        };
        if let Some(schema) = schema
            && let Err(message) = schema::usable(schema.clone()).await
        {
            let failure = Failure::new(FailureKind::FlowError, format!("step `{step}`: its schema is not usable: {message}"));
            return Evaluation { commands: Vec::new(), end: End::Failed { failure, gave_up: false } };
        }
    }
    evaluation
}
