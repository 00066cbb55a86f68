//! The table of *Callbacks*, row by row.

use crate::support::World;
use crate::support::job::result_with;
use serde_json::json;
use sortie_core::canonical;
use sortie_core::event::EventBody;
use sortie_core::failure::FailureKind;
use sortie_core::input::{InputBody, Scope};
use sortie_core::state::AttemptState;
use sortie_protocol::callback::CallbackKind;
use sortie_protocol::receipt::Outcome;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_accepted_result_has_a_receipt_that_verifies_and_resumes_the_run() {
    let world = World::new().await;
    let job = world.job().await;
    job.launched(&world).await;
    let post = job.result(2);
    let answer = post.send(&world).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.header("date").is_some(), "shims correct their clocks by it");
    let said = answer.callback();
    assert!(job.verifies(&said));
    let receipt = said.receipt.unwrap();
    assert_eq!((said.outcome, receipt.outcome), (Outcome::Accepted, Outcome::Accepted));
    assert_eq!(receipt.digest, canonical::digest(&post.body));
    assert_eq!(receipt.id, format!("{}.result.2", job.attempt));
    assert_eq!(job.state(&world).await, AttemptState::Succeeded);
    assert!(!world.step(&job.run).await.is_open());
    assert!(world.store.load_advance(&job.run).await.unwrap().is_some(), "there is something to evaluate");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f039_a_repeat_after_a_lost_answer_gets_the_first_receipt() {
    let world = World::new().await;
    let job = world.job().await;
    let first = job.result(2).send(&world).await.callback();
    let again = job.result(2).send(&world).await;
    assert_eq!(again.status, 200);
    let again = again.callback();
    assert_eq!(again.outcome, Outcome::Duplicate);
    assert!(job.verifies(&again));
    assert_eq!(again.receipt, first.receipt);
    assert_eq!(job.result(2).send(&world).await.callback().receipt, job.result(2).send(&world).await.callback().receipt);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f037_sixty_four_copies_at_once_resume_once() {
    let world = World::new().await;
    let job = world.job().await;
    job.launched(&world).await;
    let (post, gate) = (job.result(2), tokio::sync::Barrier::new(64));
    let copies = (0..64).map(|_| async {
        gate.wait().await;
        post.send(&world).await
    });
    let answers = futures(copies).await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    let accepted = answers.iter().filter(|answer| answer.callback().outcome == Outcome::Accepted).count();
    assert_eq!(accepted, 1);
    assert_eq!(world.count(&job.run, "attempt_result").await, 1);
    assert_eq!(world.count(&job.run, "step_completed").await, 1);
    let receipts: Vec<_> = answers.iter().map(|answer| answer.callback().receipt.unwrap()).collect();
    assert!(receipts.iter().all(|receipt| *receipt == receipts[0]), "one receipt for all");
}

/// All of them at once, on this task.
async fn futures<T>(all: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut pending: Vec<_> = all.map(Box::pin).collect();
    let mut done: Vec<Option<T>> = pending.iter().map(|_| None).collect();
    std::future::poll_fn(|cx| {
        for (slot, future) in done.iter_mut().zip(&mut pending) {
            if slot.is_none()
                && let std::task::Poll::Ready(value) = future.as_mut().poll(cx)
            {
                *slot = Some(value);
            }
        }
        if done.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f038_the_same_id_with_another_body_is_a_conflict_and_is_kept() {
    let world = World::new().await;
    let job = world.job().await;
    job.result(2).send(&world).await;
    for data in [json!({"exit_code": 1}), json!({"duration_ms": 6}), json!({"result": {"answer": 43}}), json!({"tree_gone": false})] {
        let answer = job.say(CallbackKind::Result, 2, &result_with(&data)).send(&world).await;
        assert_eq!(answer.status, 409, "{answer:?}");
        assert_eq!(answer.callback().outcome, Outcome::Conflict);
        assert!(job.verifies(&answer.callback()));
    }
    // Under another number too.
    let answer = job.say(CallbackKind::Result, 3, &result_with(&json!({"exit_code": 1}))).send(&world).await;
    assert_eq!(answer.status, 409);
    assert_eq!(job.state(&world).await, AttemptState::Succeeded);
    assert_eq!(world.count(&job.run, "attempt_result").await, 1);
    assert_eq!(world.count(&job.run, "callback_kept").await, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f041_a_result_after_a_cancel_is_late_and_kept() {
    let world = World::new().await;
    let job = world.job().await;
    job.launched(&world).await;
    let cancel = InputBody::Cancel(sortie_core::input::Operator::named("test"));
    world.driver.deliver(Scope::Run(job.run.clone()), cancel).await.unwrap();
    let answer = job.result(2).send(&world).await;
    assert_eq!(answer.status, 410, "{answer:?}");
    assert!(job.verifies(&answer.callback()));
    assert_eq!(world.count(&job.run, "attempt_result").await, 0);
    assert_eq!(world.count(&job.run, "callback_kept").await, 1);
    assert!(world.store.callbacks(&job.run).await.unwrap()[0].body.is_some(), "its bytes are there to be adopted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f040_a_result_before_the_launch_ack_is_accepted() {
    let world = World::new().await;
    let job = world.job().await;
    assert_eq!(job.state(&world).await, AttemptState::Launching);
    assert_eq!(job.result(1).send(&world).await.status, 200);
    job.launched(&world).await;
    assert_eq!(job.state(&world).await, AttemptState::Succeeded);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f042_heartbeats_in_any_order_change_nothing_after_the_result() {
    let world = World::new().await;
    let job = world.job().await;
    job.launched(&world).await;
    for seq in [5, 2, 9, 1, 9, 3] {
        let answer = job.heartbeat(seq).send(&world).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(job.verifies(&answer.callback()));
    }
    assert_eq!(job.state(&world).await, AttemptState::Running);
    assert_eq!(world.store.beats(&job.run).await.unwrap()[&job.attempt].seq, 9);
    assert_eq!(world.count(&job.run, "attempt_started").await, 1, "heartbeats are no history");
    job.result(2).send(&world).await;
    let events = world.history(&job.run).await.len();
    for post in [job.heartbeat(10), job.say(CallbackKind::Progress, 3, &json!({"at": 1})), job.heartbeat(4)] {
        assert_eq!(post.send(&world).await.status, 410);
    }
    let started = job.say(CallbackKind::Started, 1, &json!({"pid": 1, "boot_id": "b", "containment": "cgroup"}));
    assert_eq!(started.send(&world).await.status, 410);
    assert_eq!(job.state(&world).await, AttemptState::Succeeded);
    assert_eq!(world.history(&job.run).await.len(), events);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn started_and_progress_are_taken_and_a_stop_travels_back() {
    let world = World::new().await;
    let job = world.job().await;
    let started = job.say(CallbackKind::Started, 1, &json!({"pid": 1, "boot_id": "b", "containment": "cgroup"}));
    assert_eq!(started.send(&world).await.callback().outcome, Outcome::Accepted);
    assert_eq!(started.send(&world).await.callback().outcome, Outcome::Duplicate);
    assert_eq!(job.state(&world).await, AttemptState::Running);
    assert_eq!(job.say(CallbackKind::Progress, 2, &json!({"done": 0.5})).send(&world).await.status, 200);
    let cancel = InputBody::Cancel(sortie_core::input::Operator::named("test"));
    world.driver.deliver(Scope::Run(job.run.clone()), cancel).await.unwrap();
    let answer = job.heartbeat(1).send(&world).await.callback();
    assert!(job.verifies(&answer), "the order to stop is signed too");
    assert_eq!(answer.receipt.unwrap().stop.as_deref(), Some("cancelled"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_against_the_schema_ends_the_attempt_and_names_the_place() {
    let world = World::new().await;
    let schema = json!({"type": "object", "required": ["answer"], "properties": {"answer": {"type": "integer"}}});
    let spec = crate::support::job_spec(Some(schema));
    let good = world.job_of(spec.clone()).await;
    assert_eq!(good.result(1).send(&world).await.status, 200);
    let bad = world.job_of(spec.clone()).await;
    let answer = bad.say(CallbackKind::Result, 1, &result_with(&json!({"result": {"answer": "forty-two"}}))).send(&world).await;
    assert_eq!(answer.status, 422);
    let said = answer.callback();
    assert!(bad.verifies(&said));
    assert!(said.message.unwrap().starts_with("/data/result/answer: "));
    assert_eq!(bad.state(&world).await, AttemptState::Rejected);
    let none = world.job_of(spec.clone()).await;
    let answer = none.say(CallbackKind::Result, 1, &result_with(&json!({"result": null}))).send(&world).await;
    assert_eq!(answer.status, 422);
    // A job that failed is not judged by what it left.
    let failed = world.job_of(spec).await;
    let data = result_with(&json!({"exit_code": 7, "result": null, "error_output": "a\nb\n"}));
    assert_eq!(failed.say(CallbackKind::Result, 1, &data).send(&world).await.status, 200);
    let failure = world.history(&failed.run).await.into_iter().find_map(|event| match event.body {
        EventBody::AttemptResult { failure, .. } => failure,
        _ => None,
    });
    let failure = failure.unwrap();
    assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::Exit, "exit code 7: b"));
}
