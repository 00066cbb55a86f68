//! Keys that change while callbacks are on their way (F069 to F071).

use crate::support::{World, client};
use serde_json::json;
use sortie_keys::KeyRing;
use sortie_protocol::callback::CallbackKind;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f069_rotation_fails_no_callback_in_flight() {
    let world = World::new().await;
    let old = world.job().await;
    // Another process: the command line.
    let cli = KeyRing::open(&world.keys).unwrap();
    for _ in 0..3 {
        cli.rotate(world.now()).unwrap();
        assert_eq!(old.heartbeat(1).send(&world).await.status, 200);
    }
    let answer = old.result(2).send(&world).await;
    assert_eq!(answer.status, 200);
    assert!(old.verifies(&answer.callback()), "the receipt comes from the root of the attempt, not the newest");
    let new = world.job().await;
    assert_ne!(new.handed.kid, old.handed.kid);
    assert_eq!(new.result(2).send(&world).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f070_a_revoked_key_or_root_is_refused_from_the_next_callback_on() {
    let world = World::new().await;
    let by_key = world.job().await;
    let wait = world.wait(None).await;
    assert_eq!(by_key.heartbeat(1).send(&world).await.status, 200, "verified once, and so remembered");
    let cli = KeyRing::open(&world.keys).unwrap();
    cli.revoke(&by_key.handed.kid, world.now()).unwrap();
    assert_eq!(by_key.heartbeat(2).send(&world).await.status, 401);
    assert_eq!(by_key.result(2).send(&world).await.status, 401);
    assert_eq!(wait.answer("1").send(&world).await.status, 401);
    let reminted = world.ring.mint(&by_key.claims).unwrap().expose().to_owned();
    assert_eq!(by_key.result(2).token(&reminted).send(&world).await.status, 401, "another key does not speak for what was handed");
    // The root alone: the key of this attempt is good.
    let by_root = world.job().await;
    assert_eq!(by_root.heartbeat(1).send(&world).await.status, 200);
    cli.revoke(&by_root.handed.root.to_string(), world.now()).unwrap();
    assert_eq!(by_root.result(2).send(&world).await.status, 401);
    assert!(world.step(&by_root.run).await.is_open());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_ring_that_cannot_be_read_puts_callbacks_off() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new().await;
    let job = world.job().await;
    let cli = KeyRing::open(&world.keys).unwrap();
    cli.rotate(world.now()).unwrap();
    let folder = |mode| std::fs::set_permissions(&world.keys, std::fs::Permissions::from_mode(mode)).unwrap();
    folder(0o755);
    let answer = job.say(CallbackKind::Progress, 2, &json!({})).send(&world).await;
    assert_eq!(answer.status, 503, "a revocation might be in there");
    assert!(answer.header("retry-after").is_some());
    assert_eq!(answer.callback().receipt, None);
    folder(0o700);
    assert_eq!(job.say(CallbackKind::Progress, 2, &json!({})).send(&world).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn public_keys_verify_tokens_and_revoked_ones_are_gone() {
    let world = World::new().await;
    let job = world.job().await;
    let jwks = client::get(world.address, "/v1/keys/jwks.json").await;
    assert_eq!(jwks.status, 200);
    let audience = [crate::support::PUBLIC_URL];
    let expect = sortie_keys::Expect { issuer: world.installation(), audiences: &audience, now_s: world.now() / 1_000, leeway_s: 60 };
    assert!(sortie_keys::verify_with_jwks(&jwks.body, &job.token, &expect).unwrap().is_ok());
    KeyRing::open(&world.keys).unwrap().revoke(&job.handed.kid, world.now()).unwrap();
    let jwks = client::get(world.address, "/v1/keys/jwks.json").await;
    assert!(!jwks.body.contains(&job.handed.kid));
}
