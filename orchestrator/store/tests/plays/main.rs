//! The engine with its SQLite store against a small oracle: random operations, the full state compared after each.
//!
//! The oracle is written from the design's words (*Attempts and jobs*, *Callbacks*, *Flows*), not from the engine: it has no events, no
//! due work and no rows, only what an operator could name. `SORTIE_MODEL_SEEDS=1000000 cargo test -p sortie-store --test plays` runs
//! a million of them; `SORTIE_MODEL_SEED=n` runs the one that failed.

#![allow(missing_docs, clippy::unwrap_used, reason = "test code")]

mod engine;
mod oracle;
mod play;
mod rng;
mod script;

use play::Play;

/// In CI; more by a command.
const SEEDS: u64 = 20_000;
/// Runs of one store: opening one costs more than a run.
const OF_A_STORE: u64 = 250;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

fn play(seeds: impl Iterator<Item = u64>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let engine = engine::Engine::open().await;
        for seed in seeds {
            let told = std::panic::AssertUnwindSafe(Play::new(&engine, seed).run());
            if let Err(panic) = futures_util::FutureExt::catch_unwind(told).await {
                eprintln!("the model and the engine differ; again with SORTIE_MODEL_SEED={seed}");
                std::panic::resume_unwind(panic);
            }
        }
        engine.close().await;
    });
}

#[test]
fn the_engine_does_what_the_oracle_says() {
    if let Some(seed) = number("SORTIE_MODEL_SEED") {
        return play(std::iter::once(seed));
    }
    let seeds = number("SORTIE_MODEL_SEEDS").unwrap_or(SEEDS);
    let stores: Vec<u64> = (0..seeds.div_ceil(OF_A_STORE)).collect();
    let next = std::sync::atomic::AtomicUsize::new(0);
    // A play waits for its store's threads more than it computes.
    let workers = 3 * std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(store) = stores.get(next.fetch_add(1, std::sync::atomic::Ordering::SeqCst)) {
                    play(store * OF_A_STORE..((store + 1) * OF_A_STORE).min(seeds));
                }
            });
        }
    });
}
