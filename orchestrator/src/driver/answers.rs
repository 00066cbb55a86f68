//! Answers to questions of jobs, for hosts that do not fetch them: they cannot reach the server, or have stopped doing so.

use super::Driver;
use super::work::NotDone;
use sortie_core::ids::AttemptId;
use sortie_core::limits::REACH_BACKOFF_CAP_MS;
use sortie_core::view::{AskAnswer, StepKind};
use sortie_protocol::verb::{Reply, Verb};
use sortie_store::model::Claim;

impl Driver {
    /// Tell the host of an attempt how its question was answered. It is told until it says that it has kept the answer, or the
    /// attempt is over: the same again changes nothing there.
    pub(super) async fn tell_answer(&self, claim: &Claim, id: &AttemptId, seq: u64) -> Result<(), NotDone> {
        let (_, _, attempt) = self.attempt(id).await?;
        let answer = self.answer_to(id, seq).await?.filter(|_| attempt.state.is_on_host());
        let Some(answer) = answer else { return Ok(self.parts().store.finish(claim.clone()).await?) };
        let verb = Verb::Answer { attempt: id.to_string(), seq, answer: crate::callback::ask_answer(answer) };
        match self.ask_host_of(&attempt, verb).await? {
            Ok(Reply::AnswerKept(_)) => {}
            // An older shim, or one that knows the question no more: it is not asked again.
            Ok(other) => tracing::info!(attempt = %id, seq, ?other, "the host does not take the answer to a question"),
            Err(error) => {
                let until = self.parts().clock.now() + REACH_BACKOFF_CAP_MS.cast_signed();
                tracing::info!(attempt = %id, seq, message = error.message, "the host could not be told the answer to a question");
                return Ok(self.put_off(claim.clone(), until).await?);
            }
        }
        crate::failpoint::hit("answer_told");
        Ok(self.parts().store.finish(claim.clone()).await?)
    }

    async fn answer_to(&self, id: &AttemptId, seq: u64) -> Result<Option<AskAnswer>, NotDone> {
        let asked = self.parts().store.approval(&sortie_core::ids::WaitId::of_ask(id, seq)).await?;
        Ok(asked.and_then(|asked| match asked.step.kind {
            StepKind::Approval(approval) => approval.ask.and_then(|ask| ask.answer),
            _ => None,
        }))
    }
}
