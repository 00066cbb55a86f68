//! Percentiles of one round, median and extremes of several.

use std::time::Duration;

/// The value that this share of the sorted values does not exceed; 0 where there are none.
#[must_use]
pub fn percentile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1) as f64;
    sorted.get((last * share).round() as usize).copied().unwrap_or_default()
}

/// Durations in milliseconds, sorted.
#[must_use]
pub fn sorted_ms(durations: impl IntoIterator<Item = Duration>) -> Vec<f64> {
    sorted(durations.into_iter().map(|duration| duration.as_secs_f64() * 1e3))
}

/// Values in ascending order.
#[must_use]
pub fn sorted(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values
}

/// A figure over several rounds.
#[derive(Clone, Debug, Default)]
pub struct Rounds(Vec<f64>);

impl Rounds {
    /// None yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// One more round.
    pub fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    /// `median (least-most)` with so many digits after the point; one round is shown as it is.
    #[must_use]
    pub fn show(&self, digits: usize) -> String {
        let sorted = sorted(self.0.iter().copied());
        let median = percentile(&sorted, 0.5);
        match (sorted.first(), sorted.last()) {
            (Some(least), Some(most)) if sorted.len() > 1 => format!("{median:.digits$} ({least:.digits$}-{most:.digits$})"),
            _ => format!("{median:.digits$}"),
        }
    }
}

impl FromIterator<f64> for Rounds {
    fn from_iter<T: IntoIterator<Item = f64>>(values: T) -> Self {
        Self(values.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_there() {
        let hundred = sorted((1..=101).rev().map(f64::from));
        assert_eq!((percentile(&hundred, 0.5), percentile(&hundred, 0.99), percentile(&hundred, 1.0)), (51.0, 100.0, 101.0));
        assert_eq!(percentile(&[], 0.5), 0.0);
    }

    #[test]
    fn rounds_show_median_and_extremes() {
        assert_eq!([3.0, 1.0, 2.0].into_iter().collect::<Rounds>().show(1), "2.0 (1.0-3.0)");
        assert_eq!([3.0].into_iter().collect::<Rounds>().show(0), "3");
    }
}
