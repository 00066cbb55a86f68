//! Signed deliveries of webhooks: one run each, however often they come; what is old, forged or only validated starts nothing.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sortie_tests::http::{self, Response};
use sortie_tests::installation::Installation;
use sortie_tests::run::Run;
use sortie_tests::{cli, flows, limits, wait};
use std::time::UNIX_EPOCH;

const HOOKED: &str = r#"
flow(name = "hooked", description = "Started from outside", input = {"n": int}, deadline = "10m",
     triggers = [webhook("in", verify = "standard", secret = secret("hook"), input = {"n": "body.issue.number"}),
                 webhook("dry", verify = "standard", secret = secret("hook"), input = {"n": "body.issue.number"}, validate_only = True)])

def run(ctx, input):
    return input["n"]
"#;

const KEY: &[u8; 32] = b"a key of thirty-two bytes, known";
const BODY: &[u8] = br#"{"issue": {"number": 7}}"#;

fn installation() -> Installation {
    let mut it = Installation::new(|port| port);
    it.start();
    flows::publish(&it, "hooked", HOOKED);
    let file = it.folder().join("hook");
    std::fs::write(&file, format!("whsec_{}", STANDARD.encode(KEY))).unwrap();
    let _ = cli::run_reading(&it.home, &file, &["secret", "set", "hook"]).data();
    it
}

/// Seconds since 1970.
fn now() -> u64 {
    UNIX_EPOCH.elapsed().unwrap().as_secs()
}

/// A delivery that is signed as Standard Webhooks says, with this key.
struct Delivery {
    id: &'static str,
    at: u64,
    key: &'static [u8],
}

impl Delivery {
    fn new(id: &'static str) -> Self {
        Self { id, at: now(), key: KEY }
    }

    fn send(&self, it: &Installation, path: &str) -> std::io::Result<Response> {
        let at = self.at.to_string();
        let signed = [self.id.as_bytes(), b".", at.as_bytes(), b".", BODY].concat();
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, self.key), &signed);
        let signature = format!("v1,{}", STANDARD.encode(tag));
        let headers =
            [("webhook-id", self.id), ("webhook-timestamp", &at), ("webhook-signature", &signature), ("Content-Type", "application/json")];
        http::send(it.callbacks, "POST", path, &headers, BODY)
    }

    fn answer(&self, it: &Installation) -> Value {
        let answer = self.send(it, "/v1/hooks/hooked/in").unwrap();
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        answer.json()
    }
}

fn runs(it: &Installation) -> usize {
    it.look("/v1/runs?flow=hooked").unwrap()["runs"].as_array().unwrap().len()
}

#[test]
fn a_signed_delivery_starts_a_run_and_the_same_delivery_is_the_same_run() {
    let it = installation();
    let first = Delivery::new("msg_1").answer(&it);
    let run = Run { id: first["run"].as_str().unwrap().to_owned() };
    assert_eq!((&first["duplicate"], &run.ended(&it)["value"]), (&json!(false), &json!(7)), "{first}");
    let again = Delivery::new("msg_1").answer(&it);
    assert_eq!(again, json!({ "run": run.id, "duplicate": true }), "a repetition has a time and a signature of its own");
    let other = Delivery::new("msg_2").answer(&it);
    assert_ne!(other["run"], first["run"]);
    assert_eq!(runs(&it), 2);
    run.assert_ended_once(&it);
}

#[test]
fn what_is_old_or_signed_with_another_key_gets_the_one_refusal_and_starts_nothing() {
    let it = installation();
    let old = Delivery { at: now() - 600, ..Delivery::new("msg_1") };
    let early = Delivery { at: now() + 600, ..Delivery::new("msg_1") };
    let forged = Delivery { key: b"another key of thirty-two bytes!", ..Delivery::new("msg_1") };
    let refused = [old, early, forged].map(|delivery| delivery.send(&it, "/v1/hooks/hooked/in").unwrap());
    let unknown = Delivery::new("msg_1").send(&it, "/v1/hooks/hooked/none").unwrap();
    for answer in &refused {
        assert_eq!((answer.status, &answer.body), (401, &unknown.body), "{}", String::from_utf8_lossy(&answer.body));
    }
    assert_eq!((unknown.status, runs(&it)), (401, 0));
    let taken = Delivery::new("msg_1").answer(&it);
    assert_eq!(taken["duplicate"], false, "the id of what was refused is not used up");
}

#[test]
fn a_webhook_that_only_validates_says_what_it_would_start_and_starts_nothing() {
    let it = installation();
    let answer = Delivery::new("msg_1").send(&it, "/v1/hooks/hooked/dry").unwrap().json();
    assert_eq!((&answer["validated"], &answer["run"]), (&json!(true), &Value::Null), "{answer}");
    assert_eq!(answer["would_start"], json!({ "flow": "hooked", "release": 1, "input": { "n": 7 } }));
    assert_eq!(runs(&it), 0);
}

#[test]
fn f001_killed_between_a_delivery_and_its_run_the_repetition_makes_the_run_once() {
    let mut it = installation();
    let _ = it.stop();
    it.start_to_die_at("delivery_kept");
    it.ready();
    assert!(Delivery::new("msg_1").send(&it, "/v1/hooks/hooked/in").is_err(), "the sender hears nothing");
    wait::holds("the server dies", limits::SOON, || !it.runs());
    let _ = it.ended();
    it.start();
    let first = Delivery::new("msg_1").answer(&it);
    let again = Delivery::new("msg_1").answer(&it);
    assert_eq!((&first["run"], &again["duplicate"], runs(&it)), (&again["run"], &json!(true), 1), "{first} {again}");
    let run = Run { id: first["run"].as_str().unwrap().to_owned() };
    assert_eq!(run.ended(&it)["value"], 7);
    run.assert_ended_once(&it);
}
