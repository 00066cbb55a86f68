//! A run goes from one installation to another as a file.

use serde_json::{Value, json};
use sortie_tests::installation::Installation;
use sortie_tests::run::Run;
use sortie_tests::world::World;
use sortie_tests::{flows, limits, wait};

const ASK: &str = r#"
flow(name = "ask", description = "One answer", deadline = "10m")

def run(ctx, input):
    first = wait("first", auth = "operator", timeout = "5m")
    return {"first": first.value}
"#;

fn server() -> Installation {
    let mut it = Installation::new(|port| port);
    it.start();
    it
}

#[test]
fn a_run_with_a_job_comes_back_on_another_installation() {
    let world = World::new();
    let there = server();
    let run = world.job("once", "exit 0");
    let end = run.ended(&world.it);
    let file = world.it.folder().join("run.json");
    let file = file.to_str().unwrap();
    assert_eq!(world.it.cli(&["runs", "export", &run.id, "-o", file]).code, 0);
    let here = world.it.cli(&["runs", "import", file]);
    assert_eq!((here.code, here.error()), (5, "conflict"), "it is still there: {}", here.json);
    let imported = there.cli(&["runs", "import", file, "--idempotency-key", "once"]);
    assert_eq!((&imported.data()["id"], &imported.data()["state"]), (&json!(run.id), &end["state"]), "{}", imported.json);
    assert_eq!(imported.data()["imported_from"], world.it.made["installation"]);
    let next: Vec<&str> = imported.json["meta"]["next"].as_array().unwrap().iter().map(|next| next["argv"][2].as_str().unwrap()).collect();
    assert_eq!(next, ["show", "history", "replay"], "{}", imported.json);
    assert_eq!(run.history(&there), run.history(&world.it));
    let rows = |it: &Installation| {
        let shown = run.shown(it);
        (shown["steps"].clone(), shown["attempts"][0]["id"].clone(), shown["attempts"][0]["state"].clone(), shown["value"].clone())
    };
    assert_eq!(rows(&there), rows(&world.it));
    let replayed = there.cli(&["runs", "replay", &run.id]);
    assert_eq!(replayed.data()["matches"], true, "{}", replayed.json);
    let same = there.cli(&["runs", "import", file, "--idempotency-key", "once"]);
    assert_eq!(same.json["meta"]["replayed"], true, "the same request has the same answer: {}", same.json);
    let again = there.cli(&["runs", "import", file]);
    assert_eq!((again.code, again.error()), (5, "conflict"), "{}", again.json);
    let audit = there.look("/v1/audit").unwrap();
    assert!(audit["actions"].as_array().unwrap().iter().any(|row| row["path"] == "/v1/runs/import" && row["status"] == 200), "{audit}");
}

#[test]
fn a_run_that_is_open_or_whose_file_was_changed_is_not_imported() {
    let (it, there) = (server(), server());
    flows::publish(&it, "ask", ASK);
    let run = Run::start(&it, "ask", &json!({}));
    let wait = wait::until("the answer is waited for", limits::SOON, || {
        it.look("/v1/waits")?["waits"].as_array()?.iter().find_map(|row| row["wait"].as_str().map(str::to_owned))
    });
    let file = |name: &str| it.folder().join(name).to_str().unwrap().to_owned();
    assert_eq!(it.cli(&["runs", "export", &run.id, "-o", &file("open.json")]).code, 0);
    let open = there.cli(&["runs", "import", &file("open.json")]);
    assert_eq!((open.code, open.error()), (2, "usage"));
    assert!(open.json["error"]["message"].as_str().unwrap().contains("export it when it is over"), "{}", open.json);
    assert_eq!(it.cli(&["waits", "answer", &wait, "--value", "7"]).code, 0);
    assert_eq!(run.ended(&it)["state"], "succeeded");
    assert_eq!(it.cli(&["runs", "export", &run.id, "-o", &file("whole.json")]).code, 0);
    let mut whole: Value = serde_json::from_str(&std::fs::read_to_string(file("whole.json")).unwrap()).unwrap();
    let mut gap = whole.clone();
    gap["events"].as_array_mut().unwrap().remove(1);
    std::fs::write(file("gap.json"), gap.to_string()).unwrap();
    let refused = there.cli(&["runs", "import", &file("gap.json")]);
    assert_eq!((refused.code, refused.error()), (2, "usage"), "{}", refused.json);
    assert!(there.look("/v1/runs").unwrap()["runs"].as_array().unwrap().is_empty(), "nothing of it was written");
    // More than any other request may have.
    let body = "AAAA".repeat(9 << 18);
    let callback = json!({ "subject": "wait_x", "id": "i", "digest": "d", "outcome": "late", "at": 1, "body": body });
    whole["callbacks"].as_array_mut().unwrap().push(callback);
    std::fs::write(file("long.json"), whole.to_string()).unwrap();
    let taken = there.cli(&["runs", "import", &file("long.json")]);
    assert_eq!(taken.code, 0, "a large file is taken: {}", taken.json["error"]);
    assert_eq!(run.history(&there), run.history(&it));
}
