//! What a release brings with it when it becomes live.

use super::calendar::Calendar;
use sortie_flow::manifest::Manifest;
use sortie_flow::trigger::{Overlap, Trigger};
use sortie_store::model::triggers::ScheduleSpec;

/// The schedules of a manifest as they are stored. The first is called `schedule`, the others `schedule-2`, `schedule-3` ...
///
/// # Errors
/// Where a cron expression or a zone cannot be read, or an input does not fit the flow: a sentence a line.
pub fn schedules(manifest: &Manifest) -> Result<Vec<ScheduleSpec>, String> {
    let (mut specs, mut wrong) = (Vec::new(), Vec::new());
    for trigger in &manifest.triggers {
        let Trigger::Schedule(schedule) = trigger else { continue };
        let number = specs.len() + 1;
        let name = if number == 1 { "schedule".to_owned() } else { format!("schedule-{number}") };
        let input = serde_json::Value::Object(schedule.input.clone());
        if let Err(message) = Calendar::parse(&schedule.cron, &schedule.tz) {
            wrong.push(format!("{name}: {message}"));
        }
        if let Err(message) = manifest.check_input(&input) {
            wrong.extend(message.lines().map(|line| format!("{name}: input: {line}")));
        }
        let overlap = Overlap::ALL.into_iter().find(|(_, overlap)| *overlap == schedule.overlap).map_or("skip", |(text, _)| text);
        specs.push(ScheduleSpec {
            name,
            cron: schedule.cron.clone(),
            tz: schedule.tz.clone(),
            overlap: overlap.to_owned(),
            catch_up_ms: schedule.catch_up_ms,
            input,
        });
    }
    if wrong.is_empty() { Ok(specs) } else { Err(wrong.join("\n")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn manifest(triggers: serde_json::Value) -> Manifest {
        Manifest { name: "f".to_owned(), triggers: serde_json::from_value(triggers).unwrap(), ..Manifest::default() }
    }

    #[test]
    fn schedules_are_named_by_their_place() {
        let specs =
            schedules(&manifest(json!([{"schedule": {"cron": "0 2 * * *"}}, {"manual": {}}, {"schedule": {"cron": "@daily"}}]))).unwrap();
        let names: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
        assert_eq!((names, specs[0].tz.as_str(), specs[0].overlap.as_str()), (vec!["schedule", "schedule-2"], "UTC", "skip"));
    }

    #[test]
    fn what_could_never_fire_is_refused_at_the_release() {
        let wrong = schedules(&manifest(json!([{"schedule": {"cron": "99 2 * * *", "tz": "Mars/X", "input": {"x": 1}}}]))).unwrap_err();
        assert!(wrong.contains("99 2 * * *") && wrong.contains("input: x"), "{wrong}");
    }
}
