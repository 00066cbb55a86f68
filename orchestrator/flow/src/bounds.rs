//! The bounds of the interpreter that are the same on every machine, and how to tell that one was hit.

use crate::limits::{CALL_STACK, HEAP_BYTES};
use starlark::ErrorKind;
use starlark::eval::Evaluator;

/// Bound an evaluation, once, before it starts.
pub fn set(eval: &mut Evaluator<'_, '_, '_>, ticks: u64) {
    let fresh = "a fresh evaluator has no bounds yet";
    eval.set_max_tick_count(ticks).expect(fresh);
    eval.set_max_heap_size(HEAP_BYTES).expect(fresh);
    eval.set_max_callstack_size(CALL_STACK).expect(fresh);
}

/// The bound that ended an evaluation with this error, in words.
pub fn exceeded(eval: &Evaluator<'_, '_, '_>, ticks: u64, error: &starlark::Error) -> Option<String> {
    if matches!(error.kind(), ErrorKind::StackOverflow(_)) {
        return Some(format!("calls are nested more than {CALL_STACK} deep; functions that call themselves need an end"));
    }
    if eval.get_total_tick_count() > ticks {
        return Some(format!("more than {ticks} function calls and loop turns"));
    }
    if eval.heap().peak_allocated_bytes() + eval.frozen_heap().allocated_bytes() > HEAP_BYTES {
        return Some(format!("more than {} MiB of memory", HEAP_BYTES >> 20));
    }
    None
}
