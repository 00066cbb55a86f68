//! The lease of a state root that a worker serves.

use crate::vm::{Vm, eventually};
use sortie_protocol::callback::JobOutcome;
use sortie_protocol::lease::{LEASE_FILE, Lease};

#[test]
fn a_job_ends_with_its_lease_though_nobody_asks_and_lives_while_it_is_renewed() {
    let vm = Vm::new();
    let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap().trim().to_owned();
    let write = |until_boot_ms: u64| {
        let lease = Lease { boot_id: boot_id.clone(), until_boot_ms };
        std::fs::write(vm.root().join("lease.new"), serde_json::to_vec(&lease).unwrap()).unwrap();
        std::fs::rename(vm.root().join("lease.new"), vm.root().join(LEASE_FILE)).unwrap();
    };
    write(u64::MAX);
    vm.launched(&vm.sh("att_lease0000001", &format!("echo run >> {}; setsid sleep 600 & sleep 600", vm.scratch("recorder").display())));
    eventually("the job runs", || vm.recorded("recorder") == 1);
    write(0);
    let result = vm.posted_result("att_lease0000001");
    assert_eq!((result.outcome, result.stop_reason.as_deref(), result.tree_gone), (JobOutcome::Stopped, Some("lease"), true));
}
