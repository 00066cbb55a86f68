//! `GET /v1/journals`: whether the events of the newest runs are those that were appended (F019).

use super::answer::Answer;
use super::limits::{JOURNAL_EVENTS, JOURNAL_RUNS};
use super::routes::Api;
use crate::envelope::Success;
use axum::extract::State;
use serde_json::{Value, json};
use sortie_store::StoreError;
use sortie_store::model::RunFilter;

/// Make the digest over the events of each anew and compare it with the stored one. Changes nothing.
pub(super) async fn verify(State(api): State<Api>) -> Answer {
    let (mut runs, mut events, mut before) = (0, 0, None);
    let mut broken: Vec<Value> = Vec::new();
    while runs < JOURNAL_RUNS && events < JOURNAL_EVENTS {
        let limit = sortie_store::limits::RUNS_PAGE.min(JOURNAL_RUNS - runs);
        let page = api.app.store.runs(RunFilter { before: before.take(), limit, ..RunFilter::default() }).await?;
        before = page.last().map(|row| row.head.id.clone());
        let full = page.len() == limit;
        for row in page {
            if events >= JOURNAL_EVENTS {
                break;
            }
            match api.app.store.verify_journal(&row.head.id).await {
                Err(StoreError::Unusable(message)) => broken.push(json!({ "run": row.head.id, "message": message })),
                other => drop(other?),
            }
            runs += 1;
            events += row.head.seq;
        }
        if !full {
            break;
        }
    }
    Ok(Success::new(json!({ "runs": runs, "events": events, "broken": broken })))
}
