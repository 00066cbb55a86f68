//! What comes over SSH goes the same way: proof, parse, decide.

use crate::support::World;
use crate::support::job::{Job, Post};
use sortie::callback::{CollectError, collected};
use sortie_core::decide::CallbackOutcome;
use sortie_core::ids::AttemptId;
use sortie_keys::KeyRing;
use sortie_protocol::callback::{CallbackKind, SignedPost};

fn spooled(post: &Post, kind: CallbackKind, seq: u64) -> SignedPost {
    let header = |name: &str| post.headers.iter().find(|(known, _)| known == name).unwrap().1.clone();
    SignedPost {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp").parse().unwrap(),
        signature: header("webhook-signature"),
        kind,
        seq,
        body: String::from_utf8(post.body.clone()).unwrap(),
    }
}

fn result(job: &Job) -> SignedPost {
    spooled(&job.result(2), CallbackKind::Result, 2)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn push_and_pull_meet_in_one_inbox() {
    let world = World::new().await;
    let (pulled, pushed) = (world.job().await, world.job().await);
    let first = collected(&world.driver, &pulled.attempt, &result(&pulled)).await.unwrap();
    assert_eq!(first, CallbackOutcome::Accepted);
    assert_eq!(pulled.result(2).send(&world).await.callback().outcome.as_str(), "duplicate");
    assert_eq!(pushed.result(2).send(&world).await.status, 200);
    assert_eq!(collected(&world.driver, &pushed.attempt, &result(&pushed)).await.unwrap(), CallbackOutcome::Duplicate);
    assert_eq!(world.count(&pulled.run, "attempt_result").await, 1);
    assert_eq!(world.count(&pushed.run, "attempt_result").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_the_attempt_signed_is_taken() {
    let world = World::new().await;
    let (job, other) = (world.job().await, world.job().await);
    let good = result(&job);
    let changed = [
        SignedPost { body: good.body.replace("42", "43"), ..good.clone() },
        SignedPost { timestamp: good.timestamp + 1, ..good.clone() },
        SignedPost { seq: 3, ..good.clone() },
        SignedPost { kind: CallbackKind::Progress, ..good.clone() },
        SignedPost { signature: "v1,AAAA".to_owned(), ..good.clone() },
        result(&other),
    ];
    for post in changed {
        assert!(matches!(collected(&world.driver, &job.attempt, &post).await, Err(CollectError::Proof)), "{post:?}");
    }
    let unknown = AttemptId::new(1, &sortie::driver::entropy(), 0);
    let post = SignedPost { id: good.id.replace(job.attempt.as_str(), unknown.as_str()), ..good.clone() };
    assert!(matches!(collected(&world.driver, &unknown, &post).await, Err(CollectError::Unknown)));
    KeyRing::open(&world.keys).unwrap().revoke(&job.handed.root.to_string(), world.now()).unwrap();
    assert!(matches!(collected(&world.driver, &job.attempt, &good).await, Err(CollectError::Revoked)));
}
