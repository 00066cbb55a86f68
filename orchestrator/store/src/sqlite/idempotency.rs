//! Answers given to idempotency keys.

use crate::error::StoreError;
use crate::model::IdempotentAnswer;
use crate::sql::sqlite;
use rusqlite::{Connection, OptionalExtension, params};
use sortie_core::ids::Ms;

/// The answer that was given before, if the request was the same.
pub(super) fn get(db: &Connection, key: &str, request_digest: &str) -> Result<Option<IdempotentAnswer>, StoreError> {
    let row: Option<(String, IdempotentAnswer)> = db
        .prepare_cached(sqlite!("idempotency", "get"))?
        .query_row([key], |row| Ok((row.get(0)?, IdempotentAnswer { status: row.get(1)?, body: row.get(2)? })))
        .optional()?;
    match row {
        Some((digest, _)) if digest != request_digest => {
            Err(StoreError::Conflict("this idempotency key came with another request before".to_owned()))
        }
        row => Ok(row.map(|(_, answer)| answer)),
    }
}

/// Remember an answer; the one that stands is returned.
pub(super) fn remember(
    db: &Connection,
    key: &str,
    request_digest: &str,
    answer: &IdempotentAnswer,
    at: Ms,
) -> Result<IdempotentAnswer, StoreError> {
    db.prepare_cached(sqlite!("idempotency", "insert"))?.execute(params![key, request_digest, answer.status, answer.body, at])?;
    Ok(get(db, key, request_digest)?.unwrap_or_else(|| answer.clone()))
}
