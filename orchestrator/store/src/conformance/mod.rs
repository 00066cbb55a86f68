//! What every adapter has to do, checked through the port alone. Split by verb; an adapter is right when it passes all of it.
//!
//! Each check gets an empty store of its own. Inputs are those of the engine, decided by the engine.

#![allow(clippy::unwrap_used, reason = "a check fails by panicking")]

/// Run checks, each against a store of its own.
macro_rules! checks {
    ($fresh:ident, $($($module:ident)::+),* $(,)?) => {{
        let _ = $fresh;
        $({
            let world = $crate::conformance::world::World::new($fresh().await);
            $($module)::+(&world).await;
            world.store.close().await.unwrap_or_else(|error| panic!("{}: {error}", stringify!($($module)::+)));
        })*
    }};
}

mod advance;
mod deliver;
mod due;
mod flows;
mod hosts;
mod import;
mod lists;
mod logs;
mod operations;
mod reads;
mod requests;
mod resources;
mod triggers;
mod turns;
mod vault;
mod workers;
pub mod world;

use crate::Store;
use std::sync::Arc;

/// Run every check against stores that `fresh` makes.
///
/// # Panics
/// Where a check fails.
pub async fn run_all(fresh: impl AsyncFn() -> Arc<dyn Store>) {
    let fresh = &fresh;
    checks!(
        fresh,
        deliver::a_run_is_made_once,
        deliver::an_answered_wait_resumes_its_run_once,
        deliver::a_refused_input_leaves_no_trace,
        deliver::callbacks_are_remembered_and_their_bodies_bounded,
        deliver::a_job_goes_its_way,
        deliver::unknown_ids_are_not_found,
        deliver::rows_are_the_fold_of_the_journal,
        advance::load_gives_the_journal_and_raises_the_fence,
        advance::two_evaluations_of_one_claim_decide_once,
        advance::events_after_the_claim_belong_to_the_next,
        due::a_claim_hides_work_until_its_lease_ends,
        due::f012_claims_of_a_dead_process_are_given_back,
        due::a_put_survives_the_claim_before_it,
        due::work_that_is_finished_and_asked_again_has_another_fence,
        due::a_delivery_answers_its_claim_or_nothing,
        due::postponed_work_comes_back,
        due::the_end_of_a_run_leaves_only_what_is_owed_to_hosts,
        reads::runs_are_paged_newest_first,
        reads::waiting_and_running_are_told_apart,
        reads::history_is_paged,
        reads::beats_keep_the_highest_number,
        hosts::hosts_are_added_replaced_and_removed,
        hosts::a_host_with_open_attempts_stays,
        hosts::what_was_seen_of_a_host_goes_with_it,
        hosts::what_is_open_on_a_host_is_listed_with_its_last_sign_of_life,
        hosts::a_draining_host_has_no_slot_to_give,
        flows::a_draft_needs_its_base,
        flows::releases_are_numbered_and_live,
        requests::the_first_answer_stands,
        turns::a_flood_of_one_flow_does_not_starve_another,
        turns::a_higher_priority_goes_first,
        turns::a_launch_without_a_slot_waits_for_the_end_of_another,
        turns::a_slot_that_was_freed_meanwhile_is_not_waited_for,
        turns::a_held_launch_of_a_cancelled_run_is_gone,
        turns::queued_runs_start_one_after_another,
        turns::drained_runs_start_when_older_releases_are_done,
        lists::failures_are_found_and_counted_by_kind_and_time,
        lists::runs_are_found_by_what_started_them,
        lists::runs_since_a_time_are_found,
        lists::the_oldest_waits_come_first_and_go_when_answered,
        lists::the_chain_of_a_journal_is_verified_and_its_past_shown,
        lists::an_evaluation_sees_reports_and_what_it_may_reuse,
    );
    vault::all(fresh).await;
    workers::all(fresh).await;
    resources::all(fresh).await;
    logs::all(fresh).await;
    triggers::all(fresh).await;
    operations::all(fresh).await;
    import::all(fresh).await;
}
