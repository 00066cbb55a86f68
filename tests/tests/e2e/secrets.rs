//! A secret reaches the job that is given it, and is nowhere else: not at rest, not logged, not shown (I16, F105).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use sortie_tests::run::Run;
use sortie_tests::world::World;
use sortie_tests::{cli, flows, limits, processes, wait};
use std::path::{Path, PathBuf};

const CANARY: &str = "canary-4f1d90c2e7ab53886d0a";

const LEAKS: &str = r#"
flow(name = "leaks", description = "A job that prints what it was given", input = {"script": str}, deadline = "10m")

def run(ctx, input):
    r = job("leak", on = "vm", command = ["/bin/sh", "-c", input["script"]], timeout = "5m", heartbeat = "1s",
            env = {"TOKEN": secret("canary")})
    log("it said %s and %s" % (r.output, r.result))
    return {"ok": r.ok, "output": r.output, "result": r.result}
"#;

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) { files(&path, into) } else { into.push(path) }
    }
}

fn assert_not_at_rest(world: &World, canaries: &[(&str, String)]) {
    let mut kept = Vec::new();
    files(&world.it.home, &mut kept);
    assert!(kept.iter().any(|path| path.ends_with("sortie.db")), "{kept:?}");
    for path in kept {
        // A file of the store may be gone between the listing and the reading.
        let bytes = std::fs::read(&path).unwrap_or_default();
        for (name, canary) in canaries {
            assert!(!processes::contains(&bytes, canary.as_bytes()), "the secret ({name}) is in {}", path.display());
        }
    }
}

/// A world with the secret `canary` and the flow `leaks`; what must not be found of it, by name.
fn leaking() -> (World, [(&'static str, String); 2]) {
    let world = World::new();
    let file = world.scratch("canary");
    std::fs::write(&file, CANARY).unwrap();
    let _ = cli::run_reading(&world.it.home, &file, &["secret", "set", "canary"]).data();
    flows::publish(&world.it, "leaks", LEAKS);
    (world, [("plain", CANARY.to_owned()), ("base64", STANDARD.encode(CANARY))])
}

#[test]
fn f105_a_secret_reaches_its_job_and_is_in_no_file_log_history_or_output() {
    let (mut world, canaries) = leaking();
    let copy = world.scratch("copy");
    let script = format!("printf %s \"$TOKEN\" > {}.new; mv {0}.new {0}\n", copy.display())
        + "echo \"plain $TOKEN\"; printf %s \"$TOKEN\" | base64 -w0; echo; echo \"to the error stream: $TOKEN\" >&2\n"
        + &world.gate("go")
        + "printf '{\"said\": \"%s\"}' \"$TOKEN\" > \"$SORTIE_RESULT\"";
    let run = Run::start(&world.it, "leaks", &json!({ "script": script }));
    wait::holds("the job has its secret", limits::SOON, || copy.exists());
    assert_eq!(std::fs::read_to_string(&copy).unwrap(), CANARY);
    for process in processes::all() {
        assert!(!processes::contains(&process.arguments, CANARY.as_bytes()), "the secret is in the arguments of {}", process.line());
    }
    assert_not_at_rest(&world, &canaries);
    let said = |stream: &[&str]| {
        wait::until("the job's output is there", limits::SOON, || {
            let answer = world.it.cli(&[&["runs", "logs", run.id.as_str()][..], stream].concat());
            answer.json["data"]["text"].as_str().filter(|text| !text.is_empty()).map(|_| answer.json.to_string())
        })
    };
    let mut shown = vec![said(&[]), said(&["--stderr"])];
    assert!(shown[0].contains("plain ") && shown[1].contains("to the error stream"), "what is no secret is shown: {shown:?}");
    world.open_gate("go");
    let ended = run.ended(&world.it);
    assert_eq!(ended["value"]["ok"], true, "{ended:#}");
    assert!(ended["value"]["output"].as_str().unwrap().contains("plain "), "{ended:#}");
    shown.extend([said(&[]), ended.to_string(), json!(run.history(&world.it)).to_string(), world.it.log(), world.sshd.log()]);
    let asked = [vec!["runs", "explain", &run.id], vec!["secret", "list"], vec!["runs", "history", &run.id], vec!["doctor"]];
    shown.extend(asked.iter().map(|args| world.it.cli(args).json.to_string()));
    for (name, canary) in &canaries {
        for text in &shown {
            assert!(!text.contains(canary.as_str()), "the secret ({name}) is shown: {text}");
        }
    }
    assert_not_at_rest(&world, &canaries);
    world.it.stop();
    assert_not_at_rest(&world, &canaries);
}

#[test]
fn f105_a_secret_that_is_written_in_two_pieces_is_masked_over_the_border_of_chunks() {
    let (mut world, canaries) = leaking();
    // Each gate is opened only when what stands before it is shown: so it was in a chunk of its own.
    let in_two = |name: &str, word: &str| {
        let halves = format!("word={word}; front=${{word%??????????}}; printf '{name} <%s' \"$front\"\n");
        halves + &world.gate(name) + "printf '%s>\\n' \"${word#\"$front\"}\"\n"
    };
    let script = in_two("plain", "$TOKEN") + &in_two("base64", "$(printf %s \"$TOKEN\" | base64 -w0)") + "echo the end\n";
    let run = Run::start(&world.it, "leaks", &json!({ "script": script }));
    let shown = |world: &World| {
        let answer = world.it.cli(&["runs", "logs", &run.id]);
        answer.json["data"]["text"].as_str().unwrap_or_default().to_owned()
    };
    let mut texts = Vec::new();
    for name in ["plain", "base64"] {
        let text = wait::until("the first half was taken", limits::SOON, || {
            Some(shown(&world)).filter(|text| text.contains(&format!("{name} <")))
        });
        texts.push(text);
        world.open_gate(name);
    }
    let ended = run.ended(&world.it);
    assert_eq!(ended["value"]["ok"], true, "{ended:#}");
    wait::holds("all of it is shown", limits::SOON, || shown(&world).contains("the end"));
    texts.push(shown(&world));
    let stars = |canary: &str| "*".repeat(canary.len());
    let expected = format!("plain <{}>\nbase64 <{}>\nthe end\n", stars(&canaries[0].1), stars(&canaries[1].1));
    assert_eq!(texts.last(), Some(&expected));
    for (name, canary) in &canaries {
        // Nor a half of it: whoever reads along sees nothing that the end takes back.
        let (front, back) = canary.split_at(canary.len() - 10);
        for text in &texts {
            assert!(!text.contains(front) && !text.contains(back), "a part of the secret ({name}) is shown: {text}");
        }
    }
    assert_not_at_rest(&world, &canaries);
    world.it.stop();
    assert_not_at_rest(&world, &canaries);
}
