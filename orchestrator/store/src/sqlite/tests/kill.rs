//! Everything that was acknowledged is there after kill -9 (F002, I3).

use super::faults::check;
use crate::conformance::world::World;
use crate::sqlite::SqliteStore;
use crate::{Reads, Store};
use serde_json::json;
use sortie_core::ids::RunId;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

/// Where the child works.
const FOLDER: &str = "SORTIE_STORE_KILL_TEST";
/// What an acknowledged line begins with.
const MARK: &str = "acknowledged ";

/// Not a test of its own: the process that is killed. It writes until then, and prints what was acknowledged.
#[test]
#[ignore = "started by the test below"]
fn the_process_that_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let store = SqliteStore::open(&Path::new(&folder).join("sortie.db")).unwrap();
        let round = store.run_counts().await.unwrap().iter().map(|count| count.runs).sum::<u64>();
        let world = Arc::new(World::after(store as Arc<dyn Store>, 1_000_000 * round.cast_signed()));
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let world = Arc::clone(&world);
            tasks.spawn(async move {
                loop {
                    let (run, wait) = world.waiting("ask").await;
                    say("waiting", &run);
                    world.answer(&wait, "d", Ok(json!(1))).await.unwrap();
                    say("answered", &run);
                }
            });
        }
        tasks.join_next().await
    });
}

fn say(what: &str, run: &RunId) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{MARK}{what} {run}").and_then(|()| out.flush()).unwrap();
}

fn start(folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["sqlite::tests::kill::the_process_that_is_killed", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn f002_what_was_acknowledged_is_there_after_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sortie.db");
    let (mut waiting, mut answered) = (Vec::new(), Vec::new());
    // Killed after so many acknowledgements, that is, anywhere in the work on the next ones.
    for after in [1, 2, 7, 23, 61, 150, 311] {
        let mut child = start(folder.path());
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut seen = 0;
        for line in lines {
            let line = line.unwrap();
            let Some((_, said)) = line.split_once(MARK) else { continue };
            let (what, run) = said.split_once(' ').unwrap();
            // A line that the kill has cut off was printed after the acknowledgement all the same, but its id is not whole.
            let Ok(run) = RunId::parse(run) else { continue };
            seen += 1;
            if what == "waiting" {
                waiting.push(run)
            } else {
                answered.push(run)
            }
            if seen == after {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(seen >= after, "the child died by itself after {seen}");
        check(&path, &waiting).await;
        let store = SqliteStore::open(&path).unwrap();
        for run in &answered {
            assert!(store.steps(run).await.unwrap()[0].completed_seq.is_some(), "the acknowledged answer of {run} is there");
            let due = store.due(run).await.unwrap();
            assert!(due.iter().any(|work| work.work == sortie_core::effect::Work::Advance), "and its run is to be advanced");
        }
        store.close().await.unwrap();
    }
}
