//! Genuine tokens, URLs and proofs, used for something else (F055, F058).

use crate::support::World;
use crate::support::job::{Job, minted};
use serde_json::json;
use sortie_core::call::CallSpec;
use sortie_core::ids::RunId;
use sortie_protocol::callback::CallbackKind;

async fn jobs(world: &World) -> Vec<Job> {
    let mut jobs = Vec::new();
    for _ in 0..4 {
        let calls = ["a", "aa", "A"].map(|name| (name, CallSpec::Job(crate::support::job_spec(None))));
        let run: RunId = world.run(calls.into()).await;
        for attempt in world.store.attempts(&run).await.unwrap() {
            jobs.push(Job::launching(world, &run, attempt.id).await);
        }
    }
    jobs
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f055_no_credential_opens_the_door_of_another_attempt() {
    let world = World::new().await;
    let jobs = jobs(&world).await;
    for (at, target) in jobs.iter().enumerate() {
        for (from, other) in jobs.iter().enumerate() {
            if at == from {
                continue;
            }
            let good = target.result(2);
            assert_eq!(good.clone().token(&other.token).send(&world).await.status, 401, "token of {from} at {at}");
            let mut url = good.clone();
            url.query.clone_from(&other.query);
            assert_eq!(url.send(&world).await.status, 401, "URL of {from} at {at}");
            let mut whole = other.result(2);
            whole.path.clone_from(&good.path);
            assert_eq!(whole.send(&world).await.status, 401, "all of {from} at {at}");
            let proof = target.post(CallbackKind::Result, 2, good.body.clone());
            let foreign = Job { secret: other.secret.clone(), ..target.clone() }.post(CallbackKind::Result, 2, good.body.clone());
            assert_ne!(proof.headers, foreign.headers);
            assert_eq!(foreign.send(&world).await.status, 401, "proof of {from} at {at}");
        }
    }
    for job in &jobs {
        assert_eq!(job.result(2).send(&world).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f055_claims_must_equal_the_row_even_when_we_signed_them() {
    let world = World::new().await;
    let (job, other) = (world.job().await, world.job().await);
    let changed = |change: &dyn Fn(&mut sortie_keys::Claims)| {
        let mut claims = job.claims.clone();
        change(&mut claims);
        minted(&world.ring, &claims)
    };
    let tokens = [
        ("run", changed(&|claims| claims.sub = other.run.to_string())),
        ("step", changed(&|claims| claims.step = "Work".to_owned())),
        ("fence", changed(&|claims| claims.fence += 1)),
        ("fence 0", changed(&|claims| claims.fence = 0)),
        ("attempt", changed(&|claims| claims.jti = other.attempt.to_string())),
        ("installation", changed(&|claims| claims.iss = "another".to_owned())),
        ("audience", changed(&|claims| claims.aud = "http://elsewhere.example".to_owned())),
        ("former audience", changed(&|claims| claims.aud = crate::support::FORMER_URL.to_owned())),
        ("scope", changed(&|claims| claims.scope = sortie_keys::Scope::Wait)),
        ("expired", changed(&|claims| claims.exp = claims.iat - 3_600)),
        ("not yet", changed(&|claims| claims.nbf += 3_600)),
    ];
    for (what, token) in tokens {
        assert_eq!(job.result(2).token(&token).send(&world).await.status, 401, "{what}");
    }
    assert_eq!(job.result(2).token(&changed(&|_| {})).send(&world).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f058_a_token_without_the_proof_is_worthless() {
    let world = World::new().await;
    let job = world.job().await;
    let good = job.result(2);
    for header in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        assert_eq!(good.clone().with(header, None).send(&world).await.status, 401, "{header}");
    }
    let signature = good.headers.iter().find(|(name, _)| name == "webhook-signature").unwrap().1.clone();
    for bad in ["", "v1,", "v1,AAAA", "v2,AAAA", &signature.replace("v1,", "v1a,"), &signature[..signature.len() - 1]] {
        assert_eq!(good.clone().with("webhook-signature", Some(bad)).send(&world).await.status, 401, "{bad}");
    }
    for bad in ["1700000001", "01700000000", "+1700000000", "1700000000.0", "x", "99999999999999999999"] {
        assert_eq!(good.clone().with("webhook-timestamp", Some(bad)).send(&world).await.status, 401, "{bad}");
    }
    let mut body = good.clone();
    body.body.push(b' ');
    assert_eq!(body.send(&world).await.status, 401, "one byte more than was signed");
    let rotated = format!("v1,{} {signature}", "A".repeat(44));
    assert_eq!(good.with("webhook-signature", Some(&rotated)).send(&world).await.status, 200, "one of several is enough");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_post_is_good_for_its_own_kind_and_number_only() {
    let world = World::new().await;
    let job = world.job().await;
    let mut moved = job.say(CallbackKind::Progress, 2, &json!({}));
    moved.path = job.result(2).path;
    assert_eq!(moved.send(&world).await.status, 401, "its proof names another kind");
    // What is signed wrongly by the attempt itself is its own fault: kept, and for a result the end of it.
    let liar = job.post(CallbackKind::Progress, 2, job.body(CallbackKind::Progress, 3, &json!({})));
    let answer = liar.send(&world).await;
    assert_eq!(answer.status, 422);
    assert!(job.verifies(&answer.callback()));
    assert_eq!(job.state(&world).await, sortie_core::state::AttemptState::Launching, "untouched");
    let other = world.job().await;
    let liar = job.post(CallbackKind::Result, 2, other.body(CallbackKind::Result, 2, &crate::support::job::result_data()));
    assert_eq!(liar.send(&world).await.status, 422);
    assert_eq!(job.state(&world).await, sortie_core::state::AttemptState::Rejected);
    assert!(world.step(&other.run).await.is_open(), "the named attempt is not touched");
}
