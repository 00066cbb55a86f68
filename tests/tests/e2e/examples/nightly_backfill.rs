//! `examples/nightly-backfill`: a few jobs at a time, one on a host, and a report.

use super::{kept, release};
use serde_json::{Value, json};
use sortie_tests::run::Run;
use sortie_tests::world::World;
use std::collections::BTreeMap;

/// When the jobs of each host ran on it, by its shim's clock: from and to, in order.
fn busy(world: &World, run: &Run) -> BTreeMap<String, Vec<(i64, i64)>> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let host_of: BTreeMap<String, String> =
        run.events(&world.it, "attempt_launching").iter().map(|event| (text(&event["attempt"]), text(&event["handed"]["host"]))).collect();
    let mut times: BTreeMap<String, Vec<(i64, i64)>> = BTreeMap::new();
    for event in run.events(&world.it, "attempt_result") {
        let from = event["result"]["started_at_ms"].as_i64().unwrap();
        let to = from + event["result"]["duration_ms"].as_i64().unwrap();
        times.entry(host_of[&text(&event["attempt"])].clone()).or_default().push((from, to));
    }
    times.values_mut().for_each(|spans| spans.sort_unstable());
    times
}

#[test]
fn a_failed_day_is_reported_and_a_host_computes_one_day_at_a_time() {
    let world = World::new();
    for name in ["w1", "w2"] {
        let added = world.add_host_with(name, world.sshd.port, &["--label", "worker", "--slots", "1"]);
        assert_eq!(added.data()["slots"], 1, "{}", added.json);
    }
    release(&world, "nightly-backfill");
    let days = ["2026-01-01", "2026-01-02", "broken", "2026-01-03", "2026-01-04"];
    let run = Run::start(&world.it, "nightly-backfill", &json!({ "label": "worker", "days": days, "at_most": 4 }));
    let shown = run.ended(&world.it);
    assert_eq!((&shown["value"]["done"], &shown["value"]["failed"]), (&json!(4), &json!(["broken"])), "{shown:#}");
    let report: Value = serde_json::from_str(&kept(&world, &run, "report")).unwrap();
    let done: Vec<&Value> = report["done"].as_array().unwrap().iter().map(|row| &row["day"]).collect();
    assert_eq!(done, ["2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04"], "{report:#}");
    assert_eq!(report["failed"], json!(["broken"]));

    let busy = busy(&world, &run);
    assert_eq!(busy.keys().map(String::as_str).collect::<Vec<_>>(), ["w1", "w2"], "{busy:?}");
    assert_eq!(busy.values().map(Vec::len).sum::<usize>(), 6, "five days, and a second try of the broken one: {busy:?}");
    for (host, spans) in &busy {
        assert!(spans.windows(2).all(|pair| pair[0].1 <= pair[1].0), "two jobs at once on {host}: {spans:?}");
    }
    run.assert_ended_once(&world.it);
}

#[test]
fn releasing_it_arms_its_schedule_which_can_be_fired_by_hand() {
    let world = World::new();
    let _ = world.add_host_with("w1", world.sshd.port, &["--label", "worker", "--slots", "2"]).data();
    release(&world, "nightly-backfill");
    let listed = world.it.cli(&["schedule", "list"]).data().clone();
    let schedule = &listed["schedules"][0];
    assert_eq!((&schedule["flow"], &schedule["tz"]), (&json!("nightly-backfill"), &json!("Europe/Oslo")), "{listed:#}");
    assert!(schedule["next"].is_string(), "{listed:#}");
    let fired = world.it.cli(&["schedule", "trigger", "nightly-backfill"]);
    let run = Run { id: fired.data()["run"].as_str().unwrap().to_owned() };
    let shown = run.ended(&world.it);
    assert_eq!((&shown["value"]["done"], &shown["value"]["failed"]), (&json!(1), &json!([])), "{shown:#}");
}
