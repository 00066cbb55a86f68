//! Counting those who are refused. Asked only after a refusal, so that no count can keep a valid caller out (F063).

use super::limits::RefusalLimits;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Addresses share this many counters, by a hash that nobody outside can compute: memory is fixed, and two addresses
/// that share one only share the answer to their bad posts.
const COUNTERS: usize = 4_096;

/// What is left of a budget that refills.
#[derive(Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Bucket {
    /// Whether one more was in it.
    fn take(&mut self, now: Instant, burst: u32, per_second: u32) -> bool {
        let refilled = now.saturating_duration_since(self.at).as_secs_f64() * f64::from(per_second);
        self.left = (self.left + refilled).min(f64::from(burst));
        self.at = now;
        if self.left < 1.0 {
            return false;
        }
        self.left -= 1.0;
        true
    }
}

/// All counters of a listener.
pub(super) struct Refusals {
    limits: RefusalLimits,
    hasher: RandomState,
    counters: Mutex<(Bucket, Vec<Bucket>)>,
}

impl Refusals {
    /// With full budgets.
    pub(super) fn new(limits: RefusalLimits) -> Self {
        let at = Instant::now();
        let bucket = |left: u32| Bucket { left: f64::from(left), at };
        let counters = Mutex::new((bucket(limits.global_burst), vec![bucket(limits.burst); COUNTERS]));
        Self { limits, hasher: RandomState::new(), counters }
    }

    /// Count a refusal; false where there were too many.
    pub(super) fn count(&self, address: IpAddr) -> bool {
        let key: u64 = match address {
            IpAddr::V4(v4) => self.hasher.hash_one(v4),
            IpAddr::V6(v6) => self.hasher.hash_one(v6.octets().first_chunk::<8>()),
        };
        let index = usize::try_from(key % COUNTERS as u64).unwrap_or(0);
        let now = Instant::now();
        let RefusalLimits { burst, per_second, global_burst, global_per_second } = self.limits;
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let (global, each) = &mut *counters;
        each[index].take(now, burst, per_second) && global.take(now, global_burst, global_per_second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_budget_runs_out_and_refills() {
        let start = Instant::now();
        let mut bucket = Bucket { left: 2.0, at: start };
        assert!(bucket.take(start, 2, 1) && bucket.take(start, 2, 1) && !bucket.take(start, 2, 1));
        assert!(bucket.take(start + Duration::from_millis(1_100), 2, 1));
        assert!(!bucket.take(start + Duration::from_millis(1_200), 2, 1));
    }

    #[test]
    fn f063_one_address_does_not_use_up_another_ones_budget() {
        let limits = RefusalLimits { burst: 3, per_second: 0, global_burst: 100, global_per_second: 0 };
        let refusals = Refusals::new(limits);
        let one: IpAddr = "192.0.2.1".parse().unwrap();
        assert_eq!((0..10).filter(|_| refusals.count(one)).count(), 3);
        let others: usize = (2..12).map(|n| usize::from(refusals.count(IpAddr::from([192, 0, 2, n])))).sum();
        assert!(others >= 9, "at most one may share a counter: {others}");
    }
}
