//! Questions of a job: asked once, answered once, whoever dies meanwhile; and the time that they take.

use crate::server::{Got, Mode};
use crate::vm::{Vm, eventually};
use sortie_protocol::ask::{Answered, Ask, AskAnswer};
use sortie_protocol::callback::JobOutcome;
use sortie_protocol::spec::Spec;
use sortie_protocol::verb::{Refusal, Reply, Verb};

/// A job that asks, and leaves what it was told in files.
fn asking(vm: &Vm, attempt: &str, arguments: &str) -> Spec {
    let told = vm.scratch(attempt);
    vm.sh(attempt, &format!("sortie-shim ask {arguments} > {0}.told; echo $? > {0}.code", told.display()))
}

fn code(vm: &Vm, attempt: &str) -> String {
    std::fs::read_to_string(vm.scratch(&format!("{attempt}.code"))).unwrap_or_default().trim().to_owned()
}

fn told(vm: &Vm, attempt: &str) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(vm.scratch(&format!("{attempt}.told"))).unwrap()).unwrap()
}

fn questions(vm: &Vm, attempt: &str) -> Vec<String> {
    let start = format!("{attempt}.ask.");
    let mut ids: Vec<String> = vm.server.got().iter().filter(|got| got.id.starts_with(&start)).map(|got| got.id.clone()).collect();
    ids.sort();
    ids.dedup();
    ids
}

fn question(vm: &Vm, attempt: &str) -> Got {
    vm.server.wait_for(attempt, "ask")
}

#[test]
fn the_answer_of_a_person_is_the_exit_code_of_the_command() {
    let vm = Vm::new();
    let cases = [
        ("att_ask0000000001", Answered::Approved, "0"),
        ("att_ask0000000002", Answered::Rejected, "6"),
        ("att_ask0000000003", Answered::TimedOut, "124"),
        ("att_ask0000000004", Answered::Cancelled, "5"),
    ];
    for (attempt, ..) in cases {
        vm.launched(&asking(&vm, attempt, "'Deploy?' --message 'Of \"main\"' --approvers ops,lead --timeout 1h"));
    }
    for (attempt, answered, _) in cases {
        let got = question(&vm, attempt);
        let ask: Ask = serde_json::from_value(got.callback().data).unwrap();
        let wanted = Ask {
            title: "Deploy?".into(),
            message: "Of \"main\"".into(),
            approvers: vec!["ops".into(), "lead".into()],
            timeout_ms: 3_600_000,
            tool: None,
            key: None,
        };
        assert_eq!(ask, wanted);
        vm.server.say(&got, answered);
    }
    for (attempt, answered, wanted) in cases {
        let result = vm.posted_result(attempt);
        assert_eq!(code(&vm, attempt), wanted, "{answered:?}");
        let said = told(&vm, attempt);
        assert_eq!((said["answered"].as_str(), said["by"][0].as_str()), (Some(answered.as_str()), Some("kim")));
        assert_eq!(said["comment"], "because \"so\"\n");
        assert!(result.asked_ms.is_some_and(|ms| ms > 0 && ms <= result.duration_ms), "{result:?}");
    }
}

#[test]
fn time_that_a_job_spends_asking_is_not_its_time() {
    let vm = Vm::new();
    let spec = Spec { timeout_ms: 1_500, ..asking(&vm, "att_ask0000000005", "'Go on?'") };
    vm.launched(&spec);
    let got = question(&vm, "att_ask0000000005");
    // The first repeat comes after two seconds: later than the job's own time limit.
    vm.server.wait("a repeat", |all| all.iter().filter(|other| other.id == got.id).count() > 1);
    vm.server.say(&got, Answered::Approved);
    let result = vm.posted_result("att_ask0000000005");
    assert_eq!((result.outcome, code(&vm, "att_ask0000000005").as_str()), (JobOutcome::Exited, "0"));
    assert!(result.asked_ms.unwrap() > 1_500 && result.duration_ms > 1_500, "{result:?}");
    // And afterwards the limit counts again.
    let spec = Spec { timeout_ms: 300, ..vm.sh("att_ask0000000006", "sortie-shim ask Again; sleep 60") };
    vm.launched(&spec);
    vm.server.say(&question(&vm, "att_ask0000000006"), Answered::Approved);
    assert_eq!(vm.posted_result("att_ask0000000006").outcome, JobOutcome::TimedOut);
}

#[test]
fn a_question_outlives_a_killed_supervisor_and_is_asked_once() {
    let vm = Vm::new();
    vm.launched(&asking(&vm, "att_ask0000000007", "'Deploy?'"));
    let got = question(&vm, "att_ask0000000007");
    vm.kill_supervisor("att_ask0000000007");
    // Answered while nobody is there to hear it.
    vm.server.say(&got, Answered::Approved);
    vm.status("att_ask0000000007");
    vm.posted_result("att_ask0000000007");
    assert_eq!((code(&vm, "att_ask0000000007").as_str(), questions(&vm, "att_ask0000000007").len()), ("0", 1));
}

#[cfg(feature = "failpoints")]
#[test]
fn f095_killed_with_a_question_in_the_log_that_nobody_was_told_of() {
    let vm = Vm::new();
    let spec = asking(&vm, "att_ask0000000008", "'Deploy?'");
    std::fs::write(vm.root().join("failpoint"), "ask.logged").unwrap();
    vm.launched(&spec);
    eventually("it dies", || !vm.root().join("failpoint").exists());
    vm.status("att_ask0000000008");
    vm.server.say(&question(&vm, "att_ask0000000008"), Answered::Rejected);
    let result = vm.posted_result("att_ask0000000008");
    assert_eq!((code(&vm, "att_ask0000000008").as_str(), questions(&vm, "att_ask0000000008").len()), ("6", 1));
    assert!(result.asked_ms.is_some());
}

#[test]
fn the_same_question_is_one_until_it_is_answered_and_for_ever_under_a_key() {
    let vm = Vm::new();
    let told = vm.scratch("codes");
    let script = format!(
        "sortie-shim ask Same & sortie-shim ask Same & wait
         sortie-shim ask Same; echo $? >> {0}
         sortie-shim ask Keyed --key k1; echo $? >> {0}
         sortie-shim ask Keyed --key k1; echo $? >> {0}
         sortie-shim ask Other --key k1; echo $? >> {0}",
        told.display()
    );
    vm.launched(&vm.sh("att_ask0000000009", &script));
    for (number, answered) in [(1, Answered::Approved), (2, Answered::Rejected), (3, Answered::Approved)] {
        eventually(&format!("question {number}"), || questions(&vm, "att_ask0000000009").len() >= number);
        let last = questions(&vm, "att_ask0000000009").pop().unwrap();
        vm.server.say(vm.server.got().iter().find(|got| got.id == last).unwrap(), answered);
    }
    vm.posted_result("att_ask0000000009");
    let codes = std::fs::read_to_string(told).unwrap();
    assert_eq!(codes.split_whitespace().collect::<Vec<_>>(), ["6", "0", "0", "2"]);
    assert_eq!(questions(&vm, "att_ask0000000009").len(), 3);
}

#[test]
fn a_parked_question_stays_open_and_its_answer_waits_for_the_job() {
    let vm = Vm::new();
    let go = vm.scratch("go");
    let script = format!(
        "sortie-shim ask Park --park-after 0s > {1}.told; echo $? > {1}.first; until [ -e {0} ]; do sleep 0.02; done
         sortie-shim ask Park --park-after 1m > {1}.told; echo $? > {1}.code",
        go.display(),
        vm.scratch("att_ask0000000010").display()
    );
    vm.launched(&vm.sh("att_ask0000000010", &script));
    let got = question(&vm, "att_ask0000000010");
    eventually("parked", || std::fs::read_to_string(vm.scratch("att_ask0000000010.first")).is_ok_and(|code| code.trim() == "75"));
    assert_eq!(told(&vm, "att_ask0000000010")["answered"], "pending");
    vm.server.say(&got, Answered::Approved);
    std::fs::write(go, "").unwrap();
    vm.posted_result("att_ask0000000010");
    assert_eq!((code(&vm, "att_ask0000000010").as_str(), questions(&vm, "att_ask0000000010").len()), ("0", 1));
}

#[test]
fn f093_where_nothing_can_be_posted_questions_are_collected_and_answered_over_ssh() {
    let vm = Vm::new();
    vm.server.mode(Mode::Raw("HTTP/1.1 502 X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned()));
    vm.launched(&asking(&vm, "att_ask0000000011", "'Deploy?'"));
    let mut seq = 0;
    eventually("collected", || {
        let posts = vm.collect("att_ask0000000011");
        seq = posts.iter().find(|post| post.kind.as_str() == "ask").map_or(0, |post| post.seq);
        seq > 0
    });
    let answer = |answered| AskAnswer { answered, by: vec!["kim".into()], comment: None };
    let say = |seq, answered| Verb::Answer { attempt: "att_ask0000000011".into(), seq, answer: answer(answered) };
    assert_eq!(vm.refused(say(seq + 7, Answered::Approved)), Refusal::Usage);
    assert!(matches!(vm.verb(say(seq, Answered::Approved)), Reply::AnswerKept(_)));
    assert!(matches!(vm.verb(say(seq, Answered::Rejected)), Reply::AnswerKept(_)), "the first one stands");
    let result = vm.collected_result("att_ask0000000011");
    assert_eq!((code(&vm, "att_ask0000000011").as_str(), result.exit_code), ("0", Some(0)));
}

#[test]
fn a_question_that_the_server_does_not_take_is_withdrawn() {
    let vm = Vm::new();
    vm.server.mode(Mode::Refuse);
    vm.launched(&asking(&vm, "att_ask0000000012", "'Deploy?'"));
    eventually("told", || !code(&vm, "att_ask0000000012").is_empty());
    assert_eq!(
        (code(&vm, "att_ask0000000012").as_str(), told(&vm, "att_ask0000000012")["comment"].as_str()),
        ("5", Some("too many questions"))
    );
    vm.server.mode(Mode::Good);
    vm.cancel("att_ask0000000012");
}
