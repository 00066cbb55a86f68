//! Cuts between server and machine, each way: what one way cannot bring, the other does.

use serde_json::json;
use sortie_tests::fleet::Fleet;
use sortie_tests::run::Run;
use sortie_tests::vm::cut::{How, Way};
use sortie_tests::{flows, limits, wait};

#[test]
fn f092_behind_nat_the_callbacks_alone_complete_a_run() {
    let fleet = Fleet::new(1);
    let run = fleet.job("vm0", "nat", &(fleet.gate("go") + "echo from behind"));
    fleet.started("nat");
    let _ = run.event(&fleet.it, "attempt_launched");
    fleet.vms[0].cut(Way::ToVm, How::Drop);
    assert_eq!(fleet.it.cli(&["host", "test", "vm0"]).error(), "unreachable");
    wait::holds("collecting is said to be unavailable", limits::SOON, || {
        fleet.it.look("/v1/hosts/vm0").is_some_and(|host| host["collecting"] == "unavailable")
    });
    assert!(run.events(&fleet.it, "attempt_suspect").is_empty(), "its callbacks arrive: nothing of it has failed");
    fleet.open_gate("go");
    let shown = run.ended_within(&fleet.it, limits::RETRIED);
    assert_eq!((&shown["state"], &shown["value"]["output"]), (&json!("succeeded"), &json!("from behind\n")), "{shown:#}");
    assert_eq!(run.events(&fleet.it, "attempt_result")[0]["via"], "callback");
    run.assert_ended_once(&fleet.it);
}

#[test]
fn f093_a_server_that_cannot_reach_the_machine_any_more_is_told_by_callbacks() {
    let fleet = Fleet::new(1);
    let run = fleet.job("vm0", "reverse", &(fleet.gate("go") + "printf 7 > \"$SORTIE_RESULT\""));
    fleet.started("reverse");
    fleet.vms[0].cut(Way::ToVm, How::Reject);
    fleet.open_gate("go");
    let shown = run.ended(&fleet.it);
    assert_eq!((&shown["state"], &shown["value"]["result"]), (&json!("succeeded"), &json!(7)), "{shown:#}");
    run.assert_ended_once(&fleet.it);
}

#[test]
fn f012_a_server_that_died_with_open_attempts_on_several_machines_takes_them_up_again() {
    let mut fleet = Fleet::new(3);
    let gate = fleet.gate("go");
    let jobs: Vec<(String, Run)> = (0..9)
        .map(|n| {
            let word = format!("open{n}");
            let run = fleet.job(&format!("vm{}", n % 3), &word, &gate);
            (word, run)
        })
        .collect();
    for (word, _) in &jobs {
        fleet.started(word);
    }
    fleet.it.kill();
    fleet.it.start();
    fleet.open_gate("go");
    for (word, run) in &jobs {
        assert_eq!(run.ended(&fleet.it)["state"], "succeeded", "{word}");
        assert_eq!(fleet.recorder.count(word), 1, "nothing is launched again");
        run.assert_ended_once(&fleet.it);
    }
}

#[test]
fn f034_a_machine_that_slept_is_no_reason_to_end_or_repeat_its_job() {
    let fleet = Fleet::new(1);
    let run = fleet.job("vm0", "sleeper", &(fleet.gate("go") + "echo awake"));
    fleet.started("sleeper");
    let _ = run.event(&fleet.it, "attempt_started");
    fleet.vms[0].freeze();
    let _ = run.event_within(&fleet.it, "attempt_suspect", limits::SOON);
    fleet.open_gate("go");
    fleet.vms[0].thaw();
    let shown = run.ended(&fleet.it);
    assert_eq!((&shown["state"], &shown["value"]["attempts"]), (&json!("succeeded"), &json!(1)), "{shown:#}");
    assert_eq!(fleet.recorder.count("sleeper"), 1);
    run.assert_ended_once(&fleet.it);
}

#[test]
fn f099_a_machine_that_was_started_anew_interrupts_its_job() {
    let mut fleet = Fleet::new(1);
    let run = fleet.job("vm0", "gone", "sleep 1000");
    fleet.started("gone");
    let _ = run.event(&fleet.it, "attempt_started");
    fleet.reboot(0);
    let shown = run.ended(&fleet.it);
    assert_eq!(shown["value"]["kind"], "interrupted", "{shown:#}");
    assert_eq!(fleet.recorder.count("gone"), 1);
    run.assert_ended_once(&fleet.it);
}

#[test]
fn f094_a_hole_for_large_packets_puts_a_launch_off_and_nothing_more() {
    let fleet = Fleet::new(1);
    fleet.vms[0].swallow_over(400);
    let run = fleet.job_with("vm0", "hole", "echo through", json!({ "started": "3m" }));
    let path = "/v1/hosts/vm0";
    wait::holds("the launch is put off", limits::RETRIED, || fleet.it.look(path).is_some_and(|host| host["state"] == "unreachable"));
    assert_eq!(fleet.recorder.count("hole"), 0);
    fleet.vms[0].heal();
    let shown = run.ended(&fleet.it);
    assert_eq!(shown["value"]["output"], "through\n", "{shown:#}");
    assert_eq!(fleet.recorder.count("hole"), 1);
}

#[test]
fn f041_a_result_from_behind_a_partition_that_outlived_its_attempt_is_kept_and_resumes_nothing() {
    let fleet = Fleet::new(1);
    let run = fleet.job("vm0", "late", &(fleet.gate("go") + "echo too late"));
    fleet.started("late");
    let attempt = run.attempt(&fleet.it);
    let _ = run.event(&fleet.it, "attempt_started");
    fleet.vms[0].cut(Way::Both, How::Drop);
    let _ = fleet.it.cli(&["runs", "cancel", &run.id]).data();
    let _ = run.event(&fleet.it, "attempt_stopping");
    fleet.open_gate("go");
    wait::holds("its result is spooled", limits::SOON, || {
        std::fs::read_to_string(fleet.vms[0].root.join("jobs").join(&attempt).join("events.log")).is_ok_and(|log| log.contains("result"))
    });
    fleet.vms[0].heal();
    let shown = run.ended(&fleet.it);
    assert_eq!(shown["state"], "cancelled", "{shown:#}");
    wait::holds("the result is kept as late, or its end was verified first", limits::RETRIED, || {
        let kept = run.events(&fleet.it, "callback_kept");
        kept.iter().any(|kept| kept["outcome"] == "late") || !run.events(&fleet.it, "attempt_stopped").is_empty()
    });
    assert!(run.events(&fleet.it, "attempt_result").is_empty(), "it resumes nothing");
    run.assert_ended_once(&fleet.it);
}

const CHECKED: &str = r#"
flow(name = "checked", input = {"script": str}, deadline = "10m")

def run(ctx, input):
    r = job("work", on = "vm0", command = ["/bin/sh", "-c", input["script"]], timeout = "6s", heartbeat = "1s", check = True)
    return r.result
"#;

#[test]
fn f041_a_late_result_from_behind_a_partition_is_adopted_and_the_run_goes_on_with_it() {
    let fleet = Fleet::new(1);
    flows::publish(&fleet.it, "checked", CHECKED);
    let script = fleet.recorder.script("adopted") + &fleet.gate("go") + "printf 42 > \"$SORTIE_RESULT\"";
    let run = Run::start(&fleet.it, "checked", &json!({ "script": script }));
    fleet.started("adopted");
    let attempt = run.attempt(&fleet.it);
    let _ = run.event(&fleet.it, "attempt_started");
    fleet.vms[0].cut(Way::Both, How::Drop);
    fleet.open_gate("go");
    let shown = run.ended(&fleet.it);
    assert_eq!(shown["state"], "failed", "{shown:#}");
    fleet.vms[0].heal();
    wait::holds("the result is kept as late", limits::RETRIED, || {
        run.events(&fleet.it, "callback_kept").iter().any(|kept| kept["outcome"] == "late")
    });
    let _ = fleet.it.cli(&["runs", "adopt", &attempt]).data();
    let shown = run.ended(&fleet.it);
    assert_eq!((&shown["state"], &shown["value"]), (&json!("succeeded"), &json!(42)), "{shown:#}");
    assert_eq!(fleet.recorder.count("adopted"), 1);
}
