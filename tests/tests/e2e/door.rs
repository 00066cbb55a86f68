//! What a job says, keeps and asks through its own door, and what comes of it here.

use serde_json::json;
use sortie_tests::world::World;
use sortie_tests::{limits, wait};

#[test]
fn a_job_reports_keeps_a_file_and_leaves_its_result_through_its_door() {
    let world = World::new();
    let script = "set -e
        sortie-shim progress '{\"step\": 1}'; echo kept > note; sortie-shim artifact note --name notes/one; rm note
        sortie-shim result '{\"answer\": 42}'";
    let run = world.job("door", script);
    let shown = run.ended(&world.it);
    assert_eq!((&shown["state"], &shown["value"]["result"]), (&json!("succeeded"), &json!({ "answer": 42 })), "{shown:#}");
    let kept = run.event(&world.it, "attempt_result")["result"]["artifacts"]["notes/one"].clone();
    assert_eq!(kept["size"], 5, "{kept:#}");
    let file = world.scratch("kept");
    let _ = world.it.cli(&["resource", "get", kept["resource"].as_str().unwrap(), "-o", file.to_str().unwrap()]).data();
    assert_eq!(std::fs::read_to_string(file).unwrap(), "kept\n");
}

#[test]
fn a_question_from_inside_a_job_is_an_approval_like_any_other() {
    let world = World::new();
    let run = world.job("asks", "sortie-shim ask 'Deploy?' --message 'to production' --timeout 5m > answer; echo $? >> answer; cat answer");
    let row =
        wait::until("the approval is there", limits::SOON, || world.it.look("/v1/approvals")?["approvals"].as_array()?.first().cloned());
    let (id, revision) = (row["id"].as_str().unwrap().to_owned(), row["revision"].to_string());
    let shown = world.it.cli(&["approval", "show", &id]);
    assert_eq!(shown.data()["title"], "Deploy?", "{}", shown.json);
    let _ = world.it.cli(&["approval", "reject", &id, "--revision", &revision, "--comment", "not today"]).data();
    let ended = run.ended(&world.it);
    let output = ended["value"]["output"].as_str().unwrap_or_default().to_owned();
    assert!(output.contains("\"rejected\"") && output.contains("not today") && output.trim_end().ends_with('6'), "{ended:#}");
}
