//! Tokens that we never made, and one shape for everybody who is refused (F052 to F054, F062).

use crate::support::World;
use crate::support::job::Job;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sortie_core::ids::AttemptId;
use std::collections::BTreeSet;

fn b64(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn parts(token: &str) -> (String, String, String) {
    let mut parts = token.split('.').map(str::to_owned);
    (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap())
}

fn payload(token: &str) -> String {
    String::from_utf8(URL_SAFE_NO_PAD.decode(parts(token).1).unwrap()).unwrap()
}

/// Headers that lie about algorithm, key or form, with no signature, the old one, and an HMAC keyed with the public key.
fn algorithm_games(world: &World, job: &Job) -> Vec<String> {
    let (_, claims, signature) = parts(&job.token);
    let kid = world.ring.active_kid();
    let public = world.ring.jwks()["keys"][0]["x"].as_str().unwrap().to_owned();
    let public = URL_SAFE_NO_PAD.decode(public).unwrap();
    let typ = "sortie-callback+jwt";
    let mut headers: Vec<String> =
        ["none", "None", "NONE", "noNE", "", "HS256", "HS512", "RS256", "PS256", "ES256", "ES256K", "Ed25519", "eddsa", "EdDSA "]
            .iter()
            .map(|alg| format!(r#"{{"typ":"{typ}","alg":"{alg}","kid":"{kid}"}}"#))
            .collect();
    for more in [
        r#""jku":"http://127.0.0.1:1/"#,
        r#""x5u":"http://127.0.0.1:1/"#,
        r#""crit":["b64"],"b64":""#,
        r#""zip":"DEF"#,
        r#""jwk":""#,
        r#""cty":"JWT"#,
    ] {
        headers.push(format!(r#"{{"typ":"{typ}","alg":"EdDSA","kid":"{kid}",{more}"}}"#));
    }
    for kid in ["../../etc/passwd", "' OR 1=1", "\\u0000", "key_unknown", ""] {
        headers.push(format!(r#"{{"typ":"{typ}","alg":"EdDSA","kid":"{kid}"}}"#));
    }
    headers.push(format!(r#"{{"typ":"JWT","alg":"EdDSA","kid":"{kid}"}}"#));
    headers.push(format!(r#"{{"alg":"EdDSA","kid":"{kid}"}}"#));
    headers.push(format!(r#"{{"typ":"{typ}","alg":"none","alg":"EdDSA","kid":"{kid}"}}"#));
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &public);
    headers
        .iter()
        .flat_map(|header| {
            let message = format!("{}.{claims}", b64(header));
            let mac = URL_SAFE_NO_PAD.encode(aws_lc_rs::hmac::sign(&key, message.as_bytes()));
            [format!("{message}."), message.clone(), format!("{message}.{signature}"), format!("{message}.{mac}")]
        })
        .collect()
}

/// The good token with its parts bent.
fn bent(job: &Job) -> Vec<String> {
    let (header, claims, signature) = parts(&job.token);
    let mut all = vec![
        String::new(),
        "..".to_owned(),
        format!("{header}.{claims}"),
        format!("{header}.{claims}.{signature}="),
        format!("{header}.{claims}.{signature}.x"),
        format!(" {header}.{claims}.{signature}"),
        format!("{header}.{claims} .{signature}"),
        format!("{header}..{signature}"),
        "x".repeat(10_000),
    ];
    let said = payload(&job.token);
    for name in ["exp", "nbf", "iat", "fence"] {
        let (before, rest) = said.split_once(&format!("\"{name}\":")).unwrap();
        let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        for value in ["null", "\"1\"", "1.5", "1e400", "-1", "true", "[]", "99999999999999999999"] {
            all.push(format!("{header}.{}.{signature}", b64(&format!("{before}\"{name}\":{value}{after}"))));
        }
    }
    for at in 0..job.token.len() {
        let mut bytes = job.token.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        all.push(String::from_utf8(bytes).unwrap());
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f052_f053_f054_forged_tokens_are_refused_in_one_shape() {
    let world = World::new().await;
    let job = world.job().await;
    let other = World::new().await;
    let foreign = crate::support::job::minted(&other.ring, &job.claims);
    let tokens = algorithm_games(&world, &job).into_iter().chain(bent(&job)).chain([foreign]);
    let (mut shapes, mut sent) = (BTreeSet::new(), 0);
    for token in tokens.filter(|token| *token != job.token) {
        let answer = job.result(2).token(&token).send(&world).await;
        assert_eq!(answer.status, 401, "{token}");
        shapes.insert(answer.shape());
        sent += 1;
    }
    assert!(sent > 200, "{sent}");
    for scheme in [job.token.clone(), format!("bearer {}", job.token), format!("Bearer  {}", job.token), format!("Basic {}", job.token)] {
        shapes.insert(job.result(2).with("Authorization", Some(&scheme)).send(&world).await.shape());
    }
    assert_eq!(shapes.len(), 1, "{shapes:?}");
    assert_eq!(job.result(2).send(&world).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_url_altered_at_any_position_is_refused() {
    let world = World::new().await;
    let job = world.job().await;
    for at in 0..job.query.len() {
        let mut query = job.query.clone().into_bytes();
        query[at] = if query[at] == b'x' { b'y' } else { b'x' };
        let mut post = job.result(2);
        post.query = String::from_utf8(query).unwrap();
        assert_eq!(post.send(&world).await.status, 401, "{}", post.query);
    }
    let (kid, rest) = job.query.split_once('&').unwrap();
    let (exp, sig) = rest.split_once('&').unwrap();
    for query in [
        String::new(),
        format!("{sig}&{kid}&{exp}"),
        format!("{}&x=1", job.query),
        format!("{}&", job.query),
        format!("{}&{sig}", job.query),
        job.query.replace("exp=", "exp=0"),
        job.query.replace("exp=", "exp=%30"),
        job.query.to_uppercase(),
    ] {
        let mut post = job.result(2);
        post.query = query;
        assert_eq!(post.send(&world).await.status, 401, "{}", post.query);
    }
    let expired =
        world.ring.sign_url(crate::support::PUBLIC_URL, world.installation(), job.attempt.as_str(), world.now() / 1_000 - 1).unwrap();
    let mut post = job.result(2);
    post.query = expired.split_once('?').unwrap().1.to_owned();
    assert_eq!(post.send(&world).await.status, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f062_unknown_ids_and_every_other_fault_look_the_same() {
    let world = World::new().await;
    let job = world.job().await;
    let good = job.result(2);
    let mut shapes = BTreeSet::new();
    let mut refuse = async |post: &crate::support::job::Post, what: &str| {
        let answer = post.send(&world).await;
        assert_eq!(answer.status, 401, "{what}");
        shapes.insert(answer.shape());
    };
    refuse(&good.clone().token("x"), "token").await;
    refuse(&good.clone().with("webhook-signature", Some("v1,AAAA")), "proof").await;
    let mut url = good.clone();
    url.query.clear();
    refuse(&url, "url").await;
    for id in ["att_x", "ATT_X", "x", "run_000000000000000000000000000000000000", job.run.as_str()] {
        let mut post = good.clone();
        post.path = format!("/v1/callbacks/{id}/result");
        refuse(&post, id).await;
    }
    // An id that we signed everything for, but that is in no journal.
    let id = AttemptId::new(1, &sortie::driver::entropy(), 0);
    let mut claims = job.claims.clone();
    claims.jti = id.to_string();
    let url = world.ring.sign_url(crate::support::PUBLIC_URL, world.installation(), id.as_str(), claims.exp).unwrap();
    let ghost = Job {
        attempt: id.clone(),
        query: url.split_once('?').unwrap().1.to_owned(),
        token: crate::support::job::minted(&world.ring, &claims),
        secret: world.ring.proof_secret(job.handed.root, id.as_str()).unwrap(),
        ..job.clone()
    };
    refuse(&ghost.result(2), "ghost").await;
    // An attempt that was handed nothing yet.
    let run = world.run(vec![("early", sortie_core::call::CallSpec::Job(crate::support::job_spec(None)))]).await;
    assert_eq!(shapes.len(), 1, "{shapes:?}");
    assert_eq!(world.store.attempts(&run).await.unwrap()[0].handed, None);
}
