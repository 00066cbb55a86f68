//! How jobs are held on their machine: a user of their own, limits, a worktree of a repository, and what becomes of it.

use serde_json::json;
use sortie_tests::run::Run;
use sortie_tests::world::World;
use sortie_tests::{flows, limits, wait};
use std::path::{Path, PathBuf};
use std::process::Command;

/// One job with everything that holds it, from the input.
const HELD: &str = r#"
flow(name = "held", description = "One job that is held", input = {"repository": str, "script": str, "own": bool, "disk": str}, deadline = "5m")

def run(ctx, input):
    r = job("work", on = "vm", command = ["/bin/sh", "-c", input["script"]], workspace = git(input["repository"], ref = "main"), timeout = "2m",
            own_user = input["own"], cleanup = "always", limits = limits(processes = 100, disk = input["disk"]), heartbeat = "1s", grace = "1s")
    return {"ok": r.ok, "kind": r.error.kind if r.error else None, "message": r.error.message if r.error else None,
            "output": r.output, "held": r.held, "used": r.used}
"#;

fn git(dir: &Path, arguments: &[&str]) {
    let mut command = Command::new("git");
    command.arg("-C").arg(dir).args(["-c", "user.name=t", "-c", "user.email=t@t", "-c", "init.defaultBranch=main"]).args(arguments);
    assert!(command.output().unwrap().status.success(), "{arguments:?}");
}

fn repository(world: &World) -> PathBuf {
    let dir = world.scratch("repository");
    std::fs::create_dir(&dir).unwrap();
    git(&dir, &["init", "-q"]);
    std::fs::write(dir.join("file"), "content\n").unwrap();
    git(&dir, &["add", "."]);
    git(&dir, &["commit", "-qm", "first"]);
    dir
}

/// Where jobs of the host have worked, as far as that is there.
fn work_dirs(root: &Path) -> Vec<PathBuf> {
    let places = std::fs::read_dir(root.join("jobs")).unwrap().flatten().map(|job| job.path().join("place.json"));
    let dir = |place: PathBuf| {
        let place: serde_json::Value = serde_json::from_slice(&std::fs::read(place).unwrap()).unwrap();
        PathBuf::from(place["dir"].as_str().unwrap())
    };
    places.map(dir).filter(|work| work.exists()).collect()
}

#[test]
fn a_job_works_in_a_worktree_with_or_without_a_user_of_its_own_and_leaves_nothing() {
    let world = World::new();
    flows::publish(&world.it, "held", HELD);
    let repository = repository(&world);
    for own in [false, true] {
        let script = "cat file; git log -1 --format=%s; id -u; cat $HOME/.ssh/authorized_keys >/dev/null 2>&1 && echo keys; true";
        let run = Run::start(&world.it, "held", &json!({ "repository": repository, "script": script, "own": own, "disk": "1GiB" }));
        let shown = run.ended(&world.it);
        let value = &shown["value"];
        assert_eq!(value["ok"], true, "{shown:#}");
        let output = value["output"].as_str().unwrap();
        assert!(output.starts_with("content\nfirst\n"), "{output}");
        assert_eq!(output.lines().nth(2) == Some("0"), !own, "{output}");
        assert!(!own || !output.contains("keys"), "it has none of the login's keys");
        assert_eq!(value["held"]["isolation"], if own { "own_user" } else { "shared_user" });
        assert_eq!(value["held"]["limits"]["processes"], 100, "{value:#}");
        assert!(value["used"]["cpu_ms"].is_number(), "{value:#}");
        run.assert_ended_once(&world.it);
    }
    wait::holds("the directories are removed", limits::SOON, || work_dirs(&world.root).is_empty());
    world.assert_no_process_left();
}

#[test]
fn f103_a_job_over_its_disk_ends_with_a_kind_of_its_own() {
    let world = World::new();
    flows::publish(&world.it, "held", HELD);
    let script = "head -c 8M /dev/zero > large; sleep 1000";
    let run = Run::start(&world.it, "held", &json!({ "repository": repository(&world), "script": script, "own": false, "disk": "1MiB" }));
    let shown = run.ended(&world.it);
    assert_eq!((&shown["value"]["ok"], &shown["value"]["kind"]), (&json!(false), &json!("limits")), "{shown:#}");
    world.assert_no_process_left();
    run.assert_ended_once(&world.it);
}
