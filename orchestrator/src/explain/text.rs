//! An explanation for people.

use super::Explanation;
use super::step::StepFacts;

/// Lines, the most important first. Remote text in it is cleaned where it is printed.
#[must_use]
pub fn text(of: &Explanation) -> String {
    let release = if of.release == 0 { "draft".to_owned() } else { format!("release {}", of.release) };
    let mut out = format!("{}  {} ({release})  {}\n{}\n", of.run, of.flow, of.state, of.headline);
    let mut line = |text: String| out += &format!("{text}\n");
    if let Some(held) = &of.held {
        line(format!("\nHeld: {held}"));
    }
    for defect in &of.defects {
        line(format!("\nDEFECT: {defect}"));
    }
    if let Some(why) = &of.failure {
        line(format!("\nWhy: {}: {}\nAdvice: {}", why.kind, why.message, why.advice));
    }
    if !of.steps.is_empty() {
        line("\nOpen steps:".to_owned());
        of.steps.iter().for_each(|step| line(step_text(step)));
    }
    if let Some(waker) = &of.waker {
        line(format!("\nNext by itself: {}", waker.text));
    }
    if !of.callbacks.is_empty() {
        line("\nCallbacks:".to_owned());
        of.callbacks.iter().for_each(|one| line(format!("  {}  {}  {}", one.at, one.subject, one.text)));
    }
    out
}

fn step_text(step: &StepFacts) -> String {
    let since = step.since.as_ref().map(|since| format!(", since {since}")).unwrap_or_default();
    let mut out = format!("  `{}` (call {}, {}{since}): {}", step.name, step.call, step.kind, step.doing);
    if let Some(attempt) = &step.attempt {
        out += &format!("\n      {} {}", attempt.id, attempt.handed_text);
        if let Some(report) = &attempt.report {
            out += &format!("\n      it last reported {}", report.to_string().chars().take(160).collect::<String>());
        }
        if let Some(skew) = attempt.clock_skew_ms.filter(|skew| skew.abs() > 2_000) {
            out += &format!("\n      its host's clock is {} ms {}", skew.abs(), if skew > 0 { "behind" } else { "ahead" });
        }
    }
    for before in &step.behind {
        out += &format!("\n      behind {} on {}: {}", before.id, before.host.as_deref().unwrap_or("no host"), before.doing);
    }
    out
}
