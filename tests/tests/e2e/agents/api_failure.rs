//! A model that refuses: the three reasons are told apart, for every agent, by one flow.

use super::Scene;
use serde_json::json;
use sortie_tests::clis::Cli;
use sortie_tests::model::Turn;

fn fails(cli: Cli, status: u16, kind: &str) {
    let scene = Scene::new(cli, |_| vec![Turn::Status(status)]);
    let run = scene.run("");
    let value = scene.value(&run);
    assert_eq!((&value["ok"], &value["error"]), (&json!(false), &json!(kind)), "HTTP status {status}: {value:#}");
    assert_eq!(value["agent"]["outcome"], kind.trim_start_matches("agent_"), "{value:#}");
    let asked = scene.model.asked().len();
    assert!((1..=8).contains(&asked), "it gives up after its own few tries, not after {asked}");
    run.assert_ended_once(&scene.world.it);
    scene.assert_nothing_left();
}

mod credentials {
    use super::{Cli, fails};

    each_agent!(refused);

    fn refused(cli: Cli) {
        fails(cli, 401, "agent_auth");
    }
}

mod quota {
    use super::{Cli, fails};

    each_agent!(used_up);

    fn used_up(cli: Cli) {
        fails(cli, 429, "agent_quota");
    }
}

mod overload {
    use super::{Cli, fails};

    each_agent!(stays);

    fn stays(cli: Cli) {
        fails(cli, 500, "agent_unavailable");
    }
}

#[test]
fn a_limit_of_its_own_ends_an_agent() {
    for cli in [Cli::Claude, Cli::Gemini] {
        let scene = Scene::new(cli, |_| vec![Turn::shell("echo one"), Turn::shell("echo two"), Turn::text("never said")]);
        let value = scene.value(&scene.run("max_turns = 1"));
        assert_eq!((&value["ok"], &value["error"]), (&json!(false), &json!("agent_limit")), "{value:#}");
        scene.assert_nothing_left();
    }
}
