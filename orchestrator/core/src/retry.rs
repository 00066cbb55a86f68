//! When the next try is due.

use crate::call::RetryPolicy;
use crate::failure::FailureKind;
use crate::ids::{Entropy, Ms};
use crate::limits;

/// Pause before the attempt after `used` ones: full jitter under an exponential cap, in milliseconds.
#[must_use]
pub fn backoff_ms(policy: &RetryPolicy, used: u32, entropy: &Entropy) -> u64 {
    let ceiling = policy.backoff_ms.saturating_mul(1 << used.saturating_sub(1).min(20)).min(policy.max_backoff_ms);
    jitter(ceiling, entropy)
}

/// What a step has used of its retry budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    /// Attempts or tries.
    pub used: u32,
    /// When the first of them was asked for.
    pub since: Ms,
}

/// Whether the policy wants another attempt at this time, after this failure.
#[must_use]
pub fn is_worth(policy: &RetryPolicy, kind: FailureKind, spent: Spent, due_at: Ms) -> bool {
    let in_time = policy.total_ms.is_none_or(|total| due_at <= spent.since.saturating_add_unsigned(total));
    policy.on.contains(&kind) && spent.used < policy.attempts && in_time
}

/// Pause before reaching for a host again that has been out of reach for `elapsed_ms`: about as long again, within limits.
#[must_use]
pub fn reach_ms(elapsed_ms: Ms, entropy: &Entropy) -> u64 {
    let base = u64::try_from(elapsed_ms).unwrap_or(0).clamp(limits::REACH_BACKOFF_MS, limits::REACH_BACKOFF_CAP_MS);
    base / 2 + jitter(base / 2, entropy)
}

/// Pause before a launch is tried again on a host that has been away for `elapsed_ms`: see [`limits::LAUNCH_AWAY_PART`].
#[must_use]
pub fn launch_ms(elapsed_ms: Ms, entropy: &Entropy) -> u64 {
    reach_ms(elapsed_ms, entropy).max(u64::try_from(elapsed_ms).unwrap_or(0) / limits::LAUNCH_AWAY_PART)
}

/// Uniform in `0..=ceiling`.
fn jitter(ceiling: u64, entropy: &Entropy) -> u64 {
    let mut eight = [0; 8];
    eight.copy_from_slice(&entropy.bytes("jitter", 0)[..8]);
    u64::from_le_bytes(eight) % ceiling.saturating_add(1).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_doubles_and_is_capped() {
        let policy = RetryPolicy { attempts: 9, backoff_ms: 100, max_backoff_ms: 1_000, total_ms: None, on: vec![] };
        let most = |used| (0..=255).map(|seed| backoff_ms(&policy, used, &Entropy([seed; 32]))).max().unwrap();
        assert!((90..=100).contains(&most(1)), "{}", most(1));
        assert!((180..=200).contains(&most(2)));
        assert!((900..=1_000).contains(&most(60)));
    }

    #[test]
    fn kind_number_and_time_limit_a_budget() {
        let policy = RetryPolicy { attempts: 3, backoff_ms: 1, max_backoff_ms: 1, total_ms: Some(1_000), on: vec![FailureKind::Exit] };
        let spent = |used| Spent { used, since: 500 };
        assert!(is_worth(&policy, FailureKind::Exit, spent(2), 1_500));
        assert!(!is_worth(&policy, FailureKind::Lost, spent(2), 1_500), "another kind");
        assert!(!is_worth(&policy, FailureKind::Exit, spent(3), 1_500), "used up");
        assert!(!is_worth(&policy, FailureKind::Exit, spent(2), 1_501), "too late");
        assert!(is_worth(&RetryPolicy { total_ms: None, ..policy }, FailureKind::Exit, spent(2), Ms::MAX));
    }

    #[test]
    fn a_host_out_of_reach_is_tried_at_growing_intervals() {
        let entropy = Entropy([3; 32]);
        assert!(reach_ms(-5, &entropy) <= limits::REACH_BACKOFF_MS);
        assert!(reach_ms(10_000, &entropy) >= 5_000);
        assert!(reach_ms(Ms::MAX, &entropy) <= limits::REACH_BACKOFF_CAP_MS);
    }
}
