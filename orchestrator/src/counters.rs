//! What is counted since the start of this process, and nowhere else.

use sortie_protocol::receipt::Outcome;
use std::sync::atomic::{AtomicU64, Ordering};

/// Outcomes in the order of their counters.
const OUTCOMES: [Outcome; 10] = [
    Outcome::Accepted,
    Outcome::Duplicate,
    Outcome::Conflict,
    Outcome::Late,
    Outcome::Invalid,
    Outcome::Unauthorized,
    Outcome::TooLarge,
    Outcome::UnsupportedType,
    Outcome::TooMany,
    Outcome::Unavailable,
];

static CALLBACKS: [AtomicU64; OUTCOMES.len()] = [const { AtomicU64::new(0) }; OUTCOMES.len()];

/// A callback was answered.
pub fn callback(outcome: Outcome) {
    if let Some(at) = OUTCOMES.iter().position(|known| *known == outcome) {
        CALLBACKS[at].fetch_add(1, Ordering::Relaxed);
    }
}

/// Callbacks by outcome.
pub fn callbacks() -> impl Iterator<Item = (Outcome, u64)> {
    OUTCOMES.into_iter().zip(CALLBACKS.iter().map(|count| count.load(Ordering::Relaxed)))
}
