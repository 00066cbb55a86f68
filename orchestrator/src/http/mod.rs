//! HTTP: the callback server for the world, the operator API for people. Own accept loop, HTTP/1.1 only.

pub mod api;
pub mod approvals;
pub mod callbacks;
pub mod downloads;
mod framing;
pub mod health;
pub mod hooks;
pub mod limits;
mod logs;
mod problem;
mod reach;
mod refusals;
pub mod server;
mod stream;
pub mod tls;
mod uploads;
pub mod workers;

pub use server::{serve, serve_with};

use crate::app::App;
use crate::worker::desk::Desk;
use axum::Router;
use std::sync::Arc;

/// Everything that the public listener answers; whatever else is asked for is not found.
pub fn callback_routes(app: &App) -> Router {
    let hooks = hooks::routes(app.driver.clone(), app.secrets.clone());
    let desk = Desk { store: Arc::clone(&app.store), mailboxes: Arc::clone(&app.workers), clock: app.clock };
    let workers = workers::routes(desk);
    callbacks::routes(app.driver.clone()).merge(approvals::routes(app.driver.clone())).merge(hooks).merge(workers)
}
