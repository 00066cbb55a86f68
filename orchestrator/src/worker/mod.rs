//! `sortie worker`: a machine that nobody can reach, which comes and fetches its work over HTTPS.
//!
//! A worker is a host whose questions wait in a mailbox instead of going over SSH. The worker fetches them by a long poll, has
//! them answered by the same shim that any host has, and brings the answers. So launches, probes, collections and stops are what
//! they are everywhere, and a worker holds no more than the tokens of the jobs it was handed.
//!
//! ```text
//! driver ── mailbox ◄── POST poll ── client ── LocalLauncher ── sortie-shim session
//!              ▲                        │
//!              └──────── POST answer ───┘        <root>/lease, renewed by every answer of the server
//! ```
//!
//! Two guards, whichever process dies: the *fence* is the number of the process that speaks for the worker, and an older one is
//! told to end its jobs; the *lease* is a file in the state root, and a supervisor that finds it run out ends its job.

pub mod client;
pub mod desk;
pub mod lease;
pub mod limits;
pub mod mailbox;
pub mod protocol;
