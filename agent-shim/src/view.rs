//! Where an attempt stands, read from its files without touching its lock.

use crate::attempt::Attempt;
use crate::tree::Tree;
use crate::{clock, events, sign};
use sortie_protocol::limits::POST_FOR_MS;
use sortie_protocol::view::{AttemptView, Phase};

/// The view of an attempt now.
pub fn view(attempt: &Attempt) -> AttemptView {
    let log = events::read(attempt);
    let result = events::result(&log);
    let child = attempt.child();
    let boot_id = clock::boot_id();
    let spec = attempt.spec_bytes();
    let phase = phase(attempt, result.is_some(), spec.is_some(), &boot_id);
    let tree_gone = match (&child, result.and_then(events::job_result)) {
        _ if phase == Phase::Sealed => true,
        (Some(child), Some(result)) => result.tree_gone || child.boot_id != boot_id || Tree::of(attempt, child, false).is_empty(),
        (None, Some(result)) => result.tree_gone,
        (_, None) => false,
    };
    AttemptView {
        attempt: attempt.id().as_str().to_owned(),
        phase,
        spec_digest: spec.map(|spec| sign::sha256_hex(&spec)),
        instance: attempt.owner().map(|owner| owner.instance),
        boot_id: child.as_ref().map(|child| child.boot_id.clone()),
        pid: child.as_ref().map(|child| child.job.pid),
        started_at_ms: child.as_ref().map(|child| child.started_at_ms),
        last_seq: log.len() as u64,
        result_seq: result.map(|event| event.seq),
        tree_gone,
        containment: child.as_ref().map(|child| child.containment().to_owned()),
        heard_ms: None,
        post_error: None,
        beat: None,
        progress: None,
        checkpoint: None,
    }
}

/// First match wins.
fn phase(attempt: &Attempt, has_result: bool, has_spec: bool, boot_id: &str) -> Phase {
    let owned = || attempt.has_live_owner(boot_id);
    if attempt.is_sealed() {
        return Phase::Sealed;
    }
    if !has_spec {
        return Phase::Unknown;
    }
    if attempt.acked().is_some() {
        return Phase::Acked;
    }
    if has_result {
        return Phase::Finished;
    }
    if !attempt.was_started() {
        return Phase::Claimed;
    }
    let Some(child) = attempt.child() else { return Phase::Gone };
    if child.boot_id != boot_id {
        return Phase::Interrupted;
    }
    if owned() {
        return if attempt.stop().is_some() { Phase::Stopping } else { Phase::Running };
    }
    if Tree::of(attempt, &child, false).is_empty() { Phase::Gone } else { Phase::Orphaned }
}

/// Whether somebody should supervise the attempt and nobody does. A claim that never started is the launcher's to take over.
pub fn is_forsaken(attempt: &Attempt) -> bool {
    if attempt.is_sealed() || attempt.acked().is_some() || attempt.has_live_owner(&clock::boot_id()) {
        return false;
    }
    let log = events::read(attempt);
    match events::result(&log).and_then(|event| serde_json::from_str::<sortie_protocol::callback::CallbackBody>(&event.body).ok()) {
        Some(result) => clock::wall_ms().saturating_sub(result.at_ms) < POST_FOR_MS as i64,
        None => attempt.was_started() || (attempt.stop().is_some() && attempt.spec_bytes().is_some()),
    }
}
