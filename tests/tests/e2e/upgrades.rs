//! Builds of the shim side by side on one machine, under one server after the other; and what is said where versions do not fit (F114).

use serde_json::{Value, json};
use sortie_protocol::callback::CallbackKind;
use sortie_tests::callbacks::{Callback, exited};
use sortie_tests::run::Run;
use sortie_tests::world::World;
use sortie_tests::{limits, wait};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Shims on the host.
fn shims(world: &World) -> BTreeSet<PathBuf> {
    let names = fs::read_dir(world.root.join("bin")).unwrap().map(|entry| entry.unwrap().path());
    names.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("sortie-shim-")).collect()
}

/// What the supervisor of an attempt runs.
fn program(world: &World, attempt: &str) -> PathBuf {
    let owner: Value = serde_json::from_slice(&fs::read(world.root.join("jobs").join(attempt).join("owner.json")).unwrap()).unwrap();
    fs::read_link(format!("/proc/{}/exe", owner["process"]["pid"])).unwrap()
}

/// As if it lay there for a year.
fn age(path: &Path) {
    let year = std::time::Duration::from_secs(365 * 86_400);
    fs::File::open(path).unwrap().set_modified(std::time::SystemTime::now() - year).unwrap();
}

/// As if the results of these runs were acknowledged a year ago.
fn age_results(world: &World, runs: &[&Run]) {
    for run in runs {
        let acked = world.root.join("jobs").join(run.attempt(&world.it)).join("acked");
        wait::holds("the host knows that the result is committed", limits::SOON, || acked.exists());
        let mut text: Value = serde_json::from_slice(&fs::read(&acked).unwrap()).unwrap();
        text["at_ms"] = json!(1);
        fs::write(&acked, text.to_string()).unwrap();
    }
}

fn gc(world: &World) -> Value {
    world.it.cli(&["host", "gc", "vm"]).data().clone()
}

#[test]
fn f114_another_build_of_the_shim_comes_beside_running_jobs_and_goes_on_serving_them() {
    let mut world = World::new();
    // Its own commands are those of its own build, before and after.
    let talk = "sortie-shim progress 1 && yes line | head -n 500\n".to_owned()
        + &world.gate("go")
        + "yes line | head -n 500; sortie-shim result '\"old\"'";
    let (posts, ended, lost) = (world.job("posts", &talk), world.job("ended", "sleep 600"), world.job("collected", &talk));
    for word in ["posts", "ended", "collected"] {
        world.started(word);
    }
    let before = shims(&world);
    let old = before.first().unwrap().clone();
    let next = world.scratch("sortie-shim-of-another-build");
    fs::write(&next, [fs::read(&old).unwrap(), vec![0]].concat()).unwrap();
    world.it.stop();
    world.it.use_shim(&next);
    world.it.start();

    let of_new = world.job("new", &talk);
    world.started("new");
    let new = shims(&world).difference(&before).next().cloned().expect("the other build lies beside the first");
    assert_eq!(program(&world, &posts.attempt(&world.it)), old, "what runs goes on with what it was started with");
    assert_eq!(program(&world, &of_new.attempt(&world.it)), new);
    let unused = world.root.join("bin").join(format!("sortie-shim-{}", "0".repeat(64)));
    fs::write(&unused, "a build that nothing runs of").unwrap();
    for shim in [&old, &new, &unused] {
        age(shim);
    }
    let swept = gc(&world);
    assert_eq!((&swept["removed"], &swept["live"]), (&json!(0), &json!(4)), "{swept:#}");
    assert_eq!(shims(&world), BTreeSet::from([old.clone(), new.clone()]), "only what nothing runs of is removed");

    let _ = world.it.cli(&["runs", "cancel", &ended.id]).data();
    assert_eq!(ended.ended(&world.it)["state"], "cancelled");
    // Its supervisor is killed: the other build takes the job over, and the result is collected.
    let attempt = lost.attempt(&world.it);
    let owner: Value = serde_json::from_slice(&fs::read(world.root.join("jobs").join(&attempt).join("owner.json")).unwrap()).unwrap();
    sortie_tests::processes::kill(u32::try_from(owner["process"]["pid"].as_u64().unwrap()).unwrap());
    wait::holds("the other build has taken it over", limits::RETRIED, || {
        let owner: Value = serde_json::from_slice(&fs::read(world.root.join("jobs").join(&attempt).join("owner.json")).unwrap()).unwrap();
        fs::read_link(format!("/proc/{}/exe", owner["process"]["pid"])).is_ok_and(|program| program == new)
    });
    world.open_gate("go");
    for (run, word) in [(&posts, "posts"), (&lost, "collected"), (&of_new, "new")] {
        let shown = run.ended(&world.it);
        assert_eq!(shown["value"]["result"], "old", "{word}: {shown:#}");
        assert_eq!(world.recorder.count(word), 1, "{word} was started once");
        let path = world.root.join("jobs").join(run.attempt(&world.it)).join("stdout");
        assert_eq!(fs::read_to_string(path).unwrap().lines().filter(|line| *line == "line").count(), 1000, "the output of {word} is whole");
    }
    age_results(&world, &[&posts, &lost, &ended]);
    wait::holds("the first build goes when nothing is left of it", limits::SOON, || {
        let _ = gc(&world);
        shims(&world) == BTreeSet::from([new.clone()])
    });
    assert!(world.root.join("jobs").join(of_new.attempt(&world.it)).join("stdout").exists(), "what is young stays");
}

#[test]
fn f114_a_result_of_a_version_that_is_not_read_is_refused_and_says_which_are() {
    let world = World::new();
    for v in [sortie_protocol::version::OLDEST - 1, sortie_protocol::VERSION + 1] {
        let word = format!("v{v}");
        let run = world.job(&word, &world.gate(&word));
        world.started(&word);
        let attempt = run.attempt(&world.it);
        let mut post = Callback::new(&world.it.home, &world.root, &attempt, CallbackKind::Result, 900, &exited(0, json!(v)));
        let mut body: Value = serde_json::from_slice(&post.body).unwrap();
        body["v"] = json!(v);
        post.body = body.to_string().into_bytes();
        post.sign(&world.it.home, &attempt);
        let answer = post.send(world.it.callbacks).unwrap();
        let why = format!("version {v} of the protocol is not spoken here, only version {}", sortie_protocol::VERSION);
        assert_eq!(answer.status, 422, "{}", answer.json());
        assert!(answer.json().to_string().contains(&why), "{}", answer.json());
        // A result that nobody can read is none, and the run says why.
        let shown = run.ended(&world.it);
        assert_eq!(shown["value"]["kind"], "rejected", "{shown:#}");
        assert!(run.event(&world.it, "attempt_failed").to_string().contains(&why));
        world.open_gate(&word);
    }
}
