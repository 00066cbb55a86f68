//! `examples/fix-issue`: an agent, a diff, a decision, a merge.

use super::{kept, operator, question, release};
use serde_json::json;
use sortie_tests::cli;
use sortie_tests::run::Run;
use sortie_tests::world::World;
use std::path::{Path, PathBuf};
use std::process::Command;

fn git(folder: &Path, args: &[&str]) -> String {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(["-c", "user.name=test", "-c", "user.email=test@localhost"]).args(args);
    let output = cli::output(command);
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A bare repository with one commit.
fn repository(world: &World) -> PathBuf {
    let (bare, work) = (world.scratch("project.git"), world.scratch("project"));
    git(world.it.folder(), &["init", "-q", "--bare", "-b", "main", bare.to_str().unwrap()]);
    git(world.it.folder(), &["init", "-q", "-b", "main", work.to_str().unwrap()]);
    std::fs::write(work.join("README"), "a project\n").unwrap();
    git(&work, &["add", "README"]);
    git(&work, &["commit", "-q", "-m", "First"]);
    git(&work, &["push", "-q", bare.to_str().unwrap(), "main"]);
    bare
}

fn start(world: &World, repo: &Path, agent: &str) -> Run {
    // Any program can be the agent: it is told the prompt by its standard input.
    let script = format!("grep -q 'Fix issue 7' || exit 9; {agent}");
    let input = json!({ "host": "vm", "repo": repo, "issue": 7, "kind": "command", "program": "/bin/sh", "arguments": ["-c", script] });
    Run::start(&world.it, "fix-issue", &input)
}

#[test]
fn what_a_maintainer_approves_is_merged() {
    let world = World::new();
    let repo = repository(&world);
    let ada = operator(&world, "ada", "maintainers");
    release(&world, "fix-issue");
    let run = start(&world, &repo, "echo fixed >> README; sh .sortie/finish.sh");
    let asked = question(&world, &run);
    assert_eq!((&asked["title"], asked["show"].as_array().map(Vec::len)), (&json!("Merge the fix of issue 7?"), Some(1)), "{asked:#}");
    let diff = kept(&world, &run, ".sortie/fix.diff");
    assert!(diff.contains("\n+fixed\n"), "{diff}");
    assert_eq!(git(&repo, &["show", "main:README"]), "a project\n", "nothing is merged before somebody decided");

    let (id, revision) = (asked["id"].as_str().unwrap(), asked["revision"].to_string());
    let yes = ["approval", "approve", id, "--revision", &revision, "--comment", "well done"];
    assert_eq!(cli::run_as(&world.it.home, &ada, &yes).data()["changed"], true);
    let shown = run.ended(&world.it);
    assert_eq!((&shown["value"]["status"], &shown["value"]["by"]), (&json!("merged"), &json!(["ada"])), "{shown:#}");
    assert_eq!(git(&repo, &["show", "main:README"]), "a project\nfixed\n");
    assert_eq!(git(&repo, &["rev-parse", "main"]).trim(), shown["value"]["commit"], "{shown:#}");
    assert_eq!(world.it.cli(&["runs", "explain", &run.id]).code, 0);
    run.assert_ended_once(&world.it);
}

#[test]
fn what_is_rejected_is_not_merged_and_the_next_try_of_the_issue_begins_anew() {
    let world = World::new();
    let repo = repository(&world);
    let ada = operator(&world, "ada", "maintainers");
    release(&world, "fix-issue");
    for word in ["one", "two"] {
        // This agent commits by itself.
        let commit = "git -c user.name=a -c user.email=a@localhost commit -q -a -m mine";
        let run = start(&world, &repo, &format!("echo {word} >> README; {commit}; sh .sortie/finish.sh"));
        let asked = question(&world, &run);
        assert!(kept(&world, &run, ".sortie/fix.diff").contains(&format!("\n+{word}\n")));
        let (id, revision) = (asked["id"].as_str().unwrap(), asked["revision"].to_string());
        let no = ["approval", "reject", id, "--revision", &revision, "--comment", "not so"];
        let _ = cli::run_as(&world.it.home, &ada, &no).data();
        let shown = run.ended(&world.it);
        assert_eq!((&shown["value"]["status"], &shown["value"]["why"]), (&json!("rejected"), &json!("not so")), "{shown:#}");
    }
    assert_eq!(git(&repo, &["show", "main:README"]), "a project\n");
    let idle = start(&world, &repo, "true").ended(&world.it);
    assert_eq!(idle["state"], "failed", "an agent that changed nothing: {idle:#}");
}
