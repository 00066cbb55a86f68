//! Flows as the server sees them: everything goes through a worker process, as it does there.

mod agents;
mod bounds;
mod calls;
mod check;
mod diagnostics;
mod durable;
mod handles;
mod recorded;
mod replay;
mod support;
mod testing;

/// Not a test: the program that the tests start as their worker (see `support::spawn`). Does nothing otherwise.
#[test]
fn worker_process() {
    support::become_worker();
}
