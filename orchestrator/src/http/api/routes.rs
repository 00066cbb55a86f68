//! The route table: built once, listed for the test that walks it.

use super::limits::{BODY_BYTES, IMPORT_BYTES};
use super::token::{self, TokenDigest};
use super::{
    approvals, audit, connections, dead, events, explain, export, flows, guard, hosts, idempotency, import, journals, launches, logs,
    metrics, operators, releases, resources, runs, runs_control, runs_create, runs_failures, runs_fork, runs_history, runs_tokens,
    schedules, secrets, status, waits, workers,
};
use crate::app::App;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::handler::Handler;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, delete, get, post};
use std::sync::Arc;

/// What every handler sees.
#[derive(Clone)]
pub struct Api {
    /// The program.
    pub app: App,
    /// The operator's token; without one everything is refused.
    pub token: Option<TokenDigest>,
    /// Idempotency keys that are being worked on.
    pub(super) in_flight: Arc<idempotency::InFlight>,
}

/// The operator API of an installation, for its operator listener. The token is read here, once.
pub fn routes(app: &App) -> Router {
    let token = match token::read(&app.home.operator_token()) {
        Ok(token) => Some(TokenDigest::of(token.expose())),
        Err(problem) => {
            tracing::error!(error = %problem, "the operator API refuses everything");
            None
        }
    };
    table(Api { app: app.clone(), token, in_flight: Arc::default() }).0
}

/// The router, and every method and path in it.
pub(super) fn table(api: Api) -> (Router, Vec<(&'static str, &'static str)>) {
    let mut table = Table { router: Router::new(), listed: Vec::new(), api: api.clone() };
    table.get("/v1/status", status::show);
    table.get("/metrics", metrics::show);
    table.get("/v1/hosts", hosts::list);
    table.post("/v1/hosts", hosts::add);
    table.get("/v1/hosts/{name}", hosts::show);
    table.delete("/v1/hosts/{name}", hosts::remove);
    table.post("/v1/hosts/{name}", hosts::set);
    table.post("/v1/hosts/{name}/drain", hosts::drain);
    table.post("/v1/hosts/{name}/ready", hosts::ready);
    table.post("/v1/hosts/{name}/gc", hosts::gc);
    table.get("/v1/hosts/{name}/keys", hosts::keys::show);
    table.post("/v1/hosts/{name}/keys", hosts::keys::accept);
    table.post("/v1/hosts/{name}/test", hosts::test);
    table.post("/v1/hosts/local", workers::add_local);
    table.get("/v1/workers", workers::list);
    table.unremembered_post("/v1/workers", workers::add);
    table.unremembered_post("/v1/workers/{name}/token", workers::rotate);
    table.get("/v1/flows", flows::list);
    table.get("/v1/flows/{name}", flows::show);
    table.post("/v1/flows/{name}/draft", flows::push);
    table.post("/v1/flows/{name}/release", releases::release);
    table.post("/v1/flows/{name}/promote", releases::promote);
    table.get("/v1/flows/{name}/releases", releases::list);
    table.get("/v1/flows/{name}/diff", releases::diff);
    table.get("/v1/schedules", schedules::list);
    table.get("/v1/schedules/{flow}/{name}", schedules::show);
    table.post("/v1/schedules/{flow}/{name}/pause", schedules::pause);
    table.post("/v1/schedules/{flow}/{name}/resume", schedules::resume);
    table.post("/v1/schedules/{flow}/{name}/trigger", schedules::trigger);
    table.post("/v1/schedules/{flow}/{name}/backfill", schedules::backfill);
    table.get("/v1/events", events::list);
    table.post("/v1/events", events::publish);
    table.get("/v1/runs", runs::list);
    table.post("/v1/runs", runs_create::create);
    table.post_up_to(IMPORT_BYTES, "/v1/runs/import", import::take);
    table.post("/v1/launches", launches::create);
    table.get("/v1/runs/{id}", runs::show);
    table.get("/v1/runs/{id}/steps", runs::steps);
    table.get("/v1/runs/{id}/attempts", runs::attempts);
    table.get("/v1/runs/{id}/history", runs_history::page);
    table.get("/v1/runs/{id}/tokens", runs_tokens::show);
    table.get("/v1/runs/{id}/logs", logs::page);
    table.get("/v1/runs/{id}/explain", explain::show);
    table.get("/v1/runs/{id}/export", export::show);
    table.post("/v1/runs/{id}/pause", runs_control::pause);
    table.post("/v1/runs/{id}/resume", runs_control::resume);
    table.post("/v1/runs/{id}/cancel", runs_control::cancel);
    table.post("/v1/runs/{id}/terminate", runs_control::terminate);
    table.post("/v1/runs/{id}/retry", runs_control::retry);
    table.post("/v1/runs/{id}/fork", runs_fork::fork);
    table.post("/v1/attempts/{id}/adopt", runs_control::adopt);
    table.get("/v1/journals", journals::verify);
    table.get("/v1/audit", audit::list);
    table.get("/v1/failures", runs_failures::counts);
    table.get("/v1/dead", dead::list);
    table.post("/v1/dead/redrive", dead::redrive_all);
    table.post("/v1/dead/purge", dead::purge);
    table.post("/v1/dead/{id}/redrive", dead::redrive);
    table.get("/v1/waits", waits::list);
    table.get("/v1/secrets", secrets::list);
    table.unremembered_post("/v1/secrets/{name}", secrets::set);
    table.delete("/v1/secrets/{name}", secrets::remove);
    table.get("/v1/connections", connections::list);
    table.post("/v1/connections", connections::add);
    table.get("/v1/connections/{name}/usages", connections::usages);
    table.post("/v1/connections/{name}/test", connections::test);
    table.delete("/v1/connections/{name}", connections::remove);
    table.get("/v1/whoami", operators::whoami);
    table.get("/v1/operators", operators::list);
    table.unremembered_post("/v1/operators", operators::add);
    table.unremembered_post("/v1/operators/{name}/token", operators::rotate);
    table.delete("/v1/operators/{name}", operators::remove);
    table.get("/v1/resources", resources::list);
    table.get("/v1/resources/content", resources::content);
    table.unremembered_post("/v1/resources/link", resources::link);
    table.post("/v1/resources/gc", resources::collect);
    table.unremembered_post("/v1/waits/{id}/credentials", waits::credentials);
    table.post("/v1/waits/{id}/answer", waits::answer);
    table.get("/v1/approvals", approvals::list);
    table.get("/v1/approvals/{id}", approvals::show);
    table.post("/v1/approvals/{id}/vote", approvals::vote);
    table.unremembered_post("/v1/approvals/{id}/links", approvals::link);
    let router = table.router.fallback(guard::no_such_path).method_not_allowed_fallback(guard::no_such_method);
    let guarded = router.layer(from_fn_with_state(api.clone(), guard::guard)).with_state(api);
    (guarded, table.listed)
}

struct Table {
    router: Router<Api>,
    listed: Vec<(&'static str, &'static str)>,
    api: Api,
}

impl Table {
    fn get<H: Handler<T, Api>, T: 'static>(&mut self, path: &'static str, handler: H) {
        self.add("GET", path, get(handler));
    }

    fn post<H: Handler<T, Api>, T: 'static>(&mut self, path: &'static str, handler: H) {
        self.post_up_to(BODY_BYTES, path, handler);
    }

    /// For bodies that are larger or smaller than the usual.
    fn post_up_to<H: Handler<T, Api>, T: 'static>(&mut self, bytes: usize, path: &'static str, handler: H) {
        let route: MethodRouter<Api> = post(handler).layer(from_fn_with_state(self.once(bytes), idempotency::once));
        self.add("POST", path, route.layer(DefaultBodyLimit::max(bytes)));
    }

    fn once(&self, bytes: usize) -> idempotency::Bounded {
        idempotency::Bounded { api: self.api.clone(), bytes }
    }

    /// For answers that carry a secret: nothing of them may be kept.
    fn unremembered_post<H: Handler<T, Api>, T: 'static>(&mut self, path: &'static str, handler: H) {
        self.add("POST", path, post(handler));
    }

    fn delete<H: Handler<T, Api>, T: 'static>(&mut self, path: &'static str, handler: H) {
        self.add("DELETE", path, delete(handler).layer(from_fn_with_state(self.once(BODY_BYTES), idempotency::once)));
    }

    fn add(&mut self, method: &'static str, path: &'static str, route: MethodRouter<Api>) {
        self.listed.push((method, path));
        self.router = std::mem::take(&mut self.router).route(path, route);
    }
}

#[cfg(test)]
#[path = "routes_tests.rs"]
mod tests;
