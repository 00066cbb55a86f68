//! Where a state root and its attempts were made: a copy of either, on another machine or under another path, must not speak for the
//! original (F100).

use crate::files;
use crate::root::Root;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Where something was made (`origin.json` of an attempt, `machine.json` of a state root).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The state root.
    pub root: PathBuf,
    /// The machine.
    pub machine: Machine,
}

/// What tells machines apart. A clone of a disk has the ids that are on it; those of the (virtual) hardware are its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// `/etc/machine-id`.
    #[serde(default)]
    pub id: Option<String>,
    /// Id of the hardware, which root alone can read.
    #[serde(default)]
    pub product: Option<String>,
}

impl Machine {
    /// This one.
    pub fn here() -> Self {
        let read = |path: &str| {
            let text = std::fs::read_to_string(path).ok()?;
            Some(text.trim().to_owned()).filter(|text| !text.is_empty() && text != "uninitialized")
        };
        Self { id: read("/etc/machine-id"), product: read("/sys/class/dmi/id/product_uuid") }
    }

    /// Whether it is known to be another: an id that only one of two logins could read says nothing.
    fn is_other(&self, here: &Self) -> bool {
        let differ = |one: &Option<String>, two: &Option<String>| one.is_some() && two.is_some() && one != two;
        differ(&self.id, &here.id) || differ(&self.product, &here.product)
    }
}

impl Origin {
    /// This state root on this machine.
    pub fn here(root: &Root) -> Self {
        Self { root: root.path().to_owned(), machine: Machine::here() }
    }

    /// Why what was made there does not belong here, where it does not.
    pub fn fault(&self, root: &Root) -> Option<String> {
        if self.machine.is_other(&Machine::here()) {
            return Some("it was copied from another machine".to_owned());
        }
        (self.root != root.path()).then(|| format!("it was copied from {}", self.root.display()))
    }
}

/// Whether a state root was copied here with its marker: only machines are compared, a root may be reached by several paths.
pub fn is_moved(root: &Root) -> bool {
    let made = files::read_json::<Origin>(&root.path().join("machine.json"));
    made.is_some_and(|made| made.machine.is_other(&Machine::here()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f100_machines_differ_where_both_know_an_id_and_it_is_another() {
        let machine = |id: &str, product: Option<&str>| Machine { id: Some(id.to_owned()), product: product.map(str::to_owned) };
        assert!(!machine("a", None).is_other(&machine("a", Some("p"))), "a login that may not read the hardware's id");
        assert!(machine("a", Some("p")).is_other(&machine("a", Some("q"))), "a cloned disk");
        assert!(machine("a", None).is_other(&machine("b", None)));
        assert!(!Machine::default().is_other(&machine("b", None)));
    }
}
