//! Hosts that are not reached over SSH: workers that come and ask, and the server's own machine.

use serde_json::Value;
use sortie_tests::installation::Installation;
use sortie_tests::proxy::Proxy;
use sortie_tests::recorder::Recorder;
use sortie_tests::run::Run;
use sortie_tests::workers::{Worker, admitted};
use sortie_tests::{flows, limits, processes, wait};

fn installation() -> (Installation, Recorder) {
    let mut it = Installation::new(|port| port);
    it.start();
    flows::publish(&it, "one-job", flows::ONE_JOB);
    let recorder = Recorder::new(it.folder());
    (it, recorder)
}

fn job(it: &Installation, host: &str, script: &str) -> Run {
    let input = serde_json::json!({ "host": host, "script": script, "timeout": "5m", "started": "2m", "attempts": 1 });
    Run::start(it, "one-job", &input)
}

fn until_counted(recorder: &Recorder, word: &str) {
    wait::holds(&format!("the job {word} starts"), limits::SOON, || recorder.count(word) > 0);
}

#[test]
fn a_machine_that_nobody_reaches_comes_for_its_work() {
    let (it, recorder) = installation();
    let token = admitted(&it, "far", &["--label", "linux", "--label", "gpu"]);
    let worker = Worker::start(&it, it.callbacks, &token, &it.folder().join("far"), &["--labels", "gpu"]);
    worker.ready(1);
    let by_label = it.cli(&["launch", "--on", "label:gpu", "--wait", "--", "/bin/sh", "-c", "echo from afar"]);
    assert!(by_label.data()["value"]["output"].as_str().unwrap().contains("from afar"), "{}", by_label.json);
    let secret = std::fs::read_to_string(&token).unwrap();
    let script = format!("{}tr '\\0' '\\n' < /proc/self/environ; sleep 600", recorder.script("canary"));
    let run = job(&it, "far", &script);
    until_counted(&recorder, "canary");
    for process in processes::of_jobs(&worker.root).iter().chain(&processes::of_shim(&worker.root)) {
        assert!(!process.mentions(secret.trim()), "the worker's token is in {}", process.line());
    }
    let _ = it.cli(&["runs", "cancel", run.id.as_str()]).data();
    let shown = run.ended(&it);
    assert_eq!(shown["state"], "cancelled", "{shown:#}");
    wait::holds("the job is stopped", limits::SOON, || processes::of_jobs(&worker.root).is_empty());
    let answer = it.cli(&["launch", "--on", "label:linux", "--", "true"]);
    let missing = Run { id: answer.data()["id"].as_str().unwrap().to_owned() }.ended(&it);
    assert!(missing.to_string().contains("no_host: no host has the label"), "a label that the worker does not serve: {missing:#}");
}

#[test]
fn a_killed_worker_loses_nothing_and_the_next_process_goes_on() {
    let (mut it, recorder) = installation();
    let token = admitted(&it, "far", &[]);
    let root = it.folder().join("far");
    let gate = it.folder().join("gate");
    let mut worker = Worker::start(&it, it.callbacks, &token, &root, &[]);
    worker.ready(1);
    let script = format!("{}while [ ! -e {} ]; do sleep 0.05; done; echo done", recorder.script("work"), gate.display());
    let run = job(&it, "far", &script);
    until_counted(&recorder, "work");
    worker.kill();
    it.stop();
    it.start();
    let next = Worker::start(&it, it.callbacks, &token, &root, &[]);
    next.ready(2);
    std::fs::write(&gate, "").unwrap();
    let shown = run.ended(&it);
    assert_eq!((shown["state"].as_str(), shown["value"]["ok"].as_bool()), (Some("succeeded"), Some(true)), "{shown:#}");
    assert_eq!(recorder.count("work"), 1);
    let again = it.cli(&["launch", "--on", "far", "--wait", "--", "echo", "on"]);
    assert!(again.data()["value"]["output"].as_str().unwrap().contains("on"), "{}", again.json);
}

#[test]
fn a_copy_of_a_worker_takes_over_and_the_older_process_ends_its_jobs() {
    let (it, recorder) = installation();
    let token = admitted(&it, "far", &[]);
    let (root, copy) = (it.folder().join("far"), it.folder().join("copy"));
    let mut worker = Worker::start(&it, it.callbacks, &token, &root, &[]);
    worker.ready(1);
    std::fs::create_dir(&copy).unwrap();
    let copied = std::process::Command::new("cp").arg("-a").arg(format!("{}/.", root.display())).arg(&copy).status().unwrap();
    assert!(copied.success());
    let run = job(&it, "far", &(recorder.script("work") + "sleep 600"));
    until_counted(&recorder, "work");
    let clone = Worker::start(&it, it.callbacks, &token, &copy, &[]);
    clone.ready(1);
    assert_eq!(worker.ended().code(), Some(5), "{}", worker.log());
    let shown = run.ended(&it);
    assert_eq!(shown["value"]["kind"], "lost", "{shown:#}");
    wait::holds("its job is ended", limits::SOON, || processes::of_jobs(&worker.root).is_empty());
    let workers = it.cli(&["status"]);
    assert!(workers.code == 0, "{}", workers.json);
}

#[test]
fn who_is_no_worker_or_asks_for_more_than_it_may_is_refused_and_says_why() {
    let (it, _) = installation();
    let token = admitted(&it, "far", &["--label", "gpu"]);
    let forged = it.folder().join("forged.token");
    std::fs::write(&forged, "x".repeat(43)).unwrap();
    std::fs::set_permissions(&forged, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let mut nobody = Worker::start(&it, it.callbacks, &forged, &it.folder().join("nobody"), &[]);
    assert_eq!(nobody.ended().code(), Some(4), "{}", nobody.log());
    let mut greedy = Worker::start(&it, it.callbacks, &token, &it.folder().join("greedy"), &["--labels", "gpu,prod"]);
    assert_eq!(greedy.ended().code(), Some(4), "{}", greedy.log());
    let worker = Worker::start(&it, it.callbacks, &token, &it.folder().join("first"), &[]);
    worker.ready(1);
    let mut another = Worker::start(&it, it.callbacks, &token, &it.folder().join("another"), &[]);
    assert_eq!(another.ended().code(), Some(4), "another machine is another worker: {}", another.log());
    let _ = it.cli(&["host", "token", "far", "--to", it.folder().join("new.token").to_str().unwrap()]).data();
    let refused = sortie_tests::http::send(
        it.callbacks,
        "POST",
        "/v1/worker/poll",
        &[("Authorization", &format!("Bearer {}", std::fs::read_to_string(&token).unwrap().trim())), ("Content-Type", "application/json")],
        br#"{"fence":1}"#,
    );
    assert_eq!(refused.unwrap().status, 401, "the old token is refused at once");
}

#[test]
fn f093_a_worker_that_is_cut_off_for_a_while_brings_its_results_after() {
    let (it, recorder) = installation();
    let proxy = Proxy::to(it.callbacks);
    let token = admitted(&it, "far", &[]);
    let worker = Worker::start(&it, proxy.port, &token, &it.folder().join("far"), &[]);
    worker.ready(1);
    let gate = it.folder().join("gate");
    let script = format!("{}while [ ! -e {} ]; do sleep 0.05; done; echo survived", recorder.script("work"), gate.display());
    let run = job(&it, "far", &script);
    until_counted(&recorder, "work");
    proxy.away(true);
    std::fs::write(&gate, "").unwrap();
    let shown = run.ended(&it);
    assert_eq!(shown["value"]["output"].as_str().map(str::trim), Some("survived"), "its shim posts by itself: {shown:#}");
    proxy.away(false);
    let again = it.cli(&["launch", "--on", "far", "--wait", "--", "echo", "back"]);
    assert!(again.data()["value"]["output"].as_str().unwrap().contains("back"), "{}", again.json);
}

#[test]
fn the_servers_own_machine_runs_jobs_without_ssh() {
    let (mut it, recorder) = installation();
    let added = it.cli(&["host", "add-local", "here", "--slots", "2"]);
    assert_eq!(added.data()["launcher"], "local", "{}", added.json);
    let root = std::path::PathBuf::from(added.data()["state_root"].as_str().unwrap());
    let gate = it.folder().join("gate");
    let script = format!("{}while [ ! -e {} ]; do sleep 0.05; done; echo here", recorder.script("work"), gate.display());
    let run = job(&it, "here", &script);
    until_counted(&recorder, "work");
    it.kill();
    it.start();
    std::fs::write(&gate, "").unwrap();
    let shown = run.ended(&it);
    assert_eq!(shown["value"]["output"].as_str().map(str::trim), Some("here"), "a job outlives the server: {shown:#}");
    let run = job(&it, "here", &(recorder.script("long") + "setsid sleep 600 & sleep 600"));
    until_counted(&recorder, "long");
    let _ = it.cli(&["runs", "cancel", run.id.as_str()]).data();
    assert_eq!(run.ended(&it)["state"], "cancelled");
    wait::holds("nothing of it is left", limits::SOON, || processes::of_jobs(&root).is_empty());
    let shown: &Value = &it.cli(&["host", "show", "here"]).data().clone();
    assert_eq!(shown["open_attempts"], 0, "{shown:#}");
    for process in processes::of_shim(&root) {
        processes::kill(process.pid);
    }
}
