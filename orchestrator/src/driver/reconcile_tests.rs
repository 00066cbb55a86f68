//! What a host holds against what is known: who is ended, who is left alone.

use super::*;
use serde_json::json;
use sortie_core::ids::Entropy;
use sortie_core::state::AttemptState;
use sortie_core::view::Handed;

fn view(phase: Phase, installation: Option<&str>) -> AttemptView {
    serde_json::from_value(json!({
        "attempt": "att_x", "phase": phase, "installation": installation, "last_seq": 0, "tree_gone": false
    }))
    .unwrap()
}

fn known(state: AttemptState, host: &str, debt: bool) -> Attempt {
    let handed = Handed {
        host: host.to_owned(),
        spec_digest: String::new(),
        kid: String::new(),
        root: 1,
        audience: String::new(),
        issued_s: 0,
        expires_s: 0,
        launching_at: 0,
        own_user: false,
        disk_floor_bytes: 0,
    };
    Attempt {
        id: AttemptId::new(0, &Entropy([1; 32]), 0),
        call: 1,
        number: 1,
        fence: 1,
        state,
        stopping: None,
        debt,
        handed: Some(handed),
        scheduled_at: 0,
        deadline_at: 0,
        result_digest: None,
    }
}

#[test]
fn only_what_nobody_waits_for_is_ended() {
    let judge = |phase, of, known: Option<Attempt>| fate(&view(phase, of), known.as_ref(), "vm", "inst_a");
    let over = || Some(known(AttemptState::Lost, "vm", false));
    assert_eq!(judge(Phase::Running, Some("inst_a"), over()), Fate::Orphan);
    assert_eq!(judge(Phase::Orphaned, None, over()), Fate::Orphan, "of an older shim, and known");
    assert_eq!(judge(Phase::Running, Some("inst_a"), None), Fate::Orphan, "ours, and forgotten");
    assert_eq!(judge(Phase::Running, Some("inst_a"), Some(known(AttemptState::Suspect, "vm", false))), Fate::Live);
    assert_eq!(judge(Phase::Running, Some("inst_a"), Some(known(AttemptState::Stopping, "vm", true))), Fate::Live, "its stop is due work");
    for phase in [Phase::Finished, Phase::Acked, Phase::Sealed, Phase::Gone, Phase::Interrupted, Phase::Stopping] {
        assert_eq!(judge(phase, Some("inst_a"), over()), Fate::Over, "{phase:?}");
    }
}

#[test]
fn what_is_not_ours_is_left_alone() {
    let judge = |of, known: Option<Attempt>| fate(&view(Phase::Running, of), known.as_ref(), "vm", "inst_a");
    assert_eq!(judge(Some("inst_b"), None), Fate::Foreign);
    assert_eq!(judge(Some("inst_b"), Some(known(AttemptState::Lost, "vm", false))), Fate::Foreign, "an imported run");
    assert_eq!(judge(None, None), Fate::Foreign, "of nobody knows whom");
    assert_eq!(judge(Some("inst_a"), Some(known(AttemptState::Lost, "other", false))), Fate::Foreign, "a copy of another machine's root");
}
