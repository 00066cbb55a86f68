//! Files of jobs on their way to the server: uploaded, referred to, fetched; and what happens when somebody dies in between.

use serde_json::{Value, json};
use sortie_tests::callbacks::{Callback, exited};
use sortie_tests::run::Run;
use sortie_tests::world::{Setup, World};
use sortie_tests::{flows, limits, wait};
use std::process::Command;

const KEEPS: &str = r#"
flow(name = "keeps", description = "Files of a job", input = {"script": str}, deadline = "10m")

def run(ctx, input):
    r = job("make", on = "vm", command = ["/bin/sh", "-c", input["script"]], timeout = "5m", heartbeat = "1s", grace = "1s",
            artifacts = ["out/report.html", "link", "absent"])
    return {"ok": r.ok, "kept": r.artifacts, "result": r.result, "error": r.error.kind if r.error else None}
"#;

fn keeps(world: &World, script: &str) -> Run {
    flows::publish(&world.it, "keeps", KEEPS);
    Run::start(&world.it, "keeps", &json!({ "script": script }))
}

/// What the run's only result says of its files.
fn artifacts(world: &World, run: &Run) -> Value {
    run.event(&world.it, "attempt_result")["result"]["artifacts"].clone()
}

fn fetched(world: &World, resource: &str) -> String {
    let file = world.scratch("fetched");
    let _ = world.it.cli(&["resource", "get", resource, "-o", file.to_str().unwrap()]).data();
    std::fs::read_to_string(file).unwrap()
}

#[test]
fn f106_files_of_a_job_are_kept_and_what_leads_outside_is_not() {
    let world = World::new();
    let secret = world.scratch("secret");
    std::fs::write(&secret, "secret").unwrap();
    let script = format!("mkdir out; printf '<script>1</script>' > out/report.html; ln -s {} link", secret.display());
    let run = keeps(&world, &script);
    let shown = run.ended(&world.it);
    assert_eq!(shown["value"]["kept"], json!(["out/report.html"]), "{shown:#}");
    let found = artifacts(&world, &run);
    assert!(found["link"]["missing"].as_str().unwrap().contains("symbolic link"), "{found:#}");
    assert!(found["absent"]["missing"].as_str().unwrap().contains("no such file"), "{found:#}");
    let resource = found["out/report.html"]["resource"].as_str().unwrap();
    assert_eq!(fetched(&world, resource), "<script>1</script>");
    let list = world.it.cli(&["resource", "list", "--run", &run.id]);
    assert_eq!(list.data()["resources"].as_array().unwrap().len(), 1, "{}", list.json);
    let link = world.it.cli(&["resource", "link", resource, "--expires", "1m"]);
    let url = link.data()["url"].as_str().unwrap();
    let get = |url: &str| {
        let output = Command::new("curl").args(["-sSi", url]).output().expect("curl is missing: run tests/install");
        String::from_utf8_lossy(&output.stdout).to_lowercase()
    };
    let answer = get(url);
    assert!(answer.starts_with("http/1.1 200") && answer.ends_with("<script>1</script>"), "{answer}");
    for header in ["content-disposition: attachment;", "x-content-type-options: nosniff", "sandbox", "application/octet-stream"] {
        assert!(answer.contains(header), "{header} in {answer}");
    }
    assert!(get(&url.replace("exp=", "exp=1")).starts_with("http/1.1 404"), "a link that was changed is none");
}

#[test]
fn f106_a_machine_that_says_it_kept_files_elsewhere_is_not_believed() {
    let world = World::new();
    let run = keeps(&world, &world.gate("go"));
    let attempt = run.attempt(&world.it);
    let _ = run.event(&world.it, "attempt_started");
    let long = "x".repeat(5_000);
    let names =
        ["../../../../evil", "/etc/evil", "a/../../evil", "evil/..", "..", ":result", ":checkpoint", "evil\0", "\x1b[31mevil", &long];
    let mut notes: Vec<Value> = names.iter().map(|name| json!({ "name": name, "sha256": "../../../../evil", "size": 1 })).collect();
    notes.push(json!({ "name": "out/report.html", "sha256": "0".repeat(64), "size": 1 }));
    let mut lie = exited(0, json!("kept"));
    lie["artifacts"] = json!(notes);
    let posted = Callback::result(&world.it.home, &world.root, &attempt, 900, &lie);
    assert_eq!(posted.outcome(world.it.callbacks), (200, "accepted".to_owned()), "it is signed as the shim's");
    let shown = run.ended(&world.it);
    assert_eq!((&shown["value"]["kept"], &shown["value"]["ok"]), (&json!([]), &json!(true)), "{shown:#}");
    let found = artifacts(&world, &run);
    let mut said: Vec<&String> = found.as_object().unwrap().keys().collect();
    said.sort();
    assert_eq!(said, ["absent", "link", "out/report.html"], "{found:#}");
    assert!(found["out/report.html"]["missing"].as_str().unwrap().contains("this server does not have it"), "{found:#}");
    let list = world.it.cli(&["resource", "list", "--run", &run.id]);
    assert_eq!(list.data()["resources"], json!([]), "{}", list.json);
    for name in ["..%2F..%2F..%2F..%2Fevil", "../../../../evil", "%2Fetc%2Fevil"] {
        let got = world.it.cli(&["resource", "get", &format!("res://{}/{attempt}/{name}", run.id), "-o", "-"]);
        assert!(matches!(got.error(), "not_found" | "usage"), "{name}: {}", got.json);
    }
    let written = Command::new("find").arg(world.it.folder()).args(["-name", "*evil*"]).output().unwrap();
    assert!(written.stdout.is_empty() && !std::path::Path::new("/etc/evil").exists(), "{}", String::from_utf8_lossy(&written.stdout));
    world.open_gate("go");
}

#[test]
fn a_result_over_the_inline_limit_is_a_reference_wherever_it_was_made_one() {
    let world = World::new();
    // The first is posted whole and kept by the server, the second is uploaded by the shim.
    for size in [100_000, 600_000] {
        let run = keeps(&world, &format!("(printf '\"'; head -c {size} /dev/zero | tr '\\0' x; printf '\"') > $SORTIE_RESULT"));
        let shown = run.ended(&world.it);
        let resource = shown["value"]["result"]["resource"].as_str().unwrap_or_else(|| panic!("{shown:#}"));
        assert!(resource.ends_with("/%3Aresult"), "{resource}");
        assert_eq!(fetched(&world, resource), format!("\"{}\"", "x".repeat(size)));
    }
}

#[test]
fn f103_a_server_killed_in_the_middle_of_an_upload_gets_the_rest_of_it() {
    let mut world = World::new();
    flows::publish(&world.it, "keeps", KEEPS);
    for point in ["piece_kept:2", "blob_kept"] {
        world.it.stop();
        world.it.start_to_die_at(point);
        world.it.ready();
        let run =
            Run::start(&world.it, "keeps", &json!({ "script": "mkdir out; head -c 1500000 /dev/zero | tr '\\0' x > out/report.html" }));
        wait::holds("the server dies", limits::SOON, || !world.it.runs());
        let _ = world.it.ended();
        world.it.start();
        let shown = run.ended(&world.it);
        assert_eq!(shown["value"]["kept"], json!(["out/report.html"]), "{point}: {shown:#}");
        let resource = artifacts(&world, &run)["out/report.html"]["resource"].as_str().unwrap().to_owned();
        assert_eq!(fetched(&world, &resource), "x".repeat(1_500_000), "{point}");
        run.assert_ended_once(&world.it);
    }
}

#[test]
fn f103_a_shim_killed_in_the_middle_of_an_upload_is_followed_by_one_that_goes_on() {
    let world = World::with(Setup { dying_shim: true, ..Setup::default() });
    std::fs::write(world.root.join("failpoint"), "piece.sent:2").unwrap();
    let run = keeps(&world, "mkdir out; head -c 1500000 /dev/zero | tr '\\0' x > out/report.html");
    wait::holds("the shim dies", limits::RETRIED, || !world.root.join("failpoint").exists());
    let shown = run.ended(&world.it);
    assert_eq!(shown["value"]["kept"], json!(["out/report.html"]), "{shown:#}");
    run.assert_ended_once(&world.it);
}
