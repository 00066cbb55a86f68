//! Places in queues, in words: of a queued run, and of a launch that waits for a slot of a host.

use super::Facts;
use sortie_core::plan::RunPlan;
use sortie_store::model::{HeldPlace, QueuePlace};

/// What a queued run waits for, and its place.
#[must_use]
pub fn queue(plan: &RunPlan, place: &QueuePlace) -> String {
    let mut parts = Vec::new();
    if let Some(limit) = &plan.limit {
        let by = place.running_run.as_ref().map(|run| format!(", one by {run}")).unwrap_or_default();
        parts.push(format!(
            "a place under the limit `{}` ({} of {} taken{by}); its place in the queue is {}",
            limit.key, place.running, limit.at_most, place.place
        ));
    }
    if place.older {
        parts.push("the end of the runs of an older release".to_owned());
    }
    if parts.is_empty() { "It is queued and about to start.".to_owned() } else { format!("It is queued for {}.", parts.join(", and for ")) }
}

/// Whose slot a launch waits for: `the host vm`, `a host with the label gpu`.
#[must_use]
pub fn target(on: &str) -> String {
    match on.split_once(':') {
        Some(("name", name)) => format!("the host {name}"),
        Some(("label", label)) => format!("a host with the label {label}"),
        _ => on.to_owned(),
    }
}

/// What a held launch waits for, its place, and which hosts are full.
pub(super) fn slot(facts: &Facts<'_>, place: &HeldPlace) -> String {
    let fits = |name: &str, labels: &[String]| match place.on.split_once(':') {
        Some(("name", wanted)) => name == wanted,
        Some((_, wanted)) => labels.iter().any(|label| label == wanted),
        None => false,
    };
    let taken: Vec<String> = facts
        .hosts
        .iter()
        .filter(|(name, host)| !host.draining && fits(name, &host.labels))
        .filter_map(|(name, host)| Some(format!("{name}: {} of {} taken", host.open, host.slots?)))
        .collect();
    let drain: Vec<&str> =
        facts.hosts.iter().filter(|(name, host)| host.draining && fits(name, &host.labels)).map(|(name, _)| name.as_str()).collect();
    if !drain.is_empty() && taken.is_empty() {
        let wait = format!("it waits for {}, which takes no new jobs", target(&place.on));
        return format!(
            "{wait}: {} drains (`sortie host ready {}`); its place among the launches that do is {}.",
            drain.join(", "),
            drain[0],
            place.place
        );
    }
    let drain = drain.iter().map(|name| format!("{name}: drains"));
    let taken: Vec<String> = taken.into_iter().chain(drain).collect();
    let taken = if taken.is_empty() { String::new() } else { format!(" ({})", taken.join(", ")) };
    format!("it waits for a free slot of {}{taken}; its place among the launches that do is {}.", target(&place.on), place.place)
}
