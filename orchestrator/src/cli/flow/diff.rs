//! `sortie flow diff`: what differs between two versions of a flow.

use crate::cli::clean;
use crate::cli::client::{Client, query, segment};
use crate::cli::context::Context;
use crate::cli::output::Done;
use crate::envelope::Problem;
use clap::Args;

#[derive(Args)]
#[command(after_help = "A version is the number of a release, `live` or `draft`.

Examples:
  sortie flow diff fix-issue            # from what is live to the draft
  sortie flow diff fix-issue 3 4")]
pub struct DiffArgs {
    /// Name of the flow
    name: String,
    /// From this version
    #[arg(default_value = "live")]
    from: String,
    /// To this version
    #[arg(default_value = "draft")]
    to: String,
}

/// Show it.
pub async fn run(args: &DiffArgs, context: &Context) -> Result<Done, Problem> {
    let asked = query(&[("from", Some(args.from.clone())), ("to", Some(args.to.clone()))]);
    let success = Client::new(context)?.get(format!("/v1/flows/{}/diff{asked}", segment(&args.name))).await?;
    let files = success.data["files"].as_array().cloned().unwrap_or_default();
    let manifest = Some(&success.data["manifest"]).filter(|manifest| !manifest.is_null());
    let text: String = files.iter().chain(manifest).filter_map(|file| file["diff"].as_str()).map(lines).collect();
    let text = if text.is_empty() { "nothing differs\n".to_owned() } else { text };
    Ok(Done::new(success, text))
}

/// Sources come from others: no line moves the cursor of a terminal.
fn lines(diff: &str) -> String {
    diff.lines().map(|line| format!("{}\n", clean::line(line))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_in_a_source_do_not_reach_the_terminal() {
        assert!(!lines("+\u{1b}[2Jx\n").contains('\u{1b}'));
    }
}
