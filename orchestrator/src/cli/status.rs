//! `sortie status`: the server in one look.

use super::client::Client;
use super::context::Context;
use super::output::Done;
use super::table;
use crate::envelope::Problem;

/// Show it.
pub async fn run(context: &Context) -> Result<Done, Problem> {
    let success = Client::new(context)?.get("/v1/status").await?;
    let text = table::fields(
        &success.data,
        &[
            ("version", "version"),
            ("installation", "installation.id"),
            ("public URL", "public_url"),
            ("runs", "runs"),
            ("hosts", "hosts"),
            ("open attempts", "open_attempts"),
            ("unverified stops", "debts"),
            ("clock jump (ms)", "clock_jump_ms"),
        ],
    );
    Ok(Done::new(success, text))
}
