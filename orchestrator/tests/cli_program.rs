//! The command line against a real server: envelopes, exit codes, keys, flows, runs, waits, tokens.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cli_harness;

use cli_harness::{Place, Server};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;

const ADDS: &str = r#"
flow(name = "adds", description = "Adds one", input = {"a": int})
def run(ctx, input):
    return {"sum": input["a"] + 1}
"#;
const WAITS: &str = r#"
flow(name = "waits", input = {})
def run(ctx, input):
    return wait("answer", timeout = "1h").value
"#;

#[test]
fn usage_errors_are_envelopes_too() {
    let place = Place { folder: tempfile::tempdir().unwrap(), url: None };
    for args in [
        &["nonsense"][..],
        &[],
        &["runs", "show"],
        &["runs", "watch", "run_1", "--timeout", "soon"],
        &["run", "f", "--draft", "--release", "1"],
        &["host", "add", "a", "b@c", "--trust-on-first-use", "--host-key-fingerprint", "SHA256:x"],
        &["launch", "--on", "vm"],
        &["--json", "--text", "runs", "list"],
        &["flow", "push", "--force", "--base", "x"],
    ] {
        place.run(args).fails(2, "usage");
    }
    let text = place.run(&["nonsense", "--text"]);
    assert_eq!((text.code, text.stdout.as_str()), (2, ""));
    assert!(text.stderr.contains("error: unrecognized subcommand"), "{}", text.stderr);
    let help = place.run(&["runs", "logs", "--help"]);
    assert_eq!(help.code, 0);
    assert!(help.stdout.contains("Examples:"));
}

#[test]
fn init_makes_a_private_home_once() {
    let place = Place::new();
    let mode = |name: &str| std::fs::metadata(place.home().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(
        (mode(""), mode("operator.token"), mode("keys"), mode("ssh/id_ed25519"), mode("config.toml")),
        (0o700, 0o600, 0o700, 0o600, 0o600)
    );
    let token = std::fs::read_to_string(place.home().join("operator.token")).unwrap();
    assert!(token.trim().len() >= 43, "32 random bytes");
    place.run(&["init"]).fails(5, "conflict");
    assert_eq!(std::fs::read_to_string(place.home().join("operator.token")).unwrap(), token, "nothing was changed");
    for (args, code) in [
        (&["--public-url", "http://a.example"][..], "usage"),
        (&["--listen", "0.0.0.0:1"], "usage"),
        (&["--public-url", "ftp://a"], "usage"),
    ] {
        place.run(&[&["init", "--home", "other"], args].concat()).fails(2, code);
        assert!(!place.path("other").exists());
    }
}

#[test]
fn without_a_server_commands_say_so_and_a_loose_token_is_refused() {
    let mut place = Place::new();
    place.url = Some("http://127.0.0.1:9".to_owned());
    let envelope = place.run(&["runs", "list"]).fails(7, "unreachable");
    assert_eq!(envelope["error"]["retryable"], true);
    let token = place.home().join("operator.token");
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o644)).unwrap();
    place.run(&["runs", "list"]).fails(4, "insecure_file");
    place.run(&["doctor"]).fails(1, "blocked");
}

#[test]
fn another_token_is_not_allowed() {
    let mut place = Place::new();
    let _server = Server::start(&mut place);
    let output = place.command(&["runs", "list"]).env("SORTIE_TOKEN", "another").output().unwrap();
    assert_eq!(output.status.code(), Some(4));
    assert!(!String::from_utf8_lossy(&output.stdout).contains("another\""), "the token that was given is not repeated");
    let envelope: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(envelope["error"]["code"], "unauthorized");
}

#[test]
fn flow_check_names_file_line_and_place_offline() {
    let place = Place { folder: tempfile::tempdir().unwrap(), url: None };
    let broken = place.flow("broken", "flow(name = \"x\", input = {})\ndef run(ctx, input):\n    return nothing_here\n");
    let envelope = place.run(&["flow", "check", &broken]).fails(1, "flow_invalid");
    let diagnostic = &envelope["error"]["details"]["diagnostics"][0];
    assert_eq!((diagnostic["file"].as_str(), diagnostic["line"].as_u64()), (Some("flow.star"), Some(3)), "{diagnostic}");
    let text = place.run(&["flow", "check", &broken, "--text"]);
    assert!(text.code == 1 && text.stderr.contains("flow.star:3:12") && text.stderr.contains("^^^"), "{}", text.stderr);
    let good = place.flow("good", ADDS);
    assert_eq!(place.run(&["flow", "check", &good]).data()["manifest"]["name"], "adds");
    place.run(&["flow", "check", "nowhere"]).fails(3, "not_found");
}

#[test]
fn the_same_key_makes_one_run_and_another_request_under_it_is_refused() {
    let mut place = Place::new();
    let _server = Server::start(&mut place);
    let flow = place.flow("adds", ADDS);
    place.run(&["flow", "push", &flow]).data();
    place.run(&["run", "adds", "--input", "{\"a\": 1}"]).fails(3, "not_found");
    place.run(&["run", "adds", "--draft", "--input", "{\"a\": \"1\"}"]).fails(2, "invalid_input");
    assert_eq!(place.run(&["flow", "release", "adds", "--notes", "first"]).data()["number"], 1);
    let run = |input: &str| place.run(&["run", "adds", "--input", input, "--idempotency-key", "k-1"]);
    let (first, second) = (run("{\"a\": 41}").json(), run("{\"a\": 41}").json());
    assert_eq!(first["data"]["id"], second["data"]["id"]);
    assert_eq!((&first["meta"]["replayed"], &second["meta"]["replayed"]), (&Value::Null, &json!(true)));
    assert_eq!(first["meta"]["idempotency_key"], "k-1");
    run("{\"a\": 42}").fails(5, "idempotency_key_reused");
    assert_eq!(place.run(&["runs", "list"]).data()["runs"].as_array().unwrap().len(), 1);
    let waited = place.run(&["run", "adds", "--input", "{\"a\": 1}", "--wait", "--timeout", "60s"]).json();
    assert_eq!((&waited["data"]["state"], &waited["data"]["value"]), (&json!("succeeded"), &json!({"sum": 2})));
    assert!(waited["meta"]["idempotency_key"].as_str().unwrap().starts_with("cli-"), "one is made where none is given");
    let id = waited["data"]["id"].as_str().unwrap();
    assert_eq!(place.run(&["runs", "show", &id[id.len() - 12..]]).data()["id"], id, "the end of an id is enough");
    // Ids begin with their time: what two runs share depends on how far apart they were made.
    let other = first["data"]["id"].as_str().unwrap();
    let shared = id.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    place.run(&["runs", "show", &id[..shared]]).fails(2, "ambiguous");
    place.run(&["runs", "show", "run_zzz"]).fails(3, "not_found");
}

#[test]
fn a_push_over_somebody_elses_is_a_conflict_that_names_both() {
    let mut place = Place::new();
    let _server = Server::start(&mut place);
    let (mine, theirs) = (place.flow("mine", ADDS), place.flow("theirs", &ADDS.replace("Adds one", "Adds one, theirs")));
    let base = place.run(&["flow", "push", &mine]).data()["draft"].as_str().unwrap().to_owned();
    assert_eq!(place.run(&["flow", "push", &mine]).data()["changed"], false);
    let present = place.run(&["flow", "push", &theirs, "--base", &base]).data()["draft"].clone();
    std::fs::write(place.path("mine/flow.star"), ADDS.replace("Adds one", "Adds one, mine")).unwrap();
    let envelope = place.run(&["flow", "push", &mine]).fails(5, "conflict");
    assert_eq!(envelope["error"]["details"], json!({ "base": base, "present": present }));
    assert_eq!(place.run(&["flow", "show", "adds"]).data()["draft"], present, "nothing was written");
    assert_eq!(place.run(&["flow", "push", &mine, "--force"]).data()["changed"], true);
    let reserved = place.flow("reserved", &ADDS.replace("\"adds\"", "\"launch\""));
    place.run(&["flow", "push", &reserved]).fails(4, "forbidden");
}

#[test]
fn a_waiting_run_is_watched_answered_and_its_history_fits_the_schema() {
    let mut place = Place::new();
    let server = Server::start(&mut place);
    let flow = place.flow("waits", WAITS);
    place.run(&["flow", "push", &flow]).data();
    let late = place.run(&["run", "waits", "--draft", "--wait", "--timeout", "1s"]).fails(124, "still_running");
    let run = late["error"]["details"]["run"].as_str().unwrap().to_owned();
    assert_eq!(late["meta"]["next"][0]["argv"], json!(["sortie", "runs", "watch", run]));
    let shown = place.run(&["runs", "show", &run]).data();
    assert_eq!(shown["state"], "waiting");
    let wait = shown["steps"][0]["wait"].as_str().unwrap();

    let handed = place.run(&["waits", "credentials", wait, "--out", "answer.curl"]);
    assert_eq!(handed.data()["run"], run.as_str());
    let file = place.path("answer.curl");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    place.run(&["waits", "credentials", wait, "--out", "answer.curl"]).fails(2, "usage");
    let config = std::fs::read_to_string(&file).unwrap();
    let token = config.split("Bearer ").nth(1).unwrap().split('"').next().unwrap();
    let signature = config.split("sig=").nth(1).unwrap().split('"').next().unwrap();
    let tokens = place.run(&["token", "show", &run]);
    assert_eq!(tokens.data()["waits"][0]["wait"], wait);
    for secret in [token, signature] {
        for printed in [&tokens.stdout, &handed.stdout, &handed.stderr, &server.logged()] {
            assert!(!printed.contains(secret), "a secret was printed");
        }
        let store = std::fs::read(place.home().join("sortie.db")).unwrap();
        let log = std::fs::read(place.home().join("sortie.db-wal")).unwrap_or_default();
        assert!(![store, log].iter().any(|bytes| bytes.windows(secret.len()).any(|at| at == secret.as_bytes())), "a secret was stored");
    }
    verify(&place, token);

    let cancelled = place.run(&["runs", "cancel", &run, "--reason", "not needed"]).data();
    assert_eq!(cancelled["changed"], true);
    let watched = place.run(&["runs", "watch", &run, "--timeout", "60s"]);
    let lines: Vec<Value> = watched.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((watched.code, lines.last().unwrap()["error"]["code"].as_str()), (1, Some("run_failed")), "{}", watched.stdout);
    assert_eq!(lines[0]["kind"], "run_created");
    assert_eq!(place.run(&["runs", "cancel", &run]).data()["changed"], false, "cancelling twice is a success");

    let schema: Value = serde_json::from_str(&place.run(&["schema", "history"]).stdout).unwrap();
    let history = place.run(&["runs", "history", &run]).json();
    let errors: Vec<String> = jsonschema::validator_for(&schema).unwrap().iter_errors(&history).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    let seqs: Vec<u64> = history["data"]["events"].as_array().unwrap().iter().filter_map(|event| event["seq"].as_u64()).collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
}

/// The token of the wait, checked with a JWKS file alone.
fn verify(place: &Place, token: &str) {
    let jwks = place.run(&["keys", "jwks"]).stdout;
    std::fs::write(place.path("jwks.json"), &jwks).unwrap();
    let installation = place.run(&["status"]).data()["installation"]["id"].as_str().unwrap().to_owned();
    // No home at all: nothing but the file.
    let elsewhere = Place { folder: tempfile::tempdir().unwrap(), url: None };
    let jwks = place.path("jwks.json").display().to_string();
    let check = |issuer: &str, audience: &str, token: &str| {
        elsewhere.run_with(&["token", "verify", "--jwks", &jwks, "--issuer", issuer, "--audience", audience], token.as_bytes())
    };
    let good = check(&installation, "http://127.0.0.1:9", token).data();
    assert_eq!((&good["valid"], &good["claims"]["scope"]), (&json!(true), &json!("wait")));
    let claim = |ran: cli_harness::Ran| ran.fails(1, "token_invalid")["error"]["details"]["claim"].clone();
    assert_eq!(claim(check("inst_other", "http://127.0.0.1:9", token)), "iss");
    assert_eq!(claim(check(&installation, "https://other.example", token)), "aud");
    let (head, signature) = token.rsplit_once('.').unwrap();
    let other = if signature.starts_with('A') { "B" } else { "A" };
    let forged = check(&installation, "http://127.0.0.1:9", &format!("{head}.{other}{}", &signature[1..]));
    assert_eq!(forged.fails(1, "token_invalid")["error"]["details"]["check"], "signature");
}

#[test]
fn keys_rotate_and_are_revoked_only_when_meant() {
    let place = Place::new();
    let before = place.run(&["keys", "list"]).data();
    let old = before["keys"][0]["kid"].as_str().unwrap().to_owned();
    let changed = place.run(&["keys", "rotate"]).data();
    assert_eq!(changed["retired"][0], old.as_str());
    let after = place.run(&["keys", "list"]).data();
    assert_eq!((&after["keys"][0]["state"], &after["keys"][1]["state"]), (&json!("retired"), &json!("active")));
    place.run(&["keys", "revoke", &old]).fails(2, "usage");
    assert_eq!(place.run(&["keys", "revoke", &old, "--yes"]).data()["changed"], true);
    assert_eq!(place.run(&["keys", "revoke", &old, "--yes"]).data()["changed"], false);
    place.run(&["keys", "revoke", "key_none", "--yes"]).fails(3, "not_found");
    let jwks: Value = serde_json::from_str(&place.run(&["keys", "jwks"]).stdout).unwrap();
    assert_eq!(jwks["keys"].as_array().unwrap().len(), 1, "a revoked key is not handed out");
    let ring = std::fs::read_to_string(place.home().join("keys/ring.json")).unwrap();
    let ring: Value = serde_json::from_str(&ring).unwrap();
    let seed = ring["keys"].as_array().unwrap().iter().find_map(|key| key["seed"].as_str()).unwrap();
    for args in [&["keys", "list"][..], &["keys", "jwks"], &["keys", "rotate"], &["doctor"]] {
        assert!(!place.run(args).stdout.contains(seed), "{args:?} printed a private key");
    }
}

#[test]
fn f004_a_server_with_a_watcher_stops_at_once_and_the_list_pages_with_its_filters() {
    let mut place = Place::new();
    let server = Server::start(&mut place);
    let flow = place.flow("waits", WAITS);
    place.run(&["flow", "push", &flow]).data();
    let run = place.run(&["run", "waits", "--draft"]).data()["id"].as_str().unwrap().to_owned();
    place.run(&["run", "waits", "--draft"]).data();
    let page = place.run(&["runs", "list", "--flow", "waits", "--limit", "1"]).json();
    let next: Vec<&str> = page["meta"]["next"][0]["argv"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(next.ends_with(&["--flow", "waits"]), "{next:?}");
    let older = place.run(&next[1..]).data();
    assert_eq!((&older["runs"][0]["id"], &older["more"]), (&json!(run), &json!(false)));
    let mut watcher = place.command(&["runs", "watch", &run, "--timeout", "20s"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut seen = std::io::BufRead::lines(std::io::BufReader::new(watcher.stdout.take().unwrap()));
    assert!(seen.any(|line| line.unwrap().contains("step_scheduled")), "it watches");
    let (took, code) = server.terminate();
    assert_eq!(code, Some(0));
    assert!(took < std::time::Duration::from_secs(10), "{took:?}");
    watcher.kill().unwrap();
    watcher.wait().unwrap();
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn f118_a_launched_command_cannot_write_to_the_operators_terminal() {
    let callbacks = format!("127.0.0.1:{}", free_port());
    let (mut place, made) = Place::with(&callbacks, &format!("http://{callbacks}"));
    let _server = Server::start(&mut place);
    let vm = place.path("vm");
    std::fs::create_dir(&vm).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let authorized = sortie_keys::ssh::Identity::load(&place.home().join("ssh/id_ed25519"), None).unwrap();
    assert_eq!(made["ssh_public_key"], authorized.public_line());
    let host = runtime.block_on(sortie::ssh::embedded::EmbeddedHost::start(&vm, authorized.public_key().clone())).unwrap();
    let target = format!("me@127.0.0.1:{}", host.port);
    let root = vm.join("state").display().to_string();

    let refused = place.run(&["host", "add", "vm", &target, "--root", &root]).fails(4, "host_untrusted");
    let fingerprint = refused["error"]["details"]["offered"]["fingerprint"].as_str().unwrap().to_owned();
    assert_eq!(refused["meta"]["next"][0]["argv"], json!(["sortie", "host", "add", "vm", target, "--host-key-fingerprint", fingerprint]));
    let wrong = format!("SHA256:{}", "A".repeat(43));
    place.run(&["host", "add", "vm", &target, "--root", &root, "--host-key-fingerprint", &wrong]).fails(4, "host_untrusted");
    assert_eq!(place.run(&["host", "list"]).data()["hosts"], json!([]));
    let added =
        place.run(&["host", "add", "vm", &target, "--root", &root, "--label", "gpu", "--host-key-fingerprint", &fingerprint]).data();
    assert_eq!((&added["host_keys"][0]["fingerprint"], &added["labels"]), (&json!(fingerprint), &json!(["gpu"])));
    place.run(&["host", "add", "vm", &target, "--host-key-fingerprint", &fingerprint]).fails(5, "conflict");
    assert!(place.run(&["host", "test", "vm"]).data()["phases"]["login_ms"].is_u64());

    let script = r"printf 'a\033[2Jb\033]0;t\007c\302\233m \342\200\256d\n'";
    let done = place.run(&["launch", "--on", "label:gpu", "--env", "X=1", "--wait", "--timeout", "60s", "--", "sh", "-c", script]).data();
    assert_eq!((&done["state"], &done["value"]["exit_code"]), (&json!("succeeded"), &json!(0)), "{done}");
    let run = done["id"].as_str().unwrap();
    let text = place.run(&["runs", "logs", run, "--text"]);
    assert_eq!((text.code, text.stdout.as_str()), (0, "abc d\n"), "{}", text.stderr);
    let raw = place.run(&["runs", "logs", run, "--raw"]);
    assert_eq!(raw.stdout, "a\u{1b}[2Jb\u{1b}]0;t\u{7}c\u{9b}m \u{202e}d\n");
    for args in [
        &["runs", "show", run][..],
        &["runs", "logs", run],
        &["runs", "history", run],
        &["runs", "show", run, "--text"],
        &["runs", "history", run, "--text"],
    ] {
        let printed = place.run(args).stdout;
        let bad = printed.chars().find(|c| (c.is_control() && *c != '\n') || ('\u{202a}'..='\u{202e}').contains(c));
        assert_eq!(bad, None, "{args:?} {printed:?}");
    }
    assert_eq!(place.run(&["runs", "logs", run]).data()["text"], raw.stdout, "JSON carries the text whole");

    let failed = place.run(&["launch", "--on", "vm", "--wait", "--timeout", "60s", "--", "sh", "-c", "exit 3"]).fails(1, "run_failed");
    assert_eq!(failed["error"]["details"]["run"]["failure"]["kind"], "check", "{failed}");
    let tokens = place.run(&["token", "show", run]).data();
    let came_back: Vec<&str> =
        tokens["attempts"][0]["callbacks"].as_array().unwrap().iter().filter_map(|row| row["outcome"].as_str()).collect();
    assert!(came_back.contains(&"accepted"), "{tokens}");
    assert_eq!(tokens["attempts"][0]["key_state"], "active");
    assert!(!tokens.to_string().contains("sig="), "no signature is shown");
    assert_eq!(place.run(&["host", "remove", "vm"]).data()["removed"], true);
    host.shutdown();
}

#[test]
fn a_host_that_is_not_there_and_one_that_nobody_vouches_for() {
    let mut place = Place::new();
    let _server = Server::start(&mut place);
    assert_eq!(place.run(&["host", "list"]).data()["hosts"], json!([]));
    place.run(&["host", "show", "vm"]).fails(3, "not_found");
    place.run(&["launch", "--on", "vm", "--", "true"]).fails(3, "not_found");
    place.run(&["host", "add", "vm", "me@127.0.0.1:9"]).fails(7, "unreachable");
    place.run(&["host", "add", "Big", "me@127.0.0.1:9", "--trust-on-first-use"]).fails(2, "usage");
}
