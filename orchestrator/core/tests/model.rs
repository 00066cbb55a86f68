//! Random worlds: every invariant after every decision, and every run over once the faults stop.
//!
//! `SORTIE_SEED=n` repeats one seed, `SORTIE_SEEDS=n` plays more of them.

mod support;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use support::model::{Model, must_be_seen};

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

#[test]
fn any_run_survives_any_order_of_faults() {
    let one = number("SORTIE_SEED");
    let seeds = one.map_or(0..number("SORTIE_SEEDS").unwrap_or(2_000), |seed| seed..seed + 1);
    let mut seen = BTreeSet::new();
    for seed in seeds {
        let mut model = Model::new(seed);
        match catch_unwind(AssertUnwindSafe(|| model.play())) {
            Ok(()) => seen.extend(model.seen()),
            Err(panic) => {
                for event in &model.world.journal {
                    println!("{} {} {}", event.seq, event.at - support::make::START, serde_json::to_string(&event.body).expect("JSON"));
                }
                println!("repeat with SORTIE_SEED={seed}");
                resume_unwind(panic);
            }
        }
    }
    if one.is_none() {
        let kinds = [
            "attempt_launched",
            "launch_unknown",
            "launch_deferred",
            "attempt_started",
            "attempt_suspect",
            "attempt_revived",
            "attempt_result",
            "attempt_failed",
            "attempt_stopping",
            "attempt_stopped",
            "stop_unverified",
            "retry_scheduled",
            "callback_kept",
            "attempt_alive",
            "try_started",
            "try_failed",
            "child_started",
            "child_stopping",
            "event_received",
            "approval_voted",
            "approval_reminded",
            "approval_escalated",
            "notice_sent",
            "notice_failed",
            "cancel_requested",
            "terminate_requested",
            "run_started",
            "run_paused",
            "run_resumed",
            "run_reset",
            "run_overdue",
            "result_adopted",
            "ask_opened",
            "ask_closed",
            "exit_started",
            "exit_ended",
            "exit_failed",
            "run_ending",
            "run_ended",
            "run_parked",
        ];
        let missing: Vec<_> = must_be_seen().into_iter().chain(kinds).filter(|what| !seen.contains(what)).collect();
        assert!(missing.is_empty(), "the worlds are too calm: never seen {missing:?}");
    }
}
