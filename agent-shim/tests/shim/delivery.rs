//! Posts: kept until a receipt is read, whatever comes instead of one.

use crate::server::{Mode, Server, http};
use crate::vm::{Vm, eventually, is_alive, job_result};
use sortie_protocol::spec::Trust;
use sortie_protocol::verb::{Reply, Verb};
use sortie_protocol::view::Phase;

/// Misbehave first, then well: the result is kept, then delivered with the same bytes.
fn kept_then_delivered(attempt: &str, mode: Mode) {
    let vm = Vm::new();
    vm.server.mode(mode);
    vm.launched(&vm.sh(attempt, "echo done"));
    let first = vm.server.wait_for(attempt, "result");
    assert_eq!(vm.status(attempt).phase, Phase::Finished);
    vm.server.mode(Mode::Good);
    vm.wait_phase(attempt, Phase::Acked);
    let repeats: Vec<_> = vm.server.got().into_iter().filter(|g| g.id == first.id).collect();
    assert!(repeats.len() > 1);
    assert!(repeats.iter().all(|g| g.body == first.body), "the bytes are the same on every repeat");
}

#[test]
fn f047_a_proxys_200_is_no_answer() {
    kept_then_delivered("att_proxy0000001", Mode::Raw(http(200, "content-type: text/html\r\n", "<html>Welcome to the airport</html>")));
}

#[test]
fn f047_a_redirect_is_never_followed() {
    let other = Server::start();
    for status in [301, 302, 303, 307, 308] {
        let location = format!("location: http://{}/v1/callbacks/x\r\n", other.address);
        kept_then_delivered(&format!("att_redirect0{status}"), Mode::Raw(http(status, &location, "")));
    }
    assert!(other.got().is_empty());
}

#[test]
fn f039_an_answer_lost_after_commit_is_a_duplicate_on_repeat() {
    kept_then_delivered("att_lost00000001", Mode::LoseAnswer);
}

#[test]
fn f045_an_answer_cut_short_is_no_answer() {
    kept_then_delivered("att_short0000001", Mode::Raw("HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"outcome\":".to_owned()));
}

#[test]
fn f046_unavailable_with_retry_after_is_tried_again() {
    kept_then_delivered("att_busy00000001", Mode::Raw(http(503, "retry-after: 0\r\n", "")));
}

#[test]
fn f043_a_server_that_is_down_for_the_whole_job_gets_the_result_when_it_is_back() {
    let mut vm = Vm::new();
    let address = vm.server.address;
    let spec = vm.sh("att_down00000001", "true");
    let verb = vm.launch_verb(&spec);
    vm.server = Server::start();
    assert!(matches!(vm.verb(verb), Reply::Launched { .. }));
    vm.wait_phase("att_down00000001", Phase::Finished);
    let back = Server::on(address);
    back.wait_for("att_down00000001", "result");
    vm.wait_phase("att_down00000001", Phase::Acked);
}

#[test]
fn f048_plain_http_needs_the_operators_word_and_the_result_waits_to_be_collected() {
    let vm = Vm::new();
    let mut verb = vm.launch_verb(&vm.sh("att_plain0000001", "true"));
    let Verb::Launch { credentials, .. } = &mut verb else { panic!() };
    credentials.trust = Trust::System;
    assert!(matches!(vm.verb(verb), Reply::Launched { .. }));
    assert_eq!(vm.collected_result("att_plain0000001").exit_code, Some(0));
    eventually("the shim says why", || std::fs::read_to_string(vm.file("att_plain0000001", "shim.log")).unwrap().contains("not https"));
    assert!(vm.server.got().is_empty());
}

#[test]
fn f093_what_cannot_be_pushed_is_collected_and_acknowledged() {
    let vm = Vm::new();
    vm.server.mode(Mode::Raw(http(401, "", "{}")));
    vm.launched(&vm.sh("att_pull00000001", "true"));
    vm.collected_result("att_pull00000001");
    let posts = vm.collect("att_pull00000001");
    assert_eq!(posts.iter().map(|p| p.id.as_str()).collect::<Vec<_>>(), ["att_pull00000001.started.1", "att_pull00000001.result.2"]);
    assert_eq!(job_result(posts[1].body.as_bytes()).exit_code, Some(0));
    let Reply::Collected { posts, .. } = vm.verb(Verb::Collect { attempt: "att_pull00000001".into(), after_seq: 1 }) else { panic!() };
    assert_eq!(posts.len(), 1);
    assert!(matches!(vm.verb(Verb::Ack { attempt: "att_pull00000001".into(), seq: 1 }), Reply::Refused { .. }));
    let owner = vm.process("att_pull00000001", "owner.json", "process").unwrap();
    assert!(is_alive(owner));
    for _ in 0..2 {
        assert!(
            matches!(vm.verb(Verb::Ack { attempt: "att_pull00000001".into(), seq: 2 }), Reply::Acked(view) if view.phase == Phase::Acked)
        );
    }
    eventually("the poster ends", || !is_alive(owner));
    assert_eq!(vm.collect("att_pull00000001").len(), 1, "a restored server can still ask for the result");
}

#[test]
fn heartbeats_count_upwards_and_carry_a_stop() {
    let vm = Vm::new();
    let mut spec = vm.sh("att_beat00000001", "echo hello; sleep 60");
    spec.heartbeat_ms = 50;
    vm.launched(&spec);
    let beats = |got: &[crate::server::Got]| got.iter().filter(|g| g.id.contains(".heartbeat.")).map(|g| g.callback()).collect::<Vec<_>>();
    let seen = beats(&vm.server.wait("three heartbeats", |got| beats(got).len() >= 3));
    assert!(seen.windows(2).all(|pair| pair[0].seq < pair[1].seq));
    vm.kill_supervisor("att_beat00000001");
    let before = beats(&vm.server.got()).last().unwrap().seq;
    assert_eq!(vm.status("att_beat00000001").phase, Phase::Running, "a successor stands");
    let instance = vm.status("att_beat00000001").instance.unwrap();
    vm.server.wait("a beat of the successor", |got| beats(got).iter().any(|b| b.instance == instance && b.seq > before));
    vm.server.mode(Mode::Stop("superseded".to_owned()));
    let result = vm.posted_result("att_beat00000001");
    assert_eq!((result.stop_reason.as_deref(), result.tree_gone), (Some("superseded"), true));
}
