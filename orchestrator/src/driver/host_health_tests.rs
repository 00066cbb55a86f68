//! When a host is left alone, tried once, and believed again.

use super::*;

fn away() -> Result<(), AskError> {
    Err(AskError { kind: FailureKind::Unreachable, sent: Sent::Nothing, message: "no route".to_owned() })
}

#[test]
fn a_host_out_of_reach_is_tried_once_a_pause_and_pauses_grow_to_a_cap() {
    let health = Health::default();
    let (mut now, mut tries, mut pauses) = (0, 0, Vec::new());
    for _ in 0..40 {
        let leave = health.enter("vm", now).unwrap();
        tries += 1;
        assert!(tries == 1 || health.enter("vm", now).is_err(), "one trial at a time");
        leave.tell(&away(), now);
        let waiting = (0..1_000).filter(|_| health.enter("vm", now).is_ok()).count();
        assert_eq!(waiting, 0, "a thousand launches cost nothing while it is left alone");
        let until = health.seen("vm").next_try.unwrap();
        assert_eq!((health.reach("vm", now), health.reach("vm", until)), (Reach::LeftAlone, Reach::TrialDue));
        pauses.push((until - now).cast_unsigned());
        now = until;
    }
    assert!(pauses[0] <= BREAKER_MS && pauses[0] >= BREAKER_MS / 2, "{pauses:?}");
    assert!(pauses.iter().all(|pause| *pause <= BREAKER_CAP_MS), "{pauses:?}");
    assert!(pauses[39] >= BREAKER_CAP_MS / 2);
    assert_eq!(health.seen("vm").health.failing_since, Some(0));
    health.enter("vm", now).unwrap().tell(&Ok(()), now);
    assert_eq!((health.seen("vm").next_try, health.reach("vm", now)), (None, Reach::Answers));
    assert!(health.enter("vm", now).is_ok() && health.enter("vm", now).is_ok());
}

#[test]
fn a_trial_that_is_given_up_leaves_the_next_one_free() {
    let health = Health::default();
    health.enter("vm", 0).unwrap().tell(&away(), 0);
    let due = health.seen("vm").next_try.unwrap();
    drop(health.enter("vm", due).unwrap());
    assert!(health.enter("vm", due).is_ok());
}

#[test]
fn refusals_and_sessions_that_were_lost_open_nothing() {
    let health = Health::default();
    for (kind, sent) in [
        (FailureKind::HostKey, Sent::Nothing),
        (FailureKind::Auth, Sent::Nothing),
        (FailureKind::Refused, Sent::Nothing),
        (FailureKind::Unreachable, Sent::Perhaps),
    ] {
        let answer: Result<(), _> = Err(AskError { kind, sent, message: String::new() });
        health.enter("vm", 0).unwrap().tell(&answer, 0);
        assert_eq!(health.seen("vm").next_try, None, "{kind:?}");
    }
}

#[test]
fn many_that_meet_one_outage_count_as_one() {
    let health = Health::default();
    let all: Vec<_> = (0..50).map(|_| health.enter("vm", 0).unwrap()).collect();
    for leave in all {
        leave.tell(&away(), 0);
    }
    assert!(health.seen("vm").next_try.unwrap() <= BREAKER_MS.cast_signed());
}

#[test]
fn changes_are_written_at_once_and_the_rest_now_and_then() {
    let health = Health::default();
    health.reached("vm", 1);
    assert_eq!(health.to_write(1).len(), 1, "seen for the first time");
    health.reached("vm", 2);
    assert!(health.to_write(2).is_empty());
    assert_eq!(health.to_write(1 + HEALTH_EVERY_MS.cast_signed()).len(), 1);
    health.missed("vm", 3, "no route", 0);
    assert_eq!(health.to_write(3).len(), 1, "it went away");
}
