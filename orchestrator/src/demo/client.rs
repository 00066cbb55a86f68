//! Somebody outside who answers a wait, as `curl` would: signed URL, token, JSON. Twice, because networks repeat.

use crate::app::App;
use serde_json::Value;
use sortie_core::ids::WaitId;
use sortie_keys::callback_url_with_kind;
use std::time::Duration;

/// How long one post may take, in seconds.
const POST_S: u64 = 10;

/// Answer a wait twice and print what the server says.
pub(super) async fn answer_twice(app: App, wait: WaitId, body: Value) {
    for copy in ["the answer", "the same answer again"] {
        match answer(&app, &wait, &body).await {
            Ok((status, outcome)) => super::say(&format!("           client: posted {copy}: {status} {outcome}")),
            Err(error) => super::say(&format!("           client: could not post {copy}: {error}")),
        }
    }
}

async fn answer(app: &App, wait: &WaitId, body: &Value) -> anyhow::Result<(u16, String)> {
    let row = app.store.wait(wait).await?.ok_or_else(|| anyhow::anyhow!("no such wait"))?;
    let address = app.driver.wait_address(&row.run, &row.step, wait, row.scheduled_at).map_err(anyhow::Error::msg)?;
    let client =
        reqwest::Client::builder().timeout(Duration::from_secs(POST_S)).redirect(reqwest::redirect::Policy::none()).no_proxy().build()?;
    let request = client.post(callback_url_with_kind(&address.url, "result")).bearer_auth(address.token.expose()).json(body);
    let response = request.send().await.map_err(reqwest::Error::without_url)?;
    let status = response.status().as_u16();
    let answer: Value = response.json().await?;
    Ok((status, answer.get("outcome").and_then(Value::as_str).unwrap_or("without an outcome").to_owned()))
}
