//! A result that came too late and was kept: read again, for an operator who wants it after all.

use super::judge;
use super::parse::{self, Content, Fault};
use super::verify::EventName;
use crate::driver::Driver;
use sortie_core::ids::{AttemptId, RunId};
use sortie_core::input::{ResultSaid, Said};
use sortie_core::view::Step;
use sortie_protocol::callback::CallbackKind;

/// What the bytes of a kept result say. They were verified when they came.
///
/// # Errors
/// For people: where they are no result, or do not fit the step's schema.
pub async fn kept(driver: &Driver, run: &RunId, step: &Step, attempt: &AttemptId, id: &str, body: &[u8]) -> Result<ResultSaid, String> {
    let event = EventName::of(attempt.as_str(), CallbackKind::Result, id).ok_or("it is no result of this attempt")?;
    let result = match parse::attempt(&event, attempt.as_str(), body) {
        Ok(Content::Result(result)) => *result,
        Ok(_) => return Err("it is no result".to_owned()),
        Err(Fault(message)) => return Err(message),
    };
    match judge::said(driver, run, step, attempt, result).await {
        Ok(Said::Result(said)) => Ok(said),
        Ok(Said::Invalid(message)) => Err(message),
        Ok(_) => Err("it is no result".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
