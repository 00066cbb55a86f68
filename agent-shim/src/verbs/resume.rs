//! `resume`: successors for all supervisors that died with work left, after a reboot above all. For people, timers and start-up
//! scripts; every other verb that names an attempt does the same for that one.

use super::{Fault, list, succeed};
use crate::root::Root;
use crate::view::is_forsaken;

/// Call them. Says for how many attempts.
pub fn run(root: &Root) -> Result<usize, Fault> {
    let forsaken: Vec<_> = list::open(root)?.into_iter().filter(is_forsaken).collect();
    forsaken.iter().for_each(succeed);
    Ok(forsaken.len())
}
