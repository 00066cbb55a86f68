//! The answer to a plain wait: URL and token only, or the URL alone, any JSON, so that `curl` can give it.

use super::CallbackResponse;
use super::answer::{self, Taken};
use super::limits::ANSWER_BYTES;
use super::parse::{self, Fault};
use super::verify::{AdmittedWait, speaks_for_wait};
use crate::driver::Driver;
use crate::failpoint;
use crate::schema;
use serde_json::Value;
use sortie_core::canonical;
use sortie_core::ids::WaitId;
use sortie_core::input::{InputBody, Scope};
use sortie_store::StoreError;

/// Row, parse, decide, commit, answer.
pub(super) async fn settle(driver: &Driver, admitted: AdmittedWait, body: Vec<u8>) -> CallbackResponse {
    let row = match driver.parts().store.wait(&admitted.wait).await {
        Ok(row) => row.filter(|row| speaks_for_wait(&admitted, row)),
        Err(error) => return answer::of_error(&error),
    };
    let Some(row) = row else {
        tracing::info!(id = admitted.wait.as_str(), "answer to a wait refused");
        return answer::unauthorized();
    };
    failpoint::hit("callback_verified");
    if body.len() > ANSWER_BYTES {
        return answer::too_large(ANSWER_BYTES);
    }
    let said = judged(row.schema, &body).await;
    match deliver(driver, admitted.wait, said, body).await {
        Ok(taken) => answer::unsigned(taken),
        Err(error) => answer::of_error(&error),
    }
}

/// The answer, or what is wrong with it and where.
async fn judged(wanted: Option<Value>, body: &[u8]) -> Result<Value, String> {
    let value = parse::json(body).map_err(|Fault(message)| message)?;
    if let Some(wanted) = wanted {
        schema::check(wanted, value.clone(), "").await?;
    }
    Ok(value)
}

async fn deliver(driver: &Driver, wait: WaitId, answer: Result<Value, String>, body: Vec<u8>) -> Result<Taken, StoreError> {
    let digest = canonical::digest(&body);
    let scope = Scope::Wait { wait: wait.clone(), callback: digest.clone() };
    let delivered = driver.deliver_callback(scope, InputBody::WaitCallback { wait, digest, answer }, body).await?;
    failpoint::hit("callback_committed");
    Taken::of(delivered)
}
