//! The callback server over real TCP: outcomes, who is refused, what is bounded. By fault number where there is one.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

#[path = "callbacks/asks.rs"]
mod asks;
#[path = "callbacks/bodies.rs"]
mod bodies;
#[path = "callbacks/collected.rs"]
mod collected;
#[path = "callbacks/connections.rs"]
mod connections;
#[path = "callbacks/forged.rs"]
mod forged;
#[path = "callbacks/keys.rs"]
mod keys;
#[path = "callbacks/outcomes.rs"]
mod outcomes;
#[path = "callbacks/raw.rs"]
mod raw;
#[path = "callbacks/replayed.rs"]
mod replayed;
#[path = "callbacks/tls.rs"]
mod tls;
#[path = "callbacks/waits.rs"]
mod waits;
