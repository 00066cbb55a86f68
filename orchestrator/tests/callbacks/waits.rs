//! Plain waits: URL and token are enough, so that `curl` can answer them.

use crate::support::World;
use serde_json::json;
use sortie_core::effect::Timer;
use sortie_core::input::{InputBody, Scope};
use sortie_protocol::receipt::Outcome;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wait_is_answered_by_url_and_token() {
    let world = World::new().await;
    let wait = world.wait(None).await;
    let answer = wait.answer(r#"{"approved": true}"#).send(&world).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let said = answer.callback();
    assert_eq!((said.outcome, said.receipt, said.mac), (Outcome::Accepted, None, None), "no proof, no receipt");
    assert!(!world.step(&wait.run).await.is_open());
    let again = wait.answer(r#"{"approved": true}"#).send(&world).await;
    assert_eq!((again.status, again.callback().outcome), (200, Outcome::Duplicate));
    assert_eq!(wait.answer(r#"{"approved": false}"#).send(&world).await.status, 409);
    assert_eq!(world.count(&wait.run, "step_completed").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_against_the_schema_leaves_the_wait_open() {
    let world = World::new().await;
    let wait = world.wait(Some(json!({"type": "object", "properties": {"n": {"type": "array", "items": {"type": "integer"}}}}))).await;
    let bad = wait.answer(r#"{"n": [1, "two"]}"#).send(&world).await;
    assert_eq!(bad.status, 422);
    assert!(bad.callback().message.unwrap().starts_with("/n/1: "));
    assert_eq!(wait.answer("{").send(&world).await.status, 422);
    assert!(world.step(&wait.run).await.is_open());
    assert_eq!(wait.answer(r#"{"n": [1, 2]}"#).send(&world).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f041_an_answer_after_the_timeout_is_late() {
    let world = World::new().await;
    let wait = world.wait_for(5, None).await;
    let deadline_at = world.step(&wait.run).await.deadline_at;
    while world.now() < deadline_at {
        tokio::task::yield_now().await;
    }
    let due = InputBody::TimerDue(Timer::Step(1));
    world.driver.deliver(Scope::Step(wait.run.clone(), 1), due).await.unwrap();
    let answer = wait.answer("1").send(&world).await;
    assert_eq!((answer.status, answer.callback().outcome), (410, Outcome::Late));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wait_takes_no_other_kind_and_no_token_of_another_thing() {
    let world = World::new().await;
    let (one, two, job) = (world.wait(None).await, world.wait(None).await, world.job().await);
    for kind in ["started", "heartbeat", "progress"] {
        let mut post = one.answer("1");
        post.path = format!("/v1/callbacks/{}/{kind}", one.wait);
        assert_eq!(post.send(&world).await.status, 401);
    }
    assert_eq!(one.answer("1").token(&two.token).send(&world).await.status, 401);
    assert_eq!(one.answer("1").token(&job.token).send(&world).await.status, 401);
    assert_eq!(one.answer("1").with("Authorization", None).send(&world).await.status, 401);
    for change in ["step", "fence", "sub", "scope"] {
        let mut claims = one.claims.clone();
        match change {
            "step" => claims.step.push('x'),
            "fence" => claims.fence += 1,
            "sub" => claims.sub = two.run.to_string(),
            _ => claims.scope = sortie_keys::Scope::Attempt,
        }
        let token = crate::support::job::minted(&world.ring, &claims);
        assert_eq!(one.answer("1").token(&token).send(&world).await.status, 401, "{change}");
    }
    assert!(world.step(&one.run).await.is_open());
    let large = format!("\"{}\"", "x".repeat(sortie::callback::limits::ANSWER_BYTES));
    assert_eq!(one.answer(&large).send(&world).await.status, 413);
    assert_eq!(one.answer("1").send(&world).await.status, 200);
}
