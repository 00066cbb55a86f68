//! The flows that are measured, released as an operator would release them, and what their first evaluation asks for.

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use sortie::driver::{Driver, entropy};
use sortie_core::evaluation::{End, Evaluation, JournalEntry, RunFacts};
use sortie_core::ids::RunId;
use sortie_core::input::Create;
use sortie_flow::bundle::Bundle;
use sortie_flow::evaluate::EvaluateRequest;
use sortie_store::model::DraftPush;
use sortie_store::model::triggers::GoLive;

/// The name of the one host.
pub const HOST: &str = "vm";

/// One job, and the end.
pub const ONE_JOB: &str = r#"
flow(name = "one-job", description = "One job", input = {})

def run(ctx, input):
    return {"ok": job("first", on = "vm", command = ["true"]).ok}
"#;

/// Two jobs, one after the other.
pub const TWO_JOBS: &str = r#"
flow(name = "two-jobs", description = "Two jobs, one after the other", input = {})

def run(ctx, input):
    a = job("first", on = "vm", command = ["true"])
    b = job("second", on = "vm", command = ["true"])
    return {"ok": a.ok and b.ok}
"#;

/// A wait for an answer from outside.
pub const ONE_WAIT: &str = r#"
flow(name = "one-wait", description = "Waits for an answer", input = {"repo": str, "issue": int})

def run(ctx, input):
    return wait("approval", timeout = "24h").value
"#;

/// Ten steps in a row, each answered where it is asked for.
pub const TEN_STEPS: &str = r#"
flow(name = "ten-steps", description = "Ten steps in a row", input = {})

def run(ctx, input):
    for n in range(10):
        sleep_until("s%d" % n, 1)
    return "done"
"#;

/// As many steps as are wanted.
pub const MANY_STEPS: &str = r#"
flow(name = "many-steps", description = "Many steps in a row", input = {"calls": int})

def run(ctx, input):
    for n in range(1, input["calls"] + 1):
        sleep_until("s%d" % n, 1)
    return "done"
"#;

/// A timer.
pub const ONE_SLEEP: &str = r#"
flow(name = "one-sleep", description = "Sleeps", input = {})

def run(ctx, input):
    sleep("nap", "24h")
    return "awake"
"#;

/// A released flow, ready to make runs of.
#[derive(Clone)]
pub struct Flow {
    name: String,
    bundle: String,
    deadline_ms: u64,
    input: Value,
    /// What its first evaluation asks for: the same for every run with this input.
    pub first: Evaluation,
    files: Bundle,
}

const fn nothing() -> Evaluation {
    Evaluation { commands: Vec::new(), end: End::Suspended { waiting_on: Vec::new() } }
}

impl Flow {
    /// Check, push and release a flow, and evaluate it once with this input.
    ///
    /// # Errors
    /// Where it is not sound.
    pub async fn release(driver: &Driver, source: &str, input: Value) -> anyhow::Result<Self> {
        let parts = driver.parts();
        let bundle = Bundle::new([("flow.star", source)]);
        let report = parts.evaluators.check(&bundle).await?;
        ensure!(report.is_ok(), "the flow is not sound:\n{}", report.render());
        let manifest = report.manifest.context("a flow without a manifest")?;
        let (digest, name, at) = (bundle.digest(), manifest.name.clone(), parts.clock.now());
        let push = DraftPush {
            flow: name.clone(),
            base: None,
            force: true,
            digest: digest.clone(),
            bundle: json!(bundle).to_string(),
            manifest: json!(manifest).to_string(),
            actor: "bench".to_owned(),
            at,
        };
        parts.store.push_draft(push).await?;
        parts.store.release_draft(GoLive::plain(&name, "bench", at), "").await?;
        let mut flow = Self { name, bundle: digest, deadline_ms: manifest.deadline_ms, input, first: nothing(), files: bundle };
        flow.first = flow.evaluate(driver, Vec::new()).await?;
        Ok(flow)
    }

    /// How a run with this journal goes on.
    ///
    /// # Errors
    /// Where no worker can be had, or one dies.
    pub async fn evaluate(&self, driver: &Driver, journal: Vec<JournalEntry>) -> anyhow::Result<Evaluation> {
        let files = self.files.clone();
        Ok(driver.parts().evaluators.evaluate(self.request(driver, journal), async || Ok(files)).await?.evaluation)
    }

    fn request(&self, driver: &Driver, journal: Vec<JournalEntry>) -> EvaluateRequest {
        let at = driver.parts().clock.now();
        let run = RunId::new(at, &entropy(), 0).to_string();
        EvaluateRequest {
            digest: self.bundle.clone(),
            bundle: None,
            input: self.input.clone(),
            facts: RunFacts { run, flow: self.name.clone(), release: 1, created_at: at },
            journal,
            at_ms: at,
            entropy_hex: "00".repeat(32),
            logged: 0,
            exit: None,
            reports: std::collections::BTreeMap::new(),
            reuse: Vec::new(),
        }
    }

    /// The wish for one more run.
    #[must_use]
    pub fn wish(&self, driver: &Driver) -> Create {
        Create {
            run: RunId::new(driver.parts().clock.now(), &entropy(), 0),
            flow: self.name.clone(),
            release: 1,
            bundle: self.bundle.clone(),
            input: self.input.clone(),
            plan: sortie_core::plan::RunPlan { deadline_ms: self.deadline_ms, ..Default::default() },
            actor: "bench".to_owned(),
        }
    }
}
