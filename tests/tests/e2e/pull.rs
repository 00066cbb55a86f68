//! Hosts that cannot post: everything comes over SSH, on the server's schedule, and nothing is suspect.

use serde_json::json;
use sortie_tests::fleet::Fleet;
use sortie_tests::run::Run;
use sortie_tests::vm::cut::{How, Way};
use sortie_tests::{flows, limits, wait};

const FLOW: &str = r#"
flow(name = "afar", input = {"host": str, "script": str}, deadline = "10m")

def run(ctx, input):
    r = job("work", on = input["host"], command = ["/bin/sh", "-c", input["script"]], heartbeat = "5s", started_within = "30s", artifacts = ["out.txt", "big.bin"])
    return {"ok": r.ok, "output": r.output, "out": r.artifact("out.txt")}
"#;

/// As [`FLOW`], with nothing to upload: uploads that nobody answers are waited for, for minutes.
const PLAIN: &str = r#"
flow(name = "plain", input = {"script": str}, deadline = "10m")

def run(ctx, input):
    r = job("work", on = "vm0", command = ["/bin/sh", "-c", input["script"]], heartbeat = "2s", started_within = "30s")
    return {"ok": r.ok, "output": r.output}
"#;

fn afar(fleet: &Fleet, script: &str) -> Run {
    Run::start(&fleet.it, "afar", &json!({ "host": "vm0", "script": script }))
}

#[test]
fn f093_a_host_that_is_collected_from_brings_progress_artifacts_and_result() {
    let fleet = Fleet::new(1);
    let _ = fleet.it.cli(&["host", "set", "vm0", "--callbacks", "pull"]).data();
    fleet.vms[0].cut(Way::FromVm, How::Drop);
    flows::publish(&fleet.it, "afar", FLOW);
    let script = "echo hello > out.txt; head -c 700000 /dev/zero > big.bin; echo '{\"step\": 3}' > \"$SORTIE_PROGRESS\"\n".to_owned();
    let run = afar(&fleet, &(fleet.recorder.script("afar") + &script + &fleet.gate("go") + "echo done"));
    fleet.started("afar");
    let path = format!("/v1/runs/{}/explain", run.id);
    wait::holds("its progress is seen while it runs", limits::SOON, || {
        fleet.it.look(&path).is_some_and(|shown| shown["steps"][0]["attempt"]["report"] == json!({ "step": 3 }))
    });
    let _ = run.event(&fleet.it, "attempt_started");
    fleet.open_gate("go");
    let shown = run.ended(&fleet.it);
    assert_eq!((&shown["value"]["ok"], &shown["value"]["output"]), (&json!(true), &json!("done\n")), "{shown:#}");
    let result = &run.events(&fleet.it, "attempt_result")[0];
    assert_eq!(result["via"], "collect", "{result:#}");
    assert!(run.events(&fleet.it, "attempt_suspect").is_empty(), "nothing is suspect that is collected from");
    let attempt = run.attempt(&fleet.it);
    for (name, size) in [("out.txt", 6), ("big.bin", 700_000)] {
        let kept = fleet.it.look(&format!("/v1/resources?run={}", run.id)).unwrap();
        let row = kept["resources"].as_array().unwrap().iter().find(|row| row["name"] == name).cloned();
        assert_eq!(row.as_ref().map(|row| row["size"].clone()), Some(json!(size)), "{name} of {attempt}: {kept:#}");
    }
    wait::holds("the host is told that the result is committed", limits::SOON, || fleet.on_vm(0, &attempt, "acked"));
    run.assert_ended_once(&fleet.it);
}

#[test]
fn f093_callbacks_that_are_cut_while_ssh_works_are_collected_and_said() {
    let fleet = Fleet::new(1);
    flows::publish(&fleet.it, "plain", PLAIN);
    let script = fleet.recorder.script("deaf") + &fleet.gate("go") + "echo done";
    let run = Run::start(&fleet.it, "plain", &json!({ "script": script }));
    fleet.started("deaf");
    fleet.vms[0].cut(Way::FromVm, How::Drop);
    wait::holds("the host is known not to be heard", limits::RETRIED, || {
        fleet.it.look("/v1/hosts/vm0").is_some_and(|host| host["callbacks_unheard_since"].is_string())
    });
    wait::holds("the run says so", limits::SOON, || {
        let explained = fleet.it.look(&format!("/v1/runs/{}/explain", run.id)).unwrap();
        explained["text"].as_str().unwrap().contains("callbacks do not arrive; collected over SSH")
    });
    fleet.open_gate("go");
    let shown = run.ended(&fleet.it);
    assert_eq!(shown["value"]["ok"], true, "{shown:#}");
    assert_eq!(run.events(&fleet.it, "attempt_result")[0]["via"], "collect");
    run.assert_ended_once(&fleet.it);
    fleet.vms[0].heal();
    let again = Run::start(&fleet.it, "plain", &json!({ "script": fleet.gate("heard") }));
    wait::holds("the host is heard again", limits::RETRIED, || {
        fleet.it.look("/v1/hosts/vm0").is_some_and(|host| host["callbacks_unheard_since"].is_null())
    });
    fleet.open_gate("heard");
    assert_eq!(again.ended(&fleet.it)["value"]["ok"], true);
}
