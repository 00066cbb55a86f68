//! Progress and checkpoints of a job.

use crate::vm::Vm;
use serde_json::json;

const SAY: &str = "say() { printf %s \"$2\" > \"$1.new\" && mv \"$1.new\" \"$1\"; }; ";

#[test]
fn what_a_job_reports_is_posted_while_it_runs() {
    let vm = Vm::new();
    let go = vm.scratch("go");
    let script = format!(
        "{SAY} say $SORTIE_PROGRESS '{{\"step\":1}}'; say $SORTIE_CHECKPOINT '\"at 1\"'; until [ -e {} ]; do sleep 0.02; done",
        go.display()
    );
    vm.launched(&vm.sh("att_report000001", &script));
    let (progress, checkpoint) = (vm.server.wait_for("att_report000001", "progress"), vm.server.wait_for("att_report000001", "checkpoint"));
    assert_eq!((progress.callback().data, checkpoint.callback().data), (json!({"step": 1}), json!("at 1")));
    assert!(progress.path.contains("/att_report000001/progress?") && progress.callback().seq < checkpoint.callback().seq);
    std::fs::write(go, "").unwrap();
    vm.posted_result("att_report000001");
    let posts = vm.server.got().iter().filter(|got| got.id.contains(".progress.")).count();
    assert_eq!(posts, 1, "the same content is posted once");
}

#[test]
fn the_last_report_goes_with_the_result() {
    let vm = Vm::new();
    vm.launched(&vm.sh("att_report000002", &format!("{SAY} say $SORTIE_CHECKPOINT '[1,2]'; say $SORTIE_PROGRESS 'no json'")));
    let result = vm.posted_result("att_report000002");
    assert_eq!((result.checkpoint.map(|report| report.data), result.progress), (Some(json!([1, 2])), None));
}
