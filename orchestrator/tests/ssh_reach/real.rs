//! A host with the shim that is embedded in the program: added as `host add` would, given jobs, and left with nobody on it.

use crate::ssh_support::{Sshd, quick, user};
use sortie::launcher::Launcher;
use sortie::shim::Shims;
use sortie::ssh::SshLauncher;
use sortie::ssh::enroll::{EnrollRequest, Expected, Place};
use sortie_core::host::Host;
use sortie_protocol::bytes::{Bytes, to_hex};
use sortie_protocol::callback::{CallbackBody, CallbackKind, JobResult};
use sortie_protocol::spec::{Credentials, Spec, Trust};
use sortie_protocol::verb::{Reply, Verb};
use sortie_protocol::view::{AttemptView, Phase};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Only a broken program reaches it.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Real {
    pub launcher: SshLauncher,
    pub host: Host,
}

impl Real {
    /// Add the machine of this server, with the shims that were built with the program.
    pub async fn on(sshd: &Sshd) -> Self {
        Self::with(sshd, Shims::embedded()).await
    }

    pub async fn with(sshd: &Sshd, shims: Shims) -> Self {
        let launcher = sshd.launcher_with(shims, quick());
        let expected = Some(Expected::Keys(sshd.host().host_keys));
        let place = Place { address: "127.0.0.1".into(), port: sshd.port, user: user(), expected, ..Place::default() };
        let root = Some(sshd.root().display().to_string());
        let enrolled = launcher.enroll(&EnrollRequest { host: place, root, ..EnrollRequest::default() }).await.unwrap();
        let host = Host { marker: enrolled.marker, arch: enrolled.arch, ..sshd.host() };
        Self { launcher, host }
    }

    pub async fn ask(&self, verb: Verb) -> Reply {
        self.launcher.ask(&self.host, verb).await.unwrap()
    }

    pub async fn launch(&self, spec: &Spec) -> Reply {
        let text = serde_json::to_string(spec).unwrap();
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
        let verb = Verb::Launch { spec_digest: to_hex(digest.as_ref()), spec: text, credentials: credentials(&spec.attempt) };
        self.ask(verb).await
    }

    async fn view(&self, attempt: &str) -> AttemptView {
        match self.ask(Verb::Status { attempts: vec![attempt.to_owned()], seal: false }).await {
            Reply::Status(mut views) => views.remove(0),
            other => panic!("{other:?}"),
        }
    }

    /// Run a job to its end; its result is taken, so that nobody of it is left.
    pub async fn run(&self, spec: &Spec) -> JobResult {
        let launched = self.launch(spec).await;
        assert!(matches!(launched, Reply::Launched { created: true, .. }), "{launched:?}");
        let until = Instant::now() + PATIENCE;
        while self.view(&spec.attempt).await.phase != Phase::Finished {
            assert!(Instant::now() < until, "{} does not end: {:?}", spec.attempt, self.view(&spec.attempt).await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let Reply::Collected { posts, .. } = self.ask(Verb::Collect { attempt: spec.attempt.clone(), after_seq: 0 }).await else {
            panic!("collect")
        };
        let post = posts.iter().find(|post| post.kind == CallbackKind::Result).expect("a finished attempt has a result");
        let acked = self.ask(Verb::Ack { attempt: spec.attempt.clone(), seq: post.seq }).await;
        assert!(matches!(&acked, Reply::Acked(view) if view.tree_gone), "{acked:?}");
        serde_json::from_value(serde_json::from_str::<CallbackBody>(&post.body).unwrap().data).unwrap()
    }
}

/// A job without anything special.
pub fn spec(attempt: &str, command: Vec<Bytes>) -> Spec {
    Spec {
        v: sortie_protocol::VERSION,
        attempt: attempt.to_owned(),
        run: "run_0000000001".to_owned(),
        step: "step".to_owned(),
        number: 1,
        fence: 1,
        command,
        timeout_ms: 60_000,
        heartbeat_ms: 3_600_000,
        grace_ms: 200,
        ..Spec::default()
    }
}

/// Nobody listens there: results are collected.
fn credentials(attempt: &str) -> Credentials {
    Credentials {
        callback_url: format!("http://127.0.0.1:1/v1/callbacks/{attempt}?kid=k1&exp=9&sig=s"),
        token: "token".to_owned(),
        proof_secret: "c2VjcmV0IG9mIHRoZSB0ZXN0cyBvZiBieXRlcw==".to_owned(),
        trust: Trust::PlainHttp,
        secret_env: BTreeMap::new(),
        secret_stdin: None,
        secret_files: BTreeMap::new(),
        artifact_url: None,
        logs_url: None,
        restore: None,
    }
}
