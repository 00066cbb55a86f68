//! Which times of a schedule are to be fired now: pure, from its calendar, where it stands, and the time.

use super::calendar::Calendar;
use super::limits::{FIRES_AT_ONCE, MISSED_COUNTED, ON_TIME_MS, SMEAR_MS};
use sortie_core::ids::Ms;

/// What one look at a schedule decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueTimes {
    /// Times to fire, oldest first, and when to start each: what was missed during an outage is spread.
    pub fires: Vec<(Ms, Ms)>,
    /// Times that are too long ago: the first, the last that was counted, how many.
    pub missed: Option<(Ms, Ms, u32)>,
    /// Every time up to this one has been looked at.
    pub cursor: Ms,
    /// When to look again; `None` where nothing comes any more.
    pub next: Option<Ms>,
}

/// Look at every time after `cursor`: those within the catch-up window fire, each once, the others are missed.
///
/// A time counts as on time for [`ON_TIME_MS`] whatever the window. A clock that went back shows a `now` before the cursor:
/// nothing is due then, and nothing fires twice (F032).
#[must_use]
pub fn due_times(calendar: &Calendar, cursor: Ms, now: Ms, catch_up_ms: u64) -> DueTimes {
    let window = catch_up_ms.max(ON_TIME_MS);
    let oldest = now.saturating_sub_unsigned(window).saturating_sub(1);
    let missed = if oldest > cursor { missed(calendar, cursor, oldest) } else { None };
    let from = cursor.max(oldest);
    let times = calendar.between(from, now, FIRES_AT_ONCE);
    // A page that is full goes on from its last time at once.
    let full = times.len() == FIRES_AT_ONCE;
    let cursor = if full { times.last().copied().unwrap_or(from) } else { from.max(now) };
    let next = if full { Some(now) } else { calendar.after(cursor) };
    DueTimes { fires: smeared(times, now), missed, cursor, next }
}

fn missed(calendar: &Calendar, after: Ms, until: Ms) -> Option<(Ms, Ms, u32)> {
    let times = calendar.between(after, until, MISSED_COUNTED);
    let (first, last) = (*times.first()?, *times.last()?);
    Some((first, last, u32::try_from(times.len()).unwrap_or(u32::MAX)))
}

/// The newest goes at once when it is on time; the others follow each other over [`SMEAR_MS`] at most.
fn smeared(times: Vec<Ms>, now: Ms) -> Vec<(Ms, Ms)> {
    let late = |at: &Ms| now.saturating_sub(*at) > ON_TIME_MS.cast_signed();
    let count = Ms::try_from(times.iter().filter(|at| late(at)).count()).unwrap_or(1).max(1);
    let step = (SMEAR_MS.cast_signed() / count).min(1_000);
    let mut behind = -1;
    times
        .into_iter()
        .map(|at| {
            if late(&at) {
                behind += 1;
                (at, now + behind * step)
            } else {
                (at, now + (behind + 1) * step)
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Ms = 60_000;
    const HOUR: Ms = 60 * MINUTE;

    fn every_minute() -> Calendar {
        Calendar::parse("* * * * *", "UTC").unwrap()
    }

    fn fired(due: &DueTimes) -> Vec<Ms> {
        due.fires.iter().map(|(at, _)| *at).collect()
    }

    #[test]
    fn what_is_due_fires_once_and_the_cursor_moves_past_it() {
        let due = due_times(&every_minute(), 10 * MINUTE, 11 * MINUTE + 5, 0);
        assert_eq!((fired(&due), due.next), (vec![11 * MINUTE], Some(12 * MINUTE)));
        let again = due_times(&every_minute(), due.cursor, 11 * MINUTE + 5, 0);
        assert_eq!(fired(&again), Vec::<Ms>::new());
    }

    #[test]
    fn f031_after_a_jump_forward_each_time_in_the_window_fires_once_oldest_first_and_the_rest_is_missed() {
        let now = 100 * HOUR;
        let due = due_times(&every_minute(), 10 * HOUR, now, (3 * MINUTE).cast_unsigned());
        assert_eq!(fired(&due), [now - 3 * MINUTE, now - 2 * MINUTE, now - MINUTE, now]);
        let starts: Vec<Ms> = due.fires.iter().map(|(_, start)| *start).collect();
        assert!(starts.windows(2).all(|pair| pair[0] < pair[1]) && starts[0] == now, "oldest first, spread: {starts:?}");
        let (first, _, counted) = due.missed.unwrap();
        assert_eq!((first, counted), (10 * HOUR + MINUTE, u32::try_from(MISSED_COUNTED).unwrap()));
        assert_eq!((due.cursor, due.next), (now, Some(now + MINUTE)));
    }

    #[test]
    fn f032_a_clock_that_went_back_fires_nothing() {
        let due = due_times(&every_minute(), 10 * HOUR, 9 * HOUR, HOUR.cast_unsigned());
        assert_eq!((fired(&due), due.missed, due.cursor), (Vec::new(), None, 10 * HOUR));
        assert_eq!(due.next, Some(10 * HOUR + MINUTE));
    }

    #[test]
    fn a_window_with_more_times_than_fit_goes_on_where_it_stopped() {
        let (window, mut cursor, now) = (50 * HOUR, 0, 50 * HOUR);
        let mut seen = Vec::new();
        loop {
            let due = due_times(&every_minute(), cursor, now, window.cast_unsigned());
            seen.extend(fired(&due));
            cursor = due.cursor;
            if due.next.is_some_and(|next| next > now) {
                break;
            }
        }
        assert_eq!(seen.len(), 50 * 60);
        assert!(seen.windows(2).all(|pair| pair[1] - pair[0] == MINUTE), "none twice, none left out");
    }

    #[test]
    fn a_server_that_is_a_little_late_is_on_time() {
        let due = due_times(&every_minute(), 10 * MINUTE, 11 * MINUTE + ON_TIME_MS.cast_signed(), 0);
        assert_eq!(fired(&due), [11 * MINUTE]);
        let late = due_times(&every_minute(), 10 * MINUTE, 11 * MINUTE + ON_TIME_MS.cast_signed() + 1, 0);
        assert_eq!((fired(&late), late.missed), (Vec::new(), Some((11 * MINUTE, 11 * MINUTE, 1))));
    }
}
