//! A host that is not the one that was added: refused with its own error, and nothing sent.

use sortie_tests::sshd::Sshd;
use sortie_tests::world::World;

/// A run on the host fails with `kind`, nobody logged in, nothing was started.
fn refused(world: &World, kind: &str) {
    let (logins, commands) = (world.sshd.logins(), world.sshd.commands());
    let run = world.job("never", "true");
    let shown = run.ended(&world.it);
    assert_eq!(shown["value"]["kind"], kind, "{shown:#}\n{}", world.sshd.log());
    assert_eq!((world.sshd.logins(), world.sshd.commands()), (logins, commands), "nothing is sent to such a host");
    assert_eq!(world.recorder.count("never"), 0);
    run.assert_ended_once(&world.it);
    let tested = world.it.cli(&["host", "test", "vm"]);
    assert!(tested.code != 0 || tested.data().to_string().contains("key"), "`host test` says so too: {}", tested.json);
}

/// Ends the connections that the server holds, so that the next one is new.
fn restart(world: &mut World) {
    world.it.stop();
    world.sshd.stop();
    world.sshd.run();
    world.it.start();
}

#[test]
fn f081_a_host_whose_key_changed_is_refused() {
    let mut world = World::new();
    world.sshd.new_host_key("ed25519");
    restart(&mut world);
    refused(&world, "host_key");
}

#[test]
fn f081_a_host_that_offers_a_key_of_another_type_is_refused() {
    let mut world = World::new();
    world.sshd.new_host_key("ecdsa");
    restart(&mut world);
    refused(&world, "host_key");
}

#[test]
fn f080_a_host_of_unknown_key_is_not_added_and_its_fingerprint_is_shown() {
    let world = World::new();
    let target = format!("root@127.0.0.1:{}", world.sshd.port);
    let answer = world.it.cli(&["host", "add", "other", &target]);
    assert_eq!((answer.error(), answer.code), ("host_untrusted", 4), "{}", answer.json);
    assert!(answer.json.to_string().contains("SHA256:"), "{}", answer.json);
    let logins = world.sshd.logins();
    let wrong = world.it.cli(&["host", "add", "other", &target, "--host-key-fingerprint", &format!("SHA256:{}", "A".repeat(43))]);
    assert_eq!(wrong.error(), "host_untrusted", "{}", wrong.json);
    assert_eq!(world.sshd.logins(), logins, "nobody logs in to a host that is not believed");
    assert_eq!(world.it.cli(&["host", "list"]).data()["hosts"].as_array().unwrap().len(), 1);
}

#[test]
fn f081_the_new_key_of_a_machine_on_the_way_is_taken_by_its_fingerprint_alone() {
    let (mut world, mut gate) = (World::new(), Sshd::start());
    gate.authorize(world.it.made["ssh_public_key"].as_str().unwrap());
    let known = world.scratch("known_hosts");
    let line = |sshd: &Sshd| format!("[127.0.0.1]:{} {}\n", sshd.port, sshd.host_key());
    std::fs::write(&known, line(&gate) + &line(&world.sshd)).unwrap();
    let (target, jump) = (format!("root@127.0.0.1:{}", world.sshd.port), format!("root@127.0.0.1:{}", gate.port));
    let (known, root) = (known.display().to_string(), world.root.display().to_string());
    let added = world.it.cli(&["host", "add", "behind", &target, "--jump", &jump, "--known-hosts", &known, "--root", &root]);
    assert_eq!(added.code, 0, "{}", added.json);
    gate.new_host_key("ed25519");
    // What is connected stays so: the next connection is the one that shows the new key.
    world.it.stop();
    gate.stop();
    gate.run();
    world.it.start();
    let keys = |more: &[&str]| world.it.cli(&[&["host", "keys", "show", "behind"], more].concat());
    let shown = keys(&["--jump", "1"]);
    let offered = &shown.data()["offered"][0];
    assert_eq!((&offered["key"], &offered["pinned"]), (&gate.host_key().into(), &false.into()), "{}", shown.json);
    let accept = shown.json["meta"]["next"].to_string();
    assert!(accept.contains("accept") && accept.contains("--jump"), "the command to run is shown: {}", shown.json);
    assert_ne!(keys(&[]).code, 0, "nothing passes it before that");
    let fingerprint = offered["fingerprint"].as_str().unwrap();
    let of_host = world.it.cli(&["host", "keys", "accept", "behind", "--fingerprint", fingerprint]);
    assert_ne!(of_host.code, 0, "it is no key of the host: {}", of_host.json);
    let _ = world.it.cli(&["host", "keys", "accept", "behind", "--jump", "1", "--fingerprint", fingerprint]).data();
    assert_eq!(keys(&[]).data()["offered"][0]["pinned"], true);
    assert_eq!(keys(&["--jump", "2"]).error(), "usage", "there is one machine on the way");
}

#[test]
fn f080_a_revoked_key_is_refused() {
    let world = World::new();
    let known = world.scratch("known_hosts");
    let (port, key) = (world.sshd.port, world.sshd.host_key());
    std::fs::write(&known, format!("[127.0.0.1]:{port} {key}\n@revoked [127.0.0.1]:{port} {key}\n")).unwrap();
    let target = format!("root@127.0.0.1:{port}");
    let logins = world.sshd.logins();
    let answer = world.it.cli(&["host", "add", "other", &target, "--known-hosts", known.to_str().unwrap()]);
    assert_eq!(answer.error(), "host_untrusted", "{}", answer.json);
    assert!(answer.json["error"]["message"].as_str().unwrap().contains("revoked"), "its own message: {}", answer.json);
    assert_eq!(world.sshd.logins(), logins);
}

#[test]
fn f084_another_machine_behind_the_same_key_is_refused_and_never_a_fresh_start() {
    let mut world = World::new();
    world.it.stop();
    std::fs::rename(&world.root, world.scratch("old")).unwrap();
    world.it.start();
    let shown = world.job("never", "true").ended(&world.it);
    assert_eq!(shown["value"]["kind"], "wrong_machine", "{shown:#}");
    assert_eq!(world.recorder.starts(), vec![]);
}
