//! What a waiting run costs on disk, and how many answers are durable a second.
//!
//! `cargo run --release -p sortie-store --features conformance --example measure -- [RUNS] [FOLDER]`

use serde_json::json;
use sortie_store::conformance::world::World;
use sortie_store::sqlite::SqliteStore;
use sortie_store::{Store, StoreError};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Callers at once.
const CALLERS: [usize; 3] = [1, 64, 256];

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let runs: usize = arguments.next().map_or(Ok(20_000), |text| text.parse())?;
    let folder = arguments.next().map_or_else(tempfile::tempdir, tempfile::tempdir_in)?;
    let path = folder.path().join("sortie.db");
    let world = Arc::new(World::new(SqliteStore::open(&path)? as Arc<dyn Store>));
    let started = Instant::now();
    let waiting = spread(&world, 64, vec![(); runs], |world, ()| async move { world.waiting("fix-issue").await.1 }).await;
    println!("{runs} waiting runs made in {:.1} s", started.elapsed().as_secs_f64());
    world.store.close().await?;
    println!("{:.0} bytes of disk per waiting run", std::fs::metadata(&path)?.len() as f64 / runs as f64);

    let started = Instant::now();
    let world = Arc::new(World::new(SqliteStore::open(&path)? as Arc<dyn Store>));
    println!("opened again in {:.1} ms; resident: {}", started.elapsed().as_secs_f64() * 1e3, resident());
    let mut waiting = waiting.into_iter();
    for callers in CALLERS {
        let share: Vec<_> = waiting.by_ref().take(if callers == 1 { runs / 20 } else { runs / 3 }).collect();
        let count = share.len();
        let started = Instant::now();
        let mut took: Vec<Duration> = spread(&world, callers, share, |world, wait| async move {
            let started = Instant::now();
            let answered: Result<_, StoreError> = world.answer(&wait, "digest", Ok(json!({"approved": true}))).await;
            answered.unwrap_or_else(|error| panic!("{error}"));
            started.elapsed()
        })
        .await;
        let seconds = started.elapsed().as_secs_f64();
        took.sort();
        let at = |share: f64| took[((count - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
        println!("{callers:3} callers: {:.0} answers/s durable, p50 {:.2} ms, p99 {:.2} ms", count as f64 / seconds, at(0.5), at(0.99));
    }
    println!("resident: {}", resident());
    world.store.close().await?;
    Ok(())
}

/// Do a piece of work for each item, this many at once.
async fn spread<I, T, F, W>(world: &Arc<World>, callers: usize, items: Vec<I>, work: W) -> Vec<T>
where
    I: Send + 'static,
    T: Send + 'static,
    W: Fn(Arc<World>, I) -> F + Copy + Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let items = Arc::new(std::sync::Mutex::new(items.into_iter()));
    let mut tasks = JoinSet::new();
    for _ in 0..callers {
        let (world, items) = (Arc::clone(world), Arc::clone(&items));
        tasks.spawn(async move {
            let mut done = Vec::new();
            while let Some(item) = { items.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next() } {
                done.push(work(Arc::clone(&world), item).await);
            }
            done
        });
    }
    tasks.join_all().await.into_iter().flatten().collect()
}

/// Resident memory, as the kernel says it.
fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("?").trim().to_owned()
}
