//! What is stored of runs is what was written.

use serde_json::json;
use sortie_tests::world::World;

#[test]
fn f019_doctor_finds_an_event_that_changed_on_the_disk() {
    let mut world = World::new();
    let run = world.job("once", "exit 0");
    assert_eq!(run.ended(&world.it)["over"], true);
    let seen = |world: &World| world.it.look("/v1/journals").unwrap();
    assert_eq!((&seen(&world)["runs"], &seen(&world)["broken"]), (&json!(1), &json!([])));
    world.it.kill();
    let db = rusqlite::Connection::open(world.it.home.join("sortie.db")).unwrap();
    db.execute_batch("DROP TRIGGER event_is_immutable; UPDATE event SET at = at + 1 WHERE seq = 2").unwrap();
    drop(db);
    world.it.start();
    let doctor = world.it.cli(&["doctor"]);
    assert_eq!(doctor.error(), "blocked", "{}", doctor.json);
    let findings = doctor.json["error"]["details"]["findings"].as_array().unwrap().clone();
    let broken: Vec<_> = findings.iter().filter(|finding| finding["check"] == "journals").collect();
    assert_eq!(broken.len(), 1, "{findings:?}");
    assert!(broken[0]["message"].as_str().unwrap().contains(&run.id), "{broken:?}");
}
