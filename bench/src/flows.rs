//! The flows that are measured, released as an operator would release them, and what their first evaluation asks for.

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use sortie::driver::{Driver, entropy};
use sortie_core::evaluation::{Evaluation, RunFacts};
use sortie_core::ids::RunId;
use sortie_core::input::Create;
use sortie_flow::bundle::Bundle;
use sortie_flow::evaluate::EvaluateRequest;
use sortie_store::model::DraftPush;

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

/// A released flow, ready to make runs of.
#[derive(Clone)]
pub struct Flow {
    name: String,
    bundle: String,
    deadline_ms: u64,
    input: Value,
    /// What its first evaluation asks for: the same for every run with this input.
    pub first: Evaluation,
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
        parts.store.release(&name, "", "bench", at).await?;
        let request = EvaluateRequest {
            digest: digest.clone(),
            bundle: None,
            input: input.clone(),
            facts: RunFacts { run: RunId::new(at, &entropy(), 0).to_string(), flow: name.clone(), release: 1, created_at: at },
            journal: Vec::new(),
            at_ms: at,
            entropy_hex: "00".repeat(32),
            logged: 0,
            exit: None,
            reports: std::collections::BTreeMap::new(),
            reuse: Vec::new(),
        };
        let first = parts.evaluators.evaluate(request, async || Ok(bundle)).await?.evaluation;
        Ok(Self { name, bundle: digest, deadline_ms: manifest.deadline_ms, input, first })
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
