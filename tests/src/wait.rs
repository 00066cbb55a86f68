//! Waiting for a condition with a deadline.

use crate::limits::LOOK;
use std::time::{Duration, Instant};

/// Look until it is there; fails with the sentence after the deadline.
pub fn until<T>(what: &str, longest: Duration, look: impl FnMut() -> Option<T>) -> T {
    until_or(|| what.to_owned(), longest, look)
}

/// As [`until`], with a sentence that is made only when it is needed.
pub fn until_or<T>(what: impl Fn() -> String, longest: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(started.elapsed() < longest, "not within {longest:?}: {}", what());
        std::thread::sleep(LOOK);
    }
}

/// Look until it holds; fails with the sentence after the deadline.
pub fn holds(what: &str, longest: Duration, mut look: impl FnMut() -> bool) {
    until(what, longest, || look().then_some(()));
}
