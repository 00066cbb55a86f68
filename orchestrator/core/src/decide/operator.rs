//! What all commands of operators have in common.

use super::Refusal;
use super::draft::Draft;
use crate::input::Operator;
use crate::limits;

/// Whether the run is still as the operator saw it; else they are told (F117).
pub(super) fn saw_this(draft: &mut Draft, operator: &Operator) -> Result<bool, Refusal> {
    let last = draft.run()?.seq;
    match operator.if_seq {
        Some(seen) if seen != last => {
            draft.refuse("changed", format!("the run has changed since: its last event is {last}, not {seen}"));
            Ok(false)
        }
        _ => Ok(true),
    }
}

/// The run is not in a state for it.
pub(super) fn not_now(draft: &mut Draft, why: &str) -> Result<(), Refusal> {
    let state = draft.run()?.state.as_str();
    draft.refuse("not_now", format!("the run is {state}: {why}"));
    Ok(())
}

/// Why, as they said, cut to its limit.
pub(super) fn reason(operator: &Operator) -> Option<String> {
    operator.reason.as_ref().map(|text| text.chars().take(limits::NOTE_CHARS).collect())
}

/// What they did, and why, in one line.
pub(super) fn said(what: &str, operator: &Operator) -> String {
    let by = &operator.actor;
    reason(operator).map_or_else(|| format!("{what} by {by}"), |why| format!("{what} by {by}: {why}"))
}
