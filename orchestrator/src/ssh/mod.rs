//! Reaching hosts over SSH: the adapter behind [`crate::launcher::Launcher`].
//!
//! ```text
//! launcher ── lane (one per host: queue, workers) ── session (one exec, many questions) ── connection ── wire ── TCP
//!                                                     └ reader ── listener                  └ handler, login, pins
//! ```
//!
//! | question | place |
//! | --- | --- |
//! | what is executed on a host? | [`script`] |
//! | what may it print, and what do we make of it? | [`listener`], [`reader`] |
//! | which algorithms, which keys, whose certificates? | [`algorithms`], [`pins`] |
//! | which machines are passed on the way? | [`way`] |
//! | what goes wrong, and what is the driver told? | [`fault`] |
//! | how many at once, how long? | [`limits`], [`gate`], [`lane`] |
//! | how does a host get added? | [`enroll`]; by an alias of ssh_config: [`alias`] |
//!
//! Not here: PTYs, environment requests, forwarding of any kind, compression, passwords.

pub mod algorithms;
pub mod alias;
pub mod check;
pub mod connection;
mod dial;
pub mod embedded;
pub mod enroll;
pub mod fault;
pub mod gate;
pub mod handler;
mod install;
mod lane;
pub mod launcher;
pub mod limits;
pub mod listener;
pub mod login;
pub mod pins;
pub mod reader;
pub mod scan;
pub mod script;
pub mod session;
mod sign;
mod target;
pub mod way;
mod wire;
mod worker;

pub use launcher::{Config, SshLauncher};
