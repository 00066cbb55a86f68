//! A run, as an operator sees it.

use crate::installation::Installation;
use crate::{limits, wait};
use serde_json::Value;
use std::time::Duration;

/// A run of an installation. What it shows is always asked for anew.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its id.
    pub id: String,
}

impl Run {
    /// Start a run of a flow.
    #[must_use]
    pub fn start(installation: &Installation, flow: &str, input: &Value) -> Self {
        let answer = installation.cli(&["run", flow, "--input", &input.to_string()]);
        Self { id: answer.data()["id"].as_str().unwrap().to_owned() }
    }

    /// The run with steps and attempts.
    #[must_use]
    pub fn shown(&self, installation: &Installation) -> Value {
        let path = format!("/v1/runs/{}", self.id);
        wait::until("the run is shown", limits::SOON, || installation.look(&path))
    }

    /// The whole history.
    #[must_use]
    pub fn history(&self, installation: &Installation) -> Vec<Value> {
        let path = format!("/v1/runs/{}/history", self.id);
        let page = wait::until("the history is shown", limits::SOON, || installation.look(&path));
        assert_eq!(page["more"], false, "the test's run fits one page");
        page["events"].as_array().unwrap().clone()
    }

    /// Events of a kind.
    #[must_use]
    pub fn events(&self, installation: &Installation, kind: &str) -> Vec<Value> {
        self.history(installation).into_iter().filter(|event| event["kind"] == kind).map(|event| event["data"].clone()).collect()
    }

    /// Wait for an event of a kind; gives its data.
    #[must_use]
    pub fn event(&self, installation: &Installation, kind: &str) -> Value {
        self.event_within(installation, kind, limits::SOON)
    }

    /// As [`Run::event`], with patience.
    #[must_use]
    pub fn event_within(&self, installation: &Installation, kind: &str, longest: Duration) -> Value {
        wait::until(&format!("{} has an event {kind}", self.id), longest, || self.events(installation, kind).into_iter().next())
    }

    /// Id of the first attempt, once it is scheduled.
    #[must_use]
    pub fn attempt(&self, installation: &Installation) -> String {
        self.event(installation, "attempt_scheduled")["attempt"].as_str().unwrap().to_owned()
    }

    /// Wait for the end; gives the run as it is shown then, with its answer in `value`.
    #[must_use]
    pub fn ended(&self, installation: &Installation) -> Value {
        self.ended_within(installation, limits::RETRIED)
    }

    /// As [`Run::ended`], within this time.
    #[must_use]
    pub fn ended_within(&self, installation: &Installation, longest: Duration) -> Value {
        let path = format!("/v1/runs/{}", self.id);
        let what = format!("{} is over", self.id);
        let mut last = Value::Null;
        let started = std::time::Instant::now();
        loop {
            if let Some(shown) = installation.look(&path) {
                if shown["over"] == true {
                    return shown;
                }
                last = shown;
            }
            assert!(
                started.elapsed() < longest,
                "not within {longest:?}: {what}\n{last:#}\n{:#}",
                Value::Array(self.history(installation))
            );
            std::thread::sleep(limits::LOOK);
        }
    }

    /// That the run ended once, with one result of each attempt at most, and a history without gaps (I1, I8).
    pub fn assert_ended_once(&self, installation: &Installation) {
        let history = self.history(installation);
        for (at, event) in history.iter().enumerate() {
            assert_eq!(event["seq"], at as u64 + 1, "the history has a gap: {history:?}");
        }
        let count = |kind: &str| history.iter().filter(|event| event["kind"] == kind).count();
        assert_eq!((count("run_ending"), count("run_ended")), (1, 1), "{history:#?}");
        let end = history.iter().position(|event| event["kind"] == "run_ended").unwrap();
        let after: Vec<&Value> = history[end + 1..].iter().map(|event| &event["kind"]).collect();
        let allowed = ["callback_kept", "attempt_stopped", "stop_unverified"];
        assert!(after.iter().all(|kind| allowed.iter().any(|name| *kind == name)), "only kept for the record after the end: {after:?}");
        let of_results = history.iter().filter(|event| event["kind"] == "attempt_result");
        let mut results: Vec<&str> = of_results.filter_map(|event| event["data"]["attempt"].as_str()).collect();
        results.sort_unstable();
        let all = results.len();
        results.dedup();
        assert_eq!(results.len(), all, "an attempt has two results: {history:#?}");
    }
}
