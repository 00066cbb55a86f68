//! Several machines: draining, one that is away, what is left on them.

use serde_json::{Value, json};
use sortie_tests::fleet::Fleet;
use sortie_tests::installation::Installation;
use sortie_tests::run::Run;
use sortie_tests::vm::Vm;
use sortie_tests::vm::cut::{How, Way};
use sortie_tests::{flows, limits, wait};

const ANYWHERE: &str = r#"
flow(name = "anywhere", input = {"script": str}, deadline = "10m")

def run(ctx, input):
    r = job("work", on = label("pool"), command = ["/bin/sh", "-c", input["script"]], heartbeat = "1s")
    return {"ok": r.ok, "host": r.host, "kind": r.error.kind if r.error else None}
"#;

fn host(fleet: &Fleet, name: &str) -> Value {
    wait::until("the host is shown", limits::SOON, || fleet.it.look(&format!("/v1/hosts/{name}")))
}

fn explained(fleet: &Fleet, run: &Run) -> String {
    let shown = wait::until("it is explained", limits::SOON, || fleet.it.look(&format!("/v1/runs/{}/explain", run.id)));
    shown["text"].as_str().unwrap().to_owned()
}

#[test]
fn a_draining_host_finishes_what_it_has_and_gets_nothing_new() {
    let fleet = Fleet::new(1);
    let before = fleet.job("vm0", "before", &fleet.gate("go"));
    fleet.started("before");
    assert_eq!(fleet.it.cli(&["host", "drain", "vm0"]).data()["state"], "draining");
    let after = fleet.job("vm0", "after", "true");
    wait::holds("the launch says what it waits for", limits::SOON, || explained(&fleet, &after).contains("vm0 drains"));
    fleet.open_gate("go");
    assert_eq!(before.ended(&fleet.it)["state"], "succeeded");
    assert_eq!(fleet.it.cli(&["host", "drain", "vm0", "--wait"]).data()["open_attempts"], 0);
    assert_eq!(fleet.recorder.count("after"), 0, "nothing new is launched there");
    assert_eq!(fleet.it.cli(&["host", "ready", "vm0"]).data()["state"], "ready");
    assert_eq!(after.ended(&fleet.it)["state"], "succeeded");
}

#[test]
fn a_label_goes_to_a_host_that_neither_drains_nor_is_away() {
    let fleet = Fleet::with_options(3, &["--label", "pool"]);
    flows::publish(&fleet.it, "anywhere", ANYWHERE);
    let _ = fleet.it.cli(&["host", "drain", "vm0"]).data();
    fleet.vms[1].cut(Way::Both, How::Reject);
    for _ in 0..4 {
        let run = Run::start(&fleet.it, "anywhere", &json!({ "script": "true" }));
        let shown = run.ended(&fleet.it);
        assert_eq!((&shown["value"]["ok"], &shown["value"]["host"]), (&json!(true), &json!("vm2")), "{shown:#}");
    }
    let away = host(&fleet, "vm1");
    assert_eq!(away["state"], "unreachable", "{away:#}");
    assert!(away["unreachable"]["error"].is_string() && away["unreachable"]["age_ms"].is_u64(), "{away:#}");
}

#[test]
fn f089_many_launches_to_a_dead_host_cost_a_handshake_a_pause() {
    let mut fleet = Fleet::new(1);
    // The connection that `host add` has left is closed: every way there is a new one.
    fleet.it.stop();
    fleet.it.start();
    fleet.vms[0].cut(Way::ToVm, How::Reject);
    fleet.vms[0].count_knocks();
    let runs: Vec<Run> = (0..60).map(|n| fleet.job("vm0", &format!("dead{n}"), "true")).collect();
    wait::holds("the host is known to be away", limits::SOON, || host(&fleet, "vm0")["state"] == "unreachable");
    wait::holds("all launches were put off", limits::SOON, || runs.iter().all(|run| !run.events(&fleet.it, "launch_deferred").is_empty()));
    let count = fleet.vms[0].knocks();
    assert!((1..=30).contains(&count), "{count} connections for 60 launches");
    fleet.vms[0].heal();
    for run in &runs {
        assert_eq!(run.ended(&fleet.it)["state"], "succeeded");
    }
    fleet.recorder.assert_no_attempt_twice();
    assert_eq!(host(&fleet, "vm0")["state"], "ready");
}

#[test]
fn f084_machines_that_have_swapped_their_addresses_are_refused() {
    let mut fleet = Fleet::new(2);
    fleet.it.stop();
    let [one, other] = &mut fleet.vms[..] else { panic!() };
    Vm::swap_addresses(&fleet.net, one, other);
    fleet.it.start();
    for name in ["vm0", "vm1"] {
        let shown = fleet.job(name, "never", "true").ended(&fleet.it);
        assert_eq!(shown["value"]["kind"], "host_key", "{shown:#}");
    }
    assert_eq!(fleet.recorder.count("never"), 0);
}

#[test]
fn f081_a_new_host_key_is_taken_only_by_the_fingerprint_that_is_named() {
    let fleet = Fleet::new(1);
    fleet.vms[0].new_host_key("ed25519");
    fleet.vms[0].restart_sshd();
    let shown = fleet.it.cli(&["host", "keys", "show", "vm0"]);
    let offered = shown.data()["offered"][0].clone();
    assert_eq!(offered["pinned"], false, "{offered:#}");
    let wrong = fleet.it.cli(&["host", "keys", "accept", "vm0", "--fingerprint", &format!("SHA256:{}", "A".repeat(43))]);
    assert_eq!(wrong.error(), "host_untrusted", "{}", wrong.json);
    assert_eq!(fleet.it.cli(&["host", "test", "vm0"]).error(), "host_untrusted");
    let _ = fleet.it.cli(&["host", "keys", "accept", "vm0", "--fingerprint", offered["fingerprint"].as_str().unwrap()]).data();
    assert_eq!(fleet.job("vm0", "after", "true").ended(&fleet.it)["state"], "succeeded");
    assert!(fleet.it.cli(&["audit"]).data().to_string().contains("/v1/hosts/vm0/keys"), "it is in the audit");
}

#[test]
fn a_labelled_host_that_comes_back_is_found_without_anybody_asking_for_it() {
    let fleet = Fleet::with_options(1, &["--label", "pool"]);
    fleet.vms[0].cut(Way::Both, How::Reject);
    assert_eq!(fleet.it.cli(&["host", "test", "vm0"]).error(), "unreachable");
    wait::holds("it is said to be away", limits::SOON, || host(&fleet, "vm0")["state"] == "unreachable");
    assert_eq!(host(&fleet, "vm0")["collecting"], "unavailable");
    fleet.vms[0].heal();
    // Comparing what it holds is due in minutes; its pause is over in seconds.
    wait::holds("it is found to be back", limits::SOON, || host(&fleet, "vm0")["state"] == "ready");
    assert_eq!(host(&fleet, "vm0")["collecting"], "available");
}

#[test]
fn a_test_says_whether_callbacks_arrive_and_what_to_do() {
    let fleet = Fleet::new(1);
    let good = fleet.it.cli(&["host", "test", "vm0"]);
    assert_eq!(good.data()["callbacks"]["arrive"], true, "{}", good.json);
    fleet.vms[0].cut(Way::FromVm, How::Reject);
    let bad = fleet.it.cli(&["host", "test", "vm0"]);
    assert_eq!(bad.data()["callbacks"]["arrive"], false, "{}", bad.json);
    let about = bad.data()["findings"].as_array().unwrap().iter().find(|found| found["what"] == "callbacks").cloned().unwrap();
    assert!(about["fix"].as_str().unwrap().contains("--callbacks pull"), "{about:#}");
    let _ = fleet.it.cli(&["host", "set", "vm0", "--disk-floor", "99999GiB"]).data();
    let blocked = fleet.it.cli(&["host", "test", "vm0"]);
    assert_eq!((blocked.error(), blocked.code), ("blocked", 1), "{}", blocked.json);
}

#[test]
fn a_job_without_a_live_run_is_ended_and_one_of_another_installation_is_not() {
    let mut fleet = Fleet::new(1);
    let mut other = Installation::reached_at(fleet.net.server());
    fleet.vms[0].authorize(other.made["ssh_public_key"].as_str().unwrap());
    other.start();
    let (target, key, root) = (fleet.vms[0].target(), fleet.vms[0].host_key_file(), fleet.vms[0].root.clone());
    let shared = ["host", "add", "vm0", &target, "--host-key-file", key.to_str().unwrap(), "--root", root.to_str().unwrap()];
    let _ = other.cli(&shared).data();
    flows::publish(&other, "one-job", flows::ONE_JOB);
    let script = fleet.recorder.script("theirs") + &fleet.gate("theirs");
    let input = json!({ "host": "vm0", "script": script, "timeout": "5m", "started": "2m", "attempts": 1 });
    let theirs = Run::start(&other, "one-job", &input);
    fleet.started("theirs");
    // A copy of the store from before the run: what was launched since is not known to it.
    fleet.it.stop();
    let (store, copy) = (fleet.it.home.join("sortie.db"), fleet.scratch("copy.db"));
    std::fs::copy(&store, &copy).unwrap();
    fleet.it.start();
    let _ = fleet.job("vm0", "orphan", "sleep 1000");
    fleet.started("orphan");
    let orphan = fleet.recorder.starts().into_iter().find(|(_, word)| word == "orphan").unwrap().0;
    let live = fleet.it.cli(&["host", "gc", "vm0"]);
    assert_eq!((&live.data()["live"], &live.data()["foreign"]), (&json!(1), &json!(1)), "{}", live.json);
    fleet.it.stop();
    for end in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(fleet.it.home.join(format!("sortie.db{end}")));
    }
    std::fs::copy(&copy, &store).unwrap();
    fleet.it.start();
    let found = fleet.it.cli(&["host", "gc", "vm0"]);
    assert_eq!((&found.data()["stopped"], &found.data()["foreign"]), (&json!([orphan]), &json!(1)), "{}", found.json);
    assert_eq!(found.data()["removed"], 0, "nothing that was not acknowledged: {}", found.json);
    assert!(fleet.it.cli(&["audit"]).data().to_string().contains(&orphan), "it is in the audit");
    assert_eq!(host(&fleet, "vm0")["orphans_stopped"], 1);
    fleet.open_gate("theirs");
    assert_eq!(theirs.ended(&other)["state"], "succeeded", "the other installation's job went on");
}
