//! Names of hosts and labels: they stand in commands, flows and logs as they are.

use super::limits::{HOST_LABELS, HOST_NAME_CHARS};

/// Whether it can be the name of a host, or a label.
#[must_use]
pub fn fits(text: &str) -> bool {
    let letters = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    letters && !text.is_empty() && !text.starts_with('-') && text.len() <= HOST_NAME_CHARS
}

/// What is wrong with the name of a host, for people.
///
/// # Errors
/// Where something is.
pub fn host(name: &str) -> Result<(), String> {
    let wrong = || format!("a host's name has 1 to {HOST_NAME_CHARS} lower-case letters, digits and `-`, and starts with no `-`");
    fits(name).then_some(()).ok_or_else(wrong)
}

/// What is wrong with labels, for people.
///
/// # Errors
/// Where something is.
pub fn labels(labels: &[String]) -> Result<(), String> {
    let right = labels.len() <= HOST_LABELS && labels.iter().all(|label| fits(label));
    right.then_some(()).ok_or_else(|| format!("a host has at most {HOST_LABELS} labels, of the form of its name"))
}
