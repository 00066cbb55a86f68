//! Cuts between server and machine, each way: what one way cannot bring, the other does.

use serde_json::json;
use sortie_tests::fleet::Fleet;
use sortie_tests::limits;
use sortie_tests::vm::cut::{How, Way};

#[test]
fn f092_behind_nat_the_callbacks_alone_complete_a_run() {
    let fleet = Fleet::new(1);
    let run = fleet.job("vm0", "nat", &(fleet.gate("go") + "echo from behind"));
    fleet.started("nat");
    let _ = run.event(&fleet.it, "attempt_launched");
    fleet.vms[0].cut(Way::ToVm, How::Drop);
    fleet.open_gate("go");
    let shown = run.ended_within(&fleet.it, limits::RETRIED);
    assert_eq!((&shown["state"], &shown["value"]["output"]), (&json!("succeeded"), &json!("from behind\n")), "{shown:#}");
    assert_eq!(run.events(&fleet.it, "attempt_result")[0]["via"], "callback");
    run.assert_ended_once(&fleet.it);
}
