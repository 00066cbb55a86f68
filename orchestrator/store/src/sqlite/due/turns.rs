//! Whose turn it is. Kept in memory: after a restart the turns begin anew, and go round all the same.

use sortie_core::effect::WorkClass;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The flow that was served last, by class of work and by what held launches wait for.
#[derive(Debug, Default)]
pub(in crate::sqlite) struct Turns {
    classes: Mutex<[String; WorkClass::ALL.len()]>,
    held: Mutex<HashMap<String, String>>,
}

impl Turns {
    /// The flow of a class that was served last; empty before the first.
    pub(super) fn of_class(&self, class: WorkClass) -> String {
        lock(&self.classes)[class as usize].clone()
    }

    /// This flow was served.
    pub(super) fn serve_class(&self, class: WorkClass, flow: String) {
        lock(&self.classes)[class as usize] = flow;
    }

    /// The flow whose held launch was let go last, of those that wait for this.
    pub(super) fn of_held(&self, target: &str) -> String {
        lock(&self.held).get(target).cloned().unwrap_or_default()
    }

    /// A held launch of this flow was let go.
    pub(super) fn serve_held(&self, target: &str, flow: String) {
        lock(&self.held).insert(target.to_owned(), flow);
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
