//! What a flow may call: one builtin a file, one list.
//!
//! The doc comments of the builtins are the reference that users read ([`crate::docs`]).

// The macros of starlark expand to items without documentation and with braces of their own.
#![allow(
    missing_docs,
    unused_braces,
    non_upper_case_globals,
    clippy::too_many_arguments,
    reason = "what `#[starlark_module]` expands to, and its parameters are the arguments of the builtin"
)]

mod agent;
mod answers;
mod approval;
mod args;
mod artifact;
mod budget;
mod child;
mod connection;
mod escalate;
mod fail;
mod flow;
mod for_each;
mod git;
mod http;
mod job;
mod job_args;
mod json;
mod label;
mod limit;
mod limits;
mod log;
mod manual;
mod notify;
mod now;
mod optional;
mod retry;
mod schedule;
mod secret;
mod sleep;
mod sleep_until;
mod types;
mod uuid;
mod wait;
mod wait_all;
mod wait_any;
mod wait_event;
mod webhook;

use starlark::environment::{Globals, GlobalsBuilder, LibraryExtension};
use std::sync::LazyLock;

/// Names of the builtins that make a durable call. Their first argument is the name of the step.
pub const DURABLE: [&str; 13] =
    ["job", "agent", "http", "wait", "wait_event", "approval", "child", "artifact", "sleep", "sleep_until", "now", "uuid", "wait_any"];

/// Extensions of the language that are pure. Left out: `Debug`, `Breakpoint`, `Pprint` and their like (they show what
/// may change), `Internal`, `CallStack`, and `Json`, which has no depth limit.
const PURE: [LibraryExtension; 10] = [
    LibraryExtension::StructType,
    LibraryExtension::RecordType,
    LibraryExtension::EnumType,
    LibraryExtension::NamespaceType,
    LibraryExtension::Map,
    LibraryExtension::Filter,
    LibraryExtension::Partial,
    LibraryExtension::Typing,
    LibraryExtension::SetType,
    LibraryExtension::Print,
];

static GLOBALS: LazyLock<Globals> = LazyLock::new(|| {
    let mut builder = GlobalsBuilder::standard();
    for extension in PURE {
        extension.add(&mut builder);
    }
    builder.with(own).build()
});

/// Everything that a flow can name.
pub fn globals() -> &'static Globals {
    &GLOBALS
}

/// The builtins of flows, without those of the language.
pub fn own(builder: &mut GlobalsBuilder) {
    flow::register(builder);
    optional::register(builder);
    manual::register(builder);
    schedule::register(builder);
    webhook::register(builder);
    limit::register(builder);
    notify::register(builder);
    secret::register(builder);
    connection::register(builder);
    budget::register(builder);
    escalate::register(builder);
    job::register(builder);
    agent::register(builder);
    git::register(builder);
    limits::register(builder);
    label::register(builder);
    retry::register(builder);
    wait::register(builder);
    wait_event::register(builder);
    approval::register(builder);
    child::register(builder);
    artifact::register(builder);
    http::register(builder);
    fail::register(builder);
    for_each::register(builder);
    sleep::register(builder);
    sleep_until::register(builder);
    now::register(builder);
    uuid::register(builder);
    wait_all::register(builder);
    wait_any::register(builder);
    log::register(builder);
    types::register(builder);
    builder.namespace("json", json::register);
}
