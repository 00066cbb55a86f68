//! Where an attempt stands, read from its files without touching its lock.

use crate::attempt::{Attempt, Child};
use crate::limits::BEAT_LEAST_MS;
use crate::post::heard::{self, Heard};
use crate::supervise::pulse;
use crate::tree::Tree;
use crate::{clock, events, output, reports, sign};
use sortie_protocol::callback::{CallbackKind, Heartbeat};
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
    let is_live = matches!(phase, Phase::Running | Phase::Stopping);
    let owner = attempt.owner();
    let heard = heard::read(attempt);
    let report = |kind| child.as_ref().filter(|_| is_live).and_then(|child| reports::last(attempt, child, kind));
    AttemptView {
        attempt: attempt.id().as_str().to_owned(),
        phase,
        installation: spec.as_deref().and_then(installation),
        spec_digest: spec.map(|spec| sign::sha256_hex(&spec)),
        outlives_login: owner.as_ref().and_then(|owner| owner.outlives_login),
        instance: owner.map(|owner| owner.instance),
        boot_id: child.as_ref().map(|child| child.boot_id.clone()),
        pid: child.as_ref().map(|child| child.job.pid),
        started_at_ms: child.as_ref().map(|child| child.started_at_ms),
        last_seq: log.len() as u64,
        result_seq: result.map(|event| event.seq),
        tree_gone,
        containment: child.as_ref().map(|child| child.containment().to_owned()),
        heard_ms: heard.as_ref().and_then(Heard::ago_ms),
        post_error: heard.and_then(|heard| heard.error),
        beat: child.as_ref().filter(|_| is_live).and_then(|child| beat(attempt, child)),
        progress: report(CallbackKind::Progress),
        checkpoint: report(CallbackKind::Checkpoint),
    }
}

/// The last heartbeat, with what files say now. None where the supervisor has missed three: then it says nothing for the job.
fn beat(attempt: &Attempt, child: &Child) -> Option<Heartbeat> {
    let last = pulse::last(attempt);
    let spec_ms = attempt.spec().map_or(0, |spec| spec.heartbeat_ms);
    let since = last.as_ref().map_or(child.started_mono_ms, |last| last.mono_ms);
    let age = clock::mono_ms().saturating_sub(since);
    if age > spec_ms.saturating_mul(3).max(BEAT_LEAST_MS) {
        return None;
    }
    let last = last.map(|last| last.beat);
    Some(Heartbeat {
        silent_ms: output::silent_ms(attempt),
        stdout_bytes: output::written(attempt, "stdout"),
        stderr_bytes: output::written(attempt, "stderr"),
        idle_ms: last.as_ref().and_then(|last| last.idle_ms),
        used: last.and_then(|last| last.used),
        suspended_ms: child.suspended_ms(),
        boot_id: Some(child.boot_id.clone()),
        succeeds: attempt.owner().and_then(|owner| owner.succeeds),
    })
}

/// Whose attempt it is; nothing else of the spec is kept.
fn installation(spec: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Owner {
        installation: Option<String>,
    }
    serde_json::from_slice::<Owner>(spec).ok()?.installation
}

/// First match wins.
fn phase(attempt: &Attempt, has_result: bool, has_spec: bool, boot_id: &str) -> Phase {
    let owned = || attempt.has_live_owner(boot_id);
    if attempt.is_sealed() {
        return Phase::Sealed;
    }
    if !has_spec || attempt.copy_of().is_some() {
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
    if attempt.is_sealed() || attempt.acked().is_some() || attempt.copy_of().is_some() || attempt.has_live_owner(&clock::boot_id()) {
        return false;
    }
    let log = events::read(attempt);
    match events::result(&log).and_then(|event| serde_json::from_str::<sortie_protocol::callback::CallbackBody>(&event.body).ok()) {
        Some(result) => clock::wall_ms().saturating_sub(result.at_ms) < POST_FOR_MS as i64,
        None => attempt.was_started() || (attempt.stop().is_some() && attempt.spec_bytes().is_some()),
    }
}
