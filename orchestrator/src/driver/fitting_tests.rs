//! Answers that are none: about other attempts, too many, too few, too much.

use super::*;
use serde_json::{Value, json};

fn fits(verb: Value, reply: Value) -> Result<(), String> {
    let verb: Verb = serde_json::from_value(verb).unwrap();
    Fitting::to(&verb).check(&serde_json::from_value(reply).unwrap())
}

/// A question, and an answer to it about any attempt.
type Case<'a> = (Value, &'a dyn Fn(&str) -> Value);

fn view(attempt: &str) -> Value {
    json!({"attempt": attempt, "phase": "finished", "last_seq": 3, "tree_gone": true})
}

#[test]
fn an_answer_about_another_attempt_is_none() {
    let credentials = json!({"callback_url": "u", "token": "t", "proof_secret": "s", "trust": "plain_http"});
    let launch =
        json!({"launch": {"spec": "{\"v\":1,\"attempt\":\"att_a\",\"run\":\"r\"}", "spec_digest": "d", "credentials": credentials}});
    let questions: [Case<'_>; 5] = [
        (launch, &|id| json!({"launched": {"created": true, "view": view(id)}})),
        (
            json!({"collect": {"attempt": "att_a", "after_seq": 0}}),
            &|id| json!({"collected": {"view": view(id), "posts": [], "more": false}}),
        ),
        (json!({"ack": {"attempt": "att_a", "seq": 1}}), &|id| json!({"acked": view(id)})),
        (json!({"cancel": {"attempt": "att_a", "reason": "cancelled", "wait_ms": 0}}), &|id| json!({"cancelled": view(id)})),
        (json!({"status": {"attempts": ["att_a"], "seal": false}}), &|id| json!({"status": [view(id)]})),
    ];
    for (question, answer) in questions {
        assert_eq!(fits(question.clone(), answer("att_a")), Ok(()), "{question}");
        for lie in ["att_b", "", "att_a/../att_b", "att_a\0"] {
            assert!(fits(question.clone(), answer(lie)).is_err(), "{question}: {lie:?}");
        }
    }
}

#[test]
fn a_status_has_a_view_for_each_attempt_in_their_order() {
    let status = json!({"status": {"attempts": ["att_a", "att_b"], "seal": true}});
    let answer = |ids: &[&str]| json!({"status": ids.iter().map(|id| view(id)).collect::<Vec<_>>()});
    assert_eq!(fits(status.clone(), answer(&["att_a", "att_b"])), Ok(()));
    for lie in [&["att_b", "att_a"][..], &["att_a"], &["att_a", "att_b", "att_c"], &[]] {
        assert!(fits(status.clone(), answer(lie)).is_err(), "{lie:?}");
    }
}

#[test]
fn a_range_is_no_longer_than_it_was_asked_for_and_within_the_whole() {
    let logs = json!({"logs": {"attempt": "att_a", "stream": "stdout", "offset": 2, "limit": 4}});
    let answer = |data: &str, total: u64| json!({"logs": {"offset": 2, "data": data, "total": total, "open": false}});
    assert_eq!(fits(logs.clone(), answer("abcd", 6)), Ok(()));
    assert!(fits(logs.clone(), answer("abcde", 7)).unwrap_err().contains("at most 4"));
    assert!(fits(logs, answer("abcd", 5)).unwrap_err().contains("has 5"));
    let fetch = json!({"fetch": {"attempt": "att_a", "slot": "0", "offset": 0, "limit": 4}});
    let answer = |data: &str, size: u64| json!({"fetched": {"data": data, "kept": {"size": size, "sha256": "x"}}});
    assert_eq!(fits(fetch.clone(), answer("abcd", 4)), Ok(()));
    assert!(fits(fetch.clone(), answer("abcde", 9)).is_err() && fits(fetch, answer("abcd", 3)).is_err());
}

#[test]
fn refusals_and_answers_of_another_kind_are_left_to_the_one_who_asked() {
    let ack = json!({"ack": {"attempt": "att_a", "seq": 1}});
    assert_eq!(fits(ack.clone(), json!({"refused": {"refusal": "usage", "message": "no"}})), Ok(()));
    assert_eq!(fits(ack, json!({"swept": {"removed": 1, "kept": 0}})), Ok(()));
}
