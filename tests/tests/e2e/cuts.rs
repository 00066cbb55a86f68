//! The SSH stream cut at every 64th byte of a launch, each way: one process, one result (F076, F077, F078).

use serde_json::json;
use sortie_tests::proxy::{Plan, Proxy, Way};
use sortie_tests::run::Run;
use sortie_tests::world::World;
use sortie_tests::{limits, wait};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

const STEP: usize = 64;
/// Hosts that are cut at the same time, so that most of the waiting happens side by side.
const HOSTS: usize = 8;

fn job(world: &World, host: &str, word: &str) -> Run {
    world.job_with(word, "printf 1 > \"$SORTIE_RESULT\"", json!({ "host": host }))
}

/// Bytes of a whole launch each way, on a connection of its own.
fn measure(world: &World) -> (usize, usize) {
    let proxy = Proxy::to(world.sshd.port);
    let _ = world.add_host("measured", proxy.port).data();
    proxy.cut_off();
    let before = proxy.links().len();
    let run = job(world, "measured", "measured");
    let _ = run.event(&world.it, "attempt_launched");
    let link = proxy.links()[before].clone();
    let _ = run.ended(&world.it);
    (link.up, link.down)
}

/// One launch whose connection is cut there; the run ends all the same, once.
fn cut(world: &World, proxy: &Proxy, host: &str, way: Way, bytes: usize) {
    let word = format!("{way:?}.{bytes}");
    proxy.cut_off();
    let link = proxy.links().len();
    proxy.next(Plan::Cut(way, bytes));
    let run = job(world, host, &word);
    // Within this time a break must have been noticed: by itself, not by the time limit of a phase.
    let shown = run.ended_within(&world.it, limits::SOON);
    assert_eq!((&shown["state"], &shown["value"]["result"]), (&json!("succeeded"), &json!(1)), "{word}: {shown:#}");
    assert_eq!(world.recorder.count(&word), 1, "{word}: one process");
    run.assert_ended_once(&world.it);
    wait::holds(&format!("{word} is cut"), limits::SOON, || proxy.links().get(link).is_some_and(|link| link.acted));
}

#[test]
fn f076_f077_the_ssh_stream_cut_at_every_64th_byte_of_a_launch_one_process_one_result() {
    let world = World::new();
    let (up, down) = measure(&world);
    assert!(up > 2_000 && down > 1_500, "a launch has {up} bytes up and {down} down");
    let cuts = (1..=up / STEP).map(|n| (Way::Up, n * STEP)).chain((1..=down / STEP).map(|n| (Way::Down, n * STEP)));
    let cuts: Arc<Mutex<VecDeque<(Way, usize)>>> = Arc::new(Mutex::new(cuts.collect()));
    let count = cuts.lock().unwrap().len();
    let hosts: Vec<(String, Proxy)> = (0..HOSTS)
        .map(|n| {
            let proxy = Proxy::to(world.sshd.port);
            let name = format!("vm{n}");
            let _ = world.add_host(&name, proxy.port).data();
            (name, proxy)
        })
        .collect();
    std::thread::scope(|scope| {
        for (host, proxy) in &hosts {
            let (cuts, world) = (Arc::clone(&cuts), &world);
            scope.spawn(move || {
                loop {
                    let next = cuts.lock().unwrap().pop_front();
                    let Some((way, bytes)) = next else { return };
                    cut(world, proxy, host, way, bytes);
                }
            });
        }
    });
    world.recorder.assert_no_attempt_twice();
    let starts = world.recorder.starts().len();
    assert_eq!(starts, count + 1, "one for each cut, and the measured one");
    world.assert_no_process_left();
}
