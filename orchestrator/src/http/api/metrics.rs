//! `GET /metrics`: the same figures as `status`, in the text format of Prometheus (version 0.0.4). For operators only, with a
//! bearer token like every other path of this listener. Names and examples of alerts: `docs/metrics.md`.

use super::overview::{Overview, Trouble, class_name};
use super::routes::Api;
use crate::counters;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, Response, header};
use axum::response::IntoResponse;
use sortie_store::model::HeldCount;
use std::fmt::Write;

/// The figures.
pub(super) async fn show(State(api): State<Api>) -> Response<Body> {
    match Overview::read(&api).await {
        Ok(overview) => text(render(&overview)),
        Err(problem) => problem.into_response(),
    }
}

fn text(body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// One sample: labels and value.
type Sample<'a> = (Vec<(&'a str, &'a str)>, f64);

fn render(overview: &Overview) -> String {
    let mut out = String::new();
    let now = overview.now;
    let runs =
        overview.counts.iter().map(|count| (vec![("flow", count.flow.as_str()), ("state", count.state.as_str())], float(count.runs)));
    family(&mut out, "sortie_runs", "gauge", "Runs by flow and state.", runs);
    let states = overview.by_state();
    let dead = states.get("dead").copied().unwrap_or(0);
    family(&mut out, "sortie_dead_letters", "gauge", "Runs that gave up and were neither redriven nor purged.", [(vec![], float(dead))]);
    let oldest = overview.oldest_wait().map_or(0.0, |at| seconds(now - at));
    family(&mut out, "sortie_oldest_wait_seconds", "gauge", "Age of the oldest wait for people or other systems.", [(vec![], oldest)]);
    let (stuck, since) = overview.stuck_launches();
    family(&mut out, "sortie_stuck_launches", "gauge", "Launches that are under way for too long.", [(vec![], float(stuck))]);
    let stuck_age = since.map_or(0.0, |at| seconds(now - at));
    family(&mut out, "sortie_stuck_launch_oldest_seconds", "gauge", "Age of the oldest of them.", [(vec![], stuck_age)]);
    let class = |class| vec![("class", class_name(class))];
    let due = overview.backlog.iter().map(|row| (class(row.class), float(row.due)));
    family(&mut out, "sortie_backlog", "gauge", "Work that is due and that nobody is doing.", due);
    let late = overview.backlog.iter().map(|row| (class(row.class), row.oldest_at.map_or(0.0, |at| seconds(now - at))));
    family(&mut out, "sortie_due_lateness_seconds", "gauge", "How late the oldest of it is.", late);
    family(&mut out, "sortie_held_launches", "gauge", "Launches that wait for a slot, by host or label.", overview.held.iter().map(held));
    let late = overview.schedules.iter().min().map_or(0.0, |at| seconds(now - at));
    family(&mut out, "sortie_schedule_lateness_seconds", "gauge", "How late the latest schedule is.", [(vec![], late)]);
    hosts(&mut out, &overview.hosts());
    let callbacks = counters::callbacks().map(|(outcome, count)| (vec![("outcome", outcome.as_str())], float(count)));
    family(&mut out, "sortie_callbacks_total", "counter", "Callbacks by what became of them, since the start.", callbacks);
    out
}

/// What it waits for is its label: `host`, or `label`.
fn held(row: &HeldCount) -> Sample<'_> {
    let (kind, name) = row.on.split_once(':').unwrap_or(("name", &row.on));
    (vec![(if kind == "label" { "label" } else { "host" }, name)], float(row.launches))
}

fn hosts(out: &mut String, hosts: &[Trouble]) {
    let of = |value: fn(&Trouble) -> u64| hosts.iter().map(move |host| (vec![("host", host.host.as_str())], float(value(host))));
    family(out, "sortie_host_open_attempts", "gauge", "Attempts that hold a slot of a host.", of(|host| host.open));
    family(out, "sortie_host_unheard_attempts", "gauge", "Attempts of a host that should have been heard of.", of(|host| host.unheard));
    family(out, "sortie_host_debts", "gauge", "Ends of jobs that could not be verified.", of(|host| host.debts));
    let slots = hosts.iter().filter_map(|host| Some((vec![("host", host.host.as_str())], f64::from(host.slots?))));
    family(out, "sortie_host_slots", "gauge", "Jobs that may run on a host at once.", slots);
}

/// A family of samples with its help and type.
fn family<'a>(out: &mut String, name: &str, kind: &str, help: &str, samples: impl IntoIterator<Item = Sample<'a>>) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
    for (labels, value) in samples {
        let labels: Vec<String> = labels.iter().map(|(label, text)| format!("{label}=\"{}\"", escaped(text))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(out, "{name}{labels} {value}");
    }
}

/// A label's value may hold anything: three characters are escaped.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn seconds(ms: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "ages are far below 2^53 ms")]
    let ms = ms.max(0) as f64;
    ms / 1_000.0
}

fn float(count: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    let count = count as f64;
    count
}

#[cfg(test)]
mod tests {
    use super::super::overview::tests::{attempts, overview};
    use super::*;
    use sortie_core::state::AttemptState;

    #[test]
    fn every_figure_that_alerts_need_is_there() {
        let text = render(&overview(vec![attempts(Some("vm"), AttemptState::LaunchUnknown, 0)], Some(2)));
        for line in [
            "sortie_runs{flow=\"a\",state=\"waiting\"} 2",
            "sortie_dead_letters 4",
            "sortie_oldest_wait_seconds 0",
            "sortie_stuck_launches 1",
            "sortie_stuck_launch_oldest_seconds 10000",
            "sortie_backlog{class=\"launch\"} 3",
            "sortie_due_lateness_seconds{class=\"launch\"} 1",
            "sortie_held_launches{host=\"vm\"} 3",
            "sortie_held_launches{label=\"gpu\"} 1",
            "sortie_schedule_lateness_seconds 60",
            "sortie_host_open_attempts{host=\"vm\"} 1",
            "sortie_host_slots{host=\"vm\"} 2",
            "# TYPE sortie_callbacks_total counter",
            "sortie_callbacks_total{outcome=\"late\"} ",
        ] {
            assert!(text.lines().any(|have| have.starts_with(line)), "{line} is not in:\n{text}");
        }
        let types = text.lines().filter(|line| line.starts_with("# TYPE ")).count();
        assert_eq!(types, text.lines().filter(|line| line.starts_with("# HELP ")).count());
    }

    #[test]
    fn f118_a_label_cannot_fake_a_sample() {
        let mut out = String::new();
        family(&mut out, "x", "gauge", "h", [(vec![("flow", "a\"} 1\nevil 2\\")], 1.0)]);
        assert_eq!(out.lines().count(), 3, "{out}");
        assert!(out.ends_with("x{flow=\"a\\\"} 1\\nevil 2\\\\\"} 1\n"), "{out}");
    }

    #[test]
    fn the_documentation_names_every_family() {
        let document = include_str!("../../../../docs/metrics.md");
        let text = render(&overview(vec![], None));
        for name in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).filter_map(|line| line.split(' ').next()) {
            assert!(document.contains(&format!("`{name}`")), "{name} is in no document");
        }
    }
}
