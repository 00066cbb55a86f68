//! When a cron expression fires, in its own time zone.
//!
//! Where a clock is put forward, a time of day that does not exist fires at the moment of the change; where it is put back, a
//! fixed time of day fires once, the first time round, and an expression with a wild hour fires in both halves (POSIX cron).

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use sortie_core::ids::Ms;

/// A cron expression in a time zone.
#[derive(Clone, Debug)]
pub struct Calendar {
    cron: Cron,
    zone: TimeZone,
}

impl Calendar {
    /// Read an expression of five fields, or six with seconds first, and the name of a zone (`Europe/Oslo`).
    ///
    /// # Errors
    /// A sentence that names the part that is wrong.
    pub fn parse(cron: &str, zone: &str) -> Result<Self, String> {
        let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
        let cron = parser.parse(cron).map_err(|error| format!("`{cron}` is no cron expression: {error}"))?;
        let zone = TimeZone::get(zone).map_err(|_| format!("`{zone}` is no time zone; write one like `Europe/Oslo` or `UTC`"))?;
        Ok(Self { cron, zone })
    }

    /// The first time after this one; `None` where there is none in the years that are searched (the 30th of February).
    #[must_use]
    pub fn after(&self, at: Ms) -> Option<Ms> {
        let from = Timestamp::from_millisecond(at).ok()?.to_zoned(self.zone.clone());
        let next = self.cron.find_next_occurrence(&from, false).ok()?.timestamp();
        // Seconds only: what is behind them in `from` is no part of the search.
        let next = next.as_second().checked_mul(1_000)?;
        (next > at).then_some(next)
    }

    /// Times after one and up to another, oldest first, at most this many.
    #[must_use]
    pub fn between(&self, after: Ms, until: Ms, most: usize) -> Vec<Ms> {
        let next = |at: &Ms| self.after(*at);
        std::iter::successors(self.after(after), next).take_while(|at| *at <= until).take(most).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str) -> Ms {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    fn times(cron: &str, zone: &str, after: &str, until: &str) -> Vec<String> {
        let calendar = Calendar::parse(cron, zone).unwrap();
        calendar.between(ms(after), ms(until), 100).into_iter().map(|at| Timestamp::from_millisecond(at).unwrap().to_string()).collect()
    }

    #[test]
    fn f035_a_time_of_day_that_does_not_exist_fires_once_when_the_clock_changes() {
        // 2026-03-29: Oslo goes from 02:00 to 03:00 at 01:00 UTC.
        let fired = times("30 2 * * *", "Europe/Oslo", "2026-03-28T00:00:00Z", "2026-03-30T23:00:00Z");
        assert_eq!(fired, ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]);
    }

    #[test]
    fn f035_a_time_of_day_that_comes_twice_fires_once() {
        // 2026-10-25: Oslo goes from 03:00 back to 02:00 at 01:00 UTC.
        let fired = times("30 2 * * *", "Europe/Oslo", "2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z");
        assert_eq!(fired, ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
    }

    #[test]
    fn f035_every_half_hour_goes_through_a_change_evenly() {
        let forward = times("*/30 * * * *", "Europe/Oslo", "2026-03-29T00:15:00Z", "2026-03-29T02:00:00Z");
        assert_eq!(forward, ["2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z", "2026-03-29T02:00:00Z"]);
        let back = times("*/30 * * * *", "Europe/Oslo", "2026-10-25T00:15:00Z", "2026-10-25T02:00:00Z");
        assert_eq!(back, ["2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:00:00Z"]);
    }

    #[test]
    fn what_never_comes_is_none_and_what_makes_no_sense_is_said() {
        assert_eq!(Calendar::parse("0 0 30 2 *", "UTC").unwrap().after(ms("2026-01-01T00:00:00Z")), None);
        assert!(Calendar::parse("61 * * * *", "UTC").unwrap_err().contains("61 * * * *"));
        assert!(Calendar::parse("0 0 * * *", "Mars/Olympus").unwrap_err().contains("Mars/Olympus"));
        assert!(Calendar::parse("0 0 * * * * 2030", "UTC").is_err());
    }

    #[test]
    fn times_are_whole_seconds_strictly_after() {
        let calendar = Calendar::parse("* * * * * *", "UTC").unwrap();
        assert_eq!(calendar.after(1_500), Some(2_000));
        assert_eq!(calendar.after(2_000), Some(3_000));
    }
}
