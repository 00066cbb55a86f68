//! A login that becomes root by `sudo`: each job has a user of its own, as after a login as root.

use serde_json::json;
use sortie_tests::login::Login;
use sortie_tests::world::World;
use std::os::unix::fs::MetadataExt as _;

/// Add a host by this login; its state root is the world's, so that nothing of it is left when the world ends.
fn add(world: &World, login: &Login) -> sortie_tests::cli::Answer {
    world.sshd.open_to_all_users();
    let target = format!("{}@127.0.0.1:{}", login.name, world.sshd.port);
    let (key, root) = (world.sshd.host_key_file(), world.root.display().to_string());
    world.it.cli(&["host", "add", "by-sudo", &target, "--sudo", "--host-key-file", key.to_str().unwrap(), "--root", &root])
}

#[test]
fn f060_a_login_with_sudo_gives_each_job_a_user_of_its_own() {
    let (world, login) = (World::new(), Login::with_sudo());
    let added = add(&world, &login);
    assert_eq!((&added.data()["own_user"], &added.data()["sudo"]), (&json!(true), &json!(true)), "{}", added.json);
    assert_eq!(added.data()["facts"]["isolation"], "own_user", "{}", added.json);
    let script = format!(
        "id -u; id -un; cat {root}/marker && echo LEAK; ls {home} && echo LEAK; sudo -n true && echo LEAK; echo done",
        root = world.root.display(),
        home = login.home().display()
    );
    let shown = world.job_with("held", &script, json!({ "host": "by-sudo" })).ended(&world.it);
    let value = &shown["value"];
    let output = value["output"].as_str().unwrap_or_default();
    assert!(value["ok"] == true && output.ends_with("done\n") && !output.contains("LEAK"), "{shown:#}");
    let uid: u32 = output.lines().next().unwrap().parse().unwrap();
    assert!(uid != 0 && uid != login.home().metadata().unwrap().uid(), "{output}");
    assert!(output.lines().nth(1).unwrap().starts_with("sortie-job-"), "{output}");
    assert_eq!(std::fs::read_dir(login.home()).unwrap().count(), 0, "the login's home is left alone");
    assert_eq!(world.root.metadata().unwrap().uid(), 0);
    let set = world.it.cli(&["host", "set", "by-sudo", "--own-user", "false"]);
    assert_eq!(set.error(), "usage", "its jobs would be root: {}", set.json);
}

#[test]
fn a_login_without_sudo_is_told_so() {
    let (world, login) = (World::new(), Login::new());
    let refused = add(&world, &login);
    assert!(refused.code != 0 && refused.json.to_string().contains("sudo: a password is required"), "{}", refused.json);
    assert_eq!(world.it.cli(&["host", "list"]).data()["hosts"].as_array().unwrap().len(), 1);
}
