//! Whoever is not the attempt gets one answer, whatever is wrong. The corpus is with the crate of the keys; here a running
//! server is asked, and nothing of a run changes.

use serde_json::json;
use sortie_keys::{Claims, KeyRing, Scope};
use sortie_protocol::callback::CallbackKind;
use sortie_tests::callbacks::{Callback, exited};
use sortie_tests::installation::Installation;
use sortie_tests::run::Run;
use sortie_tests::world::World;
use std::net::Ipv4Addr;

struct Case {
    name: String,
    callback: Callback,
}

fn forged(world: &World, name: &str, good: &Callback, change: impl FnOnce(&mut Callback)) -> Case {
    let mut callback = good.clone();
    change(&mut callback);
    let _ = world;
    Case { name: name.to_owned(), callback }
}

/// The claims of an attempt, as they were handed out.
fn claims(world: &World, run: &Run, attempt: &str) -> Claims {
    let shown = world.it.cli(&["token", "show", &run.id]);
    let handed = &shown.data()["attempts"][0];
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let now = i64::try_from(now).unwrap();
    Claims {
        iss: world.it.made["installation"].as_str().unwrap().to_owned(),
        aud: handed["handed"]["audience"].as_str().unwrap().to_owned(),
        sub: run.id.clone(),
        jti: attempt.to_owned(),
        step: "work".to_owned(),
        fence: handed["fence"].as_u64().unwrap(),
        scope: Scope::Attempt,
        iat: now,
        nbf: now,
        exp: now + 3_600,
    }
}

fn tokens(world: &World, run: &Run, attempt: &str, good: &Callback) -> Vec<Case> {
    let ring = KeyRing::open(&world.it.home.join("keys")).unwrap();
    let of = claims(world, run, attempt);
    let mint = |change: fn(&mut Claims)| {
        let mut claims = of.clone();
        change(&mut claims);
        ring.mint(&claims).unwrap().expose().to_owned()
    };
    let minted = [
        ("another run", mint(|c| c.sub = format!("run_{}", "0".repeat(36)))),
        ("another step", mint(|c| c.step = "other".to_owned())),
        ("another fence", mint(|c| c.fence += 1)),
        ("another attempt", mint(|c| c.jti = format!("att_{}", "0".repeat(36)))),
        ("another installation", mint(|c| c.iss = "inst_other".to_owned())),
        ("another audience", mint(|c| c.aud = "http://elsewhere.example".to_owned())),
        ("expired", mint(|c| (c.iat, c.nbf, c.exp) = (1_000, 1_000, 2_000))),
        ("not yet", mint(|c| (c.nbf, c.exp) = (c.nbf + 7_200, c.exp + 7_200))),
        ("of a wait", mint(|c| c.scope = Scope::Wait)),
        ("no token", String::new()),
        ("no signature", good.token.rsplit_once('.').unwrap().0.to_owned() + "."),
    ];
    let mut cases: Vec<Case> = minted.into_iter().map(|(name, token)| forged(world, name, good, |c| c.token = token)).collect();
    let parts: Vec<&str> = good.token.split('.').collect();
    for header in [r#"{"alg":"none"}"#, r#"{"alg":"HS256","typ":"sortie-callback+jwt"}"#] {
        let header = base64url(header.as_bytes());
        for signature in ["", parts[2]] {
            let token = format!("{header}.{}.{signature}", parts[1]);
            cases.push(forged(world, "an algorithm game", good, |c| c.token = token));
        }
    }
    cases
}

fn base64url(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..=three.len() {
            text.push(char::from(DIGITS[(bits >> (18 - 6 * place) & 63) as usize]));
        }
    }
    text
}

/// The signed URL with another character at each place of its query.
fn urls(world: &World, good: &Callback) -> Vec<Case> {
    let start = good.target.find('?').unwrap() + 1;
    (start..good.target.len())
        .filter(|at| good.target.as_bytes()[*at].is_ascii_alphanumeric())
        .map(|at| {
            let mut target = good.target.clone().into_bytes();
            target[at] = if target[at] == b'a' { b'b' } else { b'a' };
            let target = String::from_utf8(target).unwrap();
            forged(world, &format!("the URL at {at}: {target}"), good, |c| c.target = target)
        })
        .collect()
}

fn proofs(world: &World, attempt: &str, good: &Callback) -> Vec<Case> {
    let kind = Callback::new(&world.it.home, &world.root, attempt, CallbackKind::Heartbeat, 900, &json!({}));
    vec![
        forged(world, "no proof", good, |c| c.signature = String::new()),
        forged(world, "a proof over other bytes", good, |c| c.body.push(b' ')),
        forged(world, "a proof over another time", good, |c| c.timestamp = "1700000001".to_owned()),
        forged(world, "a proof of another kind", good, |c| c.signature = kind.signature),
        forged(world, "a proof for another number", good, |c| c.id = c.id.replace(".900", ".901")),
    ]
}

#[test]
fn f052_f055_forged_callbacks_get_one_answer_and_change_nothing() {
    let world = World::new();
    let run = world.job("once", &world.gate("go"));
    world.started("once");
    let attempt = run.attempt(&world.it);
    let _ = run.event(&world.it, "attempt_started");
    let good = Callback::result(&world.it.home, &world.root, &attempt, 900, &exited(0, json!("forged")));
    let mut cases = tokens(&world, &run, &attempt, &good);
    cases.extend(urls(&world, &good));
    cases.extend(proofs(&world, &attempt, &good));
    let unknown = good.target.replace(&attempt, &format!("att_{}", "0".repeat(36)));
    cases.push(forged(&world, "an unknown id", &good, |c| c.target = unknown));
    let before = run.history(&world.it).len();
    let mut shape = None;
    for (number, case) in (0_u8..).zip(&cases) {
        // One sender's refusals have a budget; beyond it the answer would only say that (F063).
        let source = Ipv4Addr::new(127, 0, 1, number / 20);
        let answer = case.callback.send_from(source, world.it.callbacks).unwrap();
        assert_eq!(answer.status, 401, "{}: {}", case.name, String::from_utf8_lossy(&answer.body));
        let seen =
            (answer.body.clone(), answer.header("content-type").map(str::to_owned), answer.header("content-length").map(str::to_owned));
        assert_eq!(*shape.get_or_insert(seen.clone()), seen, "{}: one shape", case.name);
    }
    assert!(cases.len() > 80, "{} cases", cases.len());
    assert_eq!(run.history(&world.it).len(), before, "nothing of it reached the journal");
    assert_eq!(good.outcome(world.it.callbacks), (200, "accepted".to_owned()), "what was forged was good before");
    assert_eq!(run.ended(&world.it)["value"]["result"], "forged");
    world.open_gate("go");
}

#[test]
fn f063_too_many_refusals_of_a_sender_do_not_keep_its_valid_callbacks_out() {
    let world = World::new();
    let run = world.job("once", &world.gate("go"));
    world.started("once");
    let attempt = run.attempt(&world.it);
    let good = Callback::result(&world.it.home, &world.root, &attempt, 900, &exited(0, json!(1)));
    let bad = forged(&world, "no proof", &good, |c| c.signature = String::new()).callback;
    let statuses: Vec<u16> = (0..200).map(|_| bad.send(world.it.callbacks).unwrap().status).collect();
    assert!(statuses.iter().all(|status| [401, 429].contains(status)) && statuses.contains(&429), "{statuses:?}");
    assert_eq!(good.outcome(world.it.callbacks), (200, "accepted".to_owned()));
    world.open_gate("go");
    assert_eq!(run.ended(&world.it)["value"]["result"], 1);
}

#[test]
fn f055_what_another_installation_signed_is_refused() {
    let world = World::new();
    let other = Installation::new(|port| port);
    let run = world.job("once", &world.gate("go"));
    world.started("once");
    let attempt = run.attempt(&world.it);
    let good = Callback::result(&world.it.home, &world.root, &attempt, 900, &exited(0, json!(1)));
    let claims = claims(&world, &run, &attempt);
    let foreign = KeyRing::open(&other.home.join("keys")).unwrap().mint(&claims).unwrap().expose().to_owned();
    let token = forged(&world, "its token", &good, |c| c.token = foreign).callback;
    assert_eq!(token.send(world.it.callbacks).unwrap().status, 401);
    let proof = forged(&world, "its proof", &good, |c| c.sign(&other.home, &attempt)).callback;
    assert_eq!(proof.send(world.it.callbacks).unwrap().status, 401);
    assert_eq!(good.outcome(world.it.callbacks).0, 200);
    world.open_gate("go");
    let _ = run.ended(&world.it);
}

#[test]
fn f070_a_revoked_key_holds_from_the_next_callback_on() {
    let world = World::new();
    let run = world.job("once", &world.gate("go"));
    world.started("once");
    let attempt = run.attempt(&world.it);
    let good = Callback::result(&world.it.home, &world.root, &attempt, 900, &exited(0, json!(1)));
    let alive = Callback::new(
        &world.it.home,
        &world.root,
        &attempt,
        CallbackKind::Heartbeat,
        500,
        &json!({ "silent_ms": 0, "stdout_bytes": 0, "stderr_bytes": 0 }),
    );
    assert_eq!(alive.outcome(world.it.callbacks).0, 200);
    let kid = KeyRing::open(&world.it.home.join("keys")).unwrap().active_kid();
    let _ = world.it.cli(&["keys", "rotate"]).data();
    assert_eq!(alive.send(world.it.callbacks).unwrap().status, 200, "a rotated key verifies what is in flight");
    let _ = world.it.cli(&["keys", "revoke", &kid, "--yes"]).data();
    assert_eq!(good.send(world.it.callbacks).unwrap().status, 401);
    // What the shim holds is worth nothing now: its result is collected over SSH, where the proof alone counts.
    world.open_gate("go");
    let shown = run.ended(&world.it);
    assert_eq!(shown["value"]["ok"], true, "{shown:#}");
    assert_eq!(run.event(&world.it, "attempt_result")["via"], "collect");
}
