//! The server's machine turns against it: frozen, out of processes, its folder closed, its clock moved, one of its tasks broken.

use rustix::process::Signal;
use serde_json::json;
use sortie_tests::run::Run;
use sortie_tests::world::{Setup, World};
use sortie_tests::{callbacks, flows, http, limits, processes, wait};
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn f005_a_server_that_was_frozen_goes_on_and_does_nothing_twice() {
    let world = World::new();
    let run = world.job("frozen", &(world.gate("go") + "printf 1 > \"$SORTIE_RESULT\""));
    world.started("frozen");
    let attempt = run.attempt(&world.it);
    world.it.signal(Signal::STOP);
    world.open_gate("go");
    let log = world.root.join("jobs").join(attempt).join("events.log");
    wait::holds("the result is spooled", limits::SOON, || {
        std::fs::read_to_string(&log).is_ok_and(|text| text.contains("\"kind\":\"result\""))
    });
    world.it.signal(Signal::CONT);
    assert_eq!(run.ended_within(&world.it, limits::RETRIED)["state"], "succeeded");
    assert_eq!(world.recorder.count("frozen"), 1);
    run.assert_ended_once(&world.it);
}

#[test]
fn f006_a_panic_in_the_task_of_one_run_stops_neither_it_nor_the_others() {
    let mut world = World::new();
    for point in ["evaluation_loaded", "attempt_launching", "callback_verified"] {
        assert!(world.it.stop().success());
        world.it.start_with(&[("SORTIE_FAILPOINT", &format!("{point}:1:panic"))]);
        let runs: Vec<Run> = (0..8).map(|n| world.job(&format!("{point}{n}"), "printf 1 > \"$SORTIE_RESULT\"")).collect();
        for run in &runs {
            assert_eq!(run.ended_within(&world.it, limits::RETRIED)["state"], "succeeded", "{point}");
            run.assert_ended_once(&world.it);
        }
        assert!(world.it.log().contains(point), "the panic at {point} was there");
        assert!((0..8).all(|n| world.recorder.count(&format!("{point}{n}")) == 1));
    }
}

/// A control group that bounds processes and threads; gone at the end.
struct Pids(PathBuf);

impl Pids {
    fn of(pid: u32) -> Self {
        let group = PathBuf::from(format!("/sys/fs/cgroup/pids/sortie-test-{pid}"));
        std::fs::create_dir(&group).expect("the tests need root and the control group of processes");
        std::fs::write(group.join("cgroup.procs"), pid.to_string()).unwrap();
        Self(group)
    }

    fn most(&self, most: &str) {
        std::fs::write(self.0.join("pids.max"), most).unwrap();
    }
}

impl Drop for Pids {
    fn drop(&mut self) {
        // Whoever is left moves back; the group goes.
        let root = self.0.parent().unwrap().join("cgroup.procs");
        for pid in std::fs::read_to_string(self.0.join("cgroup.procs")).unwrap_or_default().lines() {
            let _ = std::fs::write(&root, pid);
        }
        let _ = std::fs::remove_dir(&self.0);
    }
}

#[test]
fn f009_without_processes_to_spare_runs_wait_and_the_server_lives() {
    let mut world = World::new();
    let group = Pids::of(world.it.pid());
    group.most("1");
    let run = world.job("later", "true");
    let answers = (0..20).filter(|_| http::send(world.it.callbacks, "GET", "/readyz", &[], b"").is_ok()).count();
    assert_eq!(answers, 20, "it answers");
    assert!(world.it.runs(), "{}", world.it.log());
    group.most("max");
    assert_eq!(run.ended_within(&world.it, limits::RETRIED)["state"], "succeeded");
    run.assert_ended_once(&world.it);
}

/// Make the files of a store unchangeable, or changeable again: what a file system that was remounted read-only does to them.
/// Not the index of the log: it is shared memory, and touching a page of it that has no room on the disk yet ends any process
/// of SQLite by SIGBUS, before it could say anything.
fn closed(home: &Path, closed: bool) {
    let files = ["sortie.db", "sortie.db-wal"].map(|name| home.join(name));
    let status =
        Command::new("chattr").arg(if closed { "+i" } else { "-i" }).args(files.iter().filter(|file| file.exists())).status().unwrap();
    assert!(status.success(), "the file system of the tests cannot do this");
}

#[test]
fn f010_f016_a_store_that_cannot_be_written_takes_nothing_and_ends_the_server_which_is_well_when_it_is_started_again() {
    let mut world = World::new();
    let run = world.job("closed", &(world.gate("go") + "printf 1 > \"$SORTIE_RESULT\""));
    world.started("closed");
    let attempt = run.attempt(&world.it);
    let early = callbacks::Callback::result(&world.it.home, &world.root, &attempt, 1_000, &callbacks::exited(0, json!(2)));
    closed(&world.it.home, true);
    let status = early.send(world.it.callbacks).map(|answer| answer.status);
    // What is written is in doubt from then on: the process ends, and whoever starts it anew has the file looked at (F016).
    let ended = world.it.ended();
    closed(&world.it.home, false);
    assert!(matches!(status, Err(_) | Ok(503)), "nothing is accepted: {status:?}");
    assert!(!ended.success() && world.it.log().contains("given up"), "{ended}\n{}", world.it.log());
    world.it.start();
    world.open_gate("go");
    let shown = run.ended_within(&world.it, limits::RETRIED);
    assert_eq!(shown["value"]["result"], 1, "what was refused has left no trace: {shown:#}");
    run.assert_ended_once(&world.it);
}

fn faketime() -> PathBuf {
    let output = Command::new("find").args(["/usr/lib", "-name", "libfaketime.so.1", "-print", "-quit"]).output().unwrap();
    let path = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    assert!(!path.is_empty(), "libfaketime is missing: run tests/install");
    PathBuf::from(path)
}

#[test]
fn f031_a_clock_that_jumps_forward_a_day_times_nothing_out() {
    let mut world = World::new();
    assert!(world.it.stop().success());
    let offset = world.scratch("offset");
    std::fs::write(&offset, "+0").unwrap();
    let (library, file) = (faketime().display().to_string(), offset.display().to_string());
    world.it.start_with(&[
        ("LD_PRELOAD", &library),
        ("FAKETIME_TIMESTAMP_FILE", &file),
        ("FAKETIME_NO_CACHE", "1"),
        ("DONT_FAKE_MONOTONIC", "1"),
    ]);
    let run = world.job("jump", &(world.gate("go") + "printf 1 > \"$SORTIE_RESULT\""));
    world.started("jump");
    std::fs::write(&offset, "+1d").unwrap();
    wait::holds("the server sees the jump", limits::SOON, || world.it.log().contains("the system's clock jumped"));
    let other = world.job("after", "true");
    assert_eq!(other.ended(&world.it)["state"], "succeeded", "what begins after the jump is launched and answered");
    world.open_gate("go");
    let shown = run.ended(&world.it);
    assert_eq!((&shown["state"], &shown["value"]["timed_out"]), (&json!("succeeded"), &json!(false)), "{shown:#}");
    run.assert_ended_once(&world.it);
}

const SLEEPERS: &str = r#"
flow(name = "sleepers", description = "Sleeps", deadline = "10m")

def run(ctx, input):
    sleep("nap", "1s")
    return "awake"
"#;

#[test]
fn f036_timers_that_fell_due_while_the_server_was_away_fire_once_and_not_all_at_once() {
    let mut world = World::new();
    flows::publish(&world.it, "sleepers", SLEEPERS);
    let runs: Vec<Run> = (0..100).map(|_| Run::start(&world.it, "sleepers", &json!({}))).collect();
    for run in &runs {
        let _ = run.event(&world.it, "step_scheduled");
    }
    world.it.kill();
    // The last of them is due a second after it was scheduled.
    let due = std::time::Instant::now();
    wait::holds("all of them are due", limits::SOON, || due.elapsed() > std::time::Duration::from_millis(1_500));
    world.it.start();
    let mut answered = Vec::new();
    for run in &runs {
        assert_eq!(run.ended_within(&world.it, limits::RETRIED)["value"], "awake");
        let history = run.history(&world.it);
        let at: Vec<_> = history
            .iter()
            .filter(|event| event["kind"] == "step_completed")
            .map(|event| event["at"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(at.len(), 1, "once");
        answered.push(at[0].clone());
    }
    // Those that were answered before the kill are not part of the storm.
    answered.sort();
    let (first, last) = (answered[0][..19].to_owned(), answered[answered.len() - 1][..19].to_owned());
    assert_ne!(first, last, "all within one second: {answered:?}");
}

#[test]
fn f044_a_slow_callback_server_gets_one_post_at_a_time() {
    let world = World::with(Setup { http_proxy: true, ..Setup::default() });
    world.http().all(sortie_tests::proxy::Plan::Hold(sortie_tests::proxy::Way::Down, 0));
    let run = world.job("slow", "printf 1 > \"$SORTIE_RESULT\"");
    world.started("slow");
    wait::holds("a post is held", limits::SOON, || !world.http().links().is_empty());
    let open = |links: &[sortie_tests::proxy::Link]| links.iter().filter(|link| !link.over).count();
    assert!(open(&world.http().links()) <= 1, "one in flight");
    world.http().release();
    world.http().all(sortie_tests::proxy::Plan::Pass);
    assert_eq!(run.ended_within(&world.it, limits::RETRIED)["state"], "succeeded");
    run.assert_ended_once(&world.it);
}

#[test]
fn f050_a_hundred_jobs_that_end_at_once_are_all_accepted() {
    let world = World::new();
    let flow = r#"
flow(name = "many", description = "Many at once", input = {"n": int, "script": str}, deadline = "10m")

def run(ctx, input):
    jobs = [job("j%d" % n, on = "vm", command = ["/bin/sh", "-c", input["script"]], timeout = "5m", wait = False) for n in range(input["n"])]
    return [r.result for r in wait_all(jobs)]
"#;
    flows::publish(&world.it, "many", flow);
    let script = world.recorder.script("many") + &world.gate("go") + "printf 1 > \"$SORTIE_RESULT\"";
    let run = Run::start(&world.it, "many", &json!({ "n": 100, "script": script }));
    wait::holds("all have started", limits::RETRIED, || world.recorder.count("many") == 100);
    world.open_gate("go");
    let shown = run.ended_within(&world.it, limits::RETRIED);
    assert_eq!(shown["value"].as_array().map(Vec::len), Some(100), "{shown:#}");
    assert_eq!(world.recorder.count("many"), 100);
    run.assert_ended_once(&world.it);
}

#[test]
fn f061_an_agent_that_claims_success_and_exits_with_an_error_has_failed() {
    let world = World::new();
    let claim = r#"printf '{"ok": true, "exit_code": 0, "outcome": "exited"}' > "$SORTIE_RESULT"; exit 3"#;
    let shown = world.job("liar", claim).ended(&world.it);
    assert_eq!((&shown["value"]["ok"], &shown["value"]["kind"]), (&json!(false), &json!("exit")), "{shown:#}");
    let environment =
        "env > \"$SORTIE_RESULT.env\"; grep -c -i -E 'token|callback|proof' \"$SORTIE_RESULT.env\" > \"$SORTIE_RESULT\"; true";
    let shown = world.job("poor", environment).ended(&world.it);
    assert_eq!(shown["value"]["result"], 0, "nothing in its environment signs a callback: {shown:#}");
}

#[test]
fn f075_what_comes_from_outside_cannot_write_lines_or_escapes_into_the_log() {
    let world = World::new();
    let evil = "\u{1b}[2Jevil\u{202e}";
    for path in ["/v1/callbacks/att_%1b%5b2J%0d%0aforged/result", "/v1/hooks/%1b%5b2J/%0aforged", "/%0aforged"] {
        let headers = [("User-Agent", "a\tb"), ("X-Odd", "x")];
        let _ = http::send(world.it.callbacks, "POST", path, &headers, evil.as_bytes());
    }
    let run = world.job("noisy", "printf '\\033[2Jforged\\nlevel=ERROR forged\\n' >&2; exit 3");
    let _ = run.ended(&world.it);
    let log = world.it.log();
    assert!(!log.chars().any(|c| c == '\u{1b}' || c == '\u{202e}'), "an escape in the log");
    assert!(!log.lines().any(|line| line.starts_with("forged") || line.starts_with("level=ERROR forged")), "a forged line:\n{log}");
    assert!(processes::of_jobs(&world.root).is_empty());
}
