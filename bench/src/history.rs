//! What a run's history says, read over the operator API as anybody would.

use anyhow::Context as _;
use serde_json::Value;
use sortie_tests::installation::Installation;
use sortie_tests::run::Run;
use sortie_tests::time;

/// All events of a run, page by page.
///
/// # Errors
/// Where the server does not answer.
pub fn events(installation: &Installation, run: &Run) -> anyhow::Result<Vec<Value>> {
    let (mut all, mut after) = (Vec::new(), 0);
    loop {
        let page = installation.look(&format!("/v1/runs/{}/history?after={after}", run.id)).context("the history is not shown")?;
        let events = page["events"].as_array().context("a page without events")?;
        after = events.last().and_then(|event| event["seq"].as_u64()).unwrap_or(after);
        all.extend(events.iter().cloned());
        if page["more"] != true {
            return Ok(all);
        }
    }
}

/// Unix milliseconds of an event, by the server's clock.
///
/// # Errors
/// Where it has none.
pub fn at_ms(event: &Value) -> anyhow::Result<f64> {
    Ok(time::unix_ms(event["at"].as_str().context("an event without a time")?) as f64)
}

/// Those of a kind.
pub fn of_kind<'a>(events: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    events.iter().filter(move |event| event["kind"] == kind)
}
