//! Shims and machines that lie: about the version, the question, sizes and digests, about what they are. Each lie is a failure that says
//! what was wrong; the next question is asked as if nothing had been, and nothing is written here.

use crate::ssh_support::{Sshd, ask, misbehaving, quick, stand_in};
use sortie::launcher::{AskError, Sent};
use sortie::ssh::limits::Limits;
use sortie_core::failure::FailureKind;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

/// What each lie is answered with. A frame with another nonce is noise: there was no answer.
const LIES: [(&str, &str); 9] = [
    ("other-nonce", "no answer within"),
    ("other-version", "version"),
    ("no-json", "cannot be read"),
    ("deep-json", "cannot be read"),
    ("other-reply", "cannot be read"),
    ("other-id", "another question"),
    ("too-short", "damaged"),
    ("too-long", "no answer within"),
    ("other-digest", "damaged"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shim_that_lies_in_its_answer_is_not_believed_and_asked_again_all_the_same() {
    let sshd = Sshd::start();
    let launcher = sshd.launcher_with(stand_in(), Limits { exec: Duration::from_secs(4), ..quick() });
    for (lie, said) in LIES {
        let error = ask(&launcher, &misbehaving(&sshd, lie)).await.unwrap_err();
        assert_eq!((error.kind, error.sent), (FailureKind::Unreachable, Sent::Perhaps), "{lie}: {error}");
        assert!(error.message.contains(said), "{lie}: {error}");
        ask(&launcher, &misbehaving(&sshd, "")).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_shim_says_unasked_answers_no_later_question() {
    let sshd = Sshd::start();
    let launcher = sshd.launcher();
    // The first answer is right; the second is for no question yet, and whoever asks next is not told it.
    ask(&launcher, &misbehaving(&sshd, "twice")).await.unwrap();
    match ask(&launcher, &misbehaving(&sshd, "")).await {
        Ok(()) => assert_eq!(sshd.counted("sessions"), 2, "asked in a session of its own"),
        Err(error) => assert!(error.sent == Sent::Perhaps && error.message.contains("another question"), "{error}"),
    }
}

/// A machine that says these words in place of running the remote command; `$n` is the nonce.
async fn said(words: &str) -> AskError {
    let sshd = Sshd::prepared("ed25519", "ForceCommand {dir}/session\n", |dir| {
        let script = format!("#!/bin/sh\nread -r m n rest\nprintf \"{words}\\n\"\ncat >/dev/null\n");
        std::fs::write(dir.join("session"), script).unwrap();
        std::fs::set_permissions(dir.join("session"), std::fs::Permissions::from_mode(0o755)).unwrap();
    });
    let limits = Limits { exec: Duration::from_secs(4), ..quick() };
    ask(&sshd.launcher_with(stand_in(), limits), &sshd.host()).await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f091_a_machine_that_lies_about_itself_is_refused_in_plain_words() {
    let missing = "SORTIE-SH/1 $n missing";
    for (words, part) in [
        (format!("{missing} Linux ../../../x86_64"), "no shim for Linux ../../../x86_64"),
        (format!("{missing} Linux \\033[31mred"), "no shim for Linux [31mred"),
        (format!("{missing} Plan9 x86_64"), "no shim for Plan9 x86_64"),
        (format!("{missing} Linux x86_64 and more"), "where nothing of that kind was asked"),
        (format!("SORTIE-SH/1 $n foreign Linux x86_64 {}", "0".repeat(64)), "has the digest 0000"),
        ("SORTIE/1 $n 2 00".to_owned(), "malformed frame"),
    ] {
        let error = said(&words).await;
        assert_eq!((error.kind, error.sent), (FailureKind::Refused, Sent::Nothing), "{words}: {error}");
        assert!(error.message.contains(part) && !error.message.contains('\x1b'), "{words}: {error}");
    }
    // Always missing, also when it was just sent: it is sent once.
    let error = said(&format!("{missing} Linux x86_64")).await;
    assert_eq!(error.sent, Sent::Nothing, "{error}");
}
