//! The running server: both listeners, the work loops, the graceful stop.

use crate::app::App;
use crate::resources::collect::collect_for_ever;
use crate::{http, limits, triggers};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// The two listeners, bound before anything else so that their ports are known.
pub struct Listeners {
    /// For callbacks.
    pub callbacks: TcpListener,
    /// For operators.
    pub operator: TcpListener,
}

/// Where the server listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// For callbacks.
    pub callbacks: SocketAddr,
    /// For operators.
    pub operator: SocketAddr,
}

impl Listeners {
    /// Bind both.
    ///
    /// # Errors
    /// With the address that could not be bound.
    pub async fn bind(callbacks: SocketAddr, operator: SocketAddr) -> std::io::Result<Self> {
        Ok(Self { callbacks: bind(callbacks).await?, operator: bind(operator).await? })
    }

    /// Where they listen.
    ///
    /// # Errors
    /// As the system says.
    pub fn bound(&self) -> std::io::Result<Bound> {
        Ok(Bound { callbacks: self.callbacks.local_addr()?, operator: self.operator.local_addr()? })
    }
}

/// Why the server has stopped.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The TLS files cannot be used.
    #[error(transparent)]
    Tls(#[from] http::tls::TlsError),
    /// The store writes nothing any more: whoever starts the program anew has its file looked at (F016).
    #[error("the store has given up: {0}")]
    Store(String),
}

async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| std::io::Error::new(error.kind(), format!("cannot listen on {address}: {error}")))
}

/// Serve until the stop is set: then take nothing new, finish what is under way, close the store (F004).
///
/// # Errors
/// [`ServeError`]; the server has stopped then.
pub async fn serve(app: App, listeners: Listeners, mut stop: watch::Receiver<bool>) -> Result<(), ServeError> {
    let tls = app.config.tls.as_ref().map(http::tls::acceptor).transpose()?;
    let mut work = app.driver.start();
    let callbacks = tokio::spawn(http::serve(listeners.callbacks, http::callback_routes(&app), tls, stop.clone()));
    let operator = tokio::spawn(http::serve(listeners.operator, http::api::routes(&app), None, stop.clone()));
    let collect = tokio::spawn(collect_for_ever(std::sync::Arc::clone(&app.driver.parts().resources)));
    let reseal = tokio::spawn(reseal(app.clone(), stop.clone()));
    let schedules = tokio::spawn(triggers::scheduler::run(app.driver.clone(), app.bell.clone(), stop.clone()));
    let sweep = tokio::spawn(app.driver.clone().sweep(stop.clone()));
    let watch = tokio::spawn(watch_clock(app.clone(), stop.clone()));
    let retention = tokio::spawn(crate::retention::run(app.clone(), stop.clone()));
    let logs = &app.driver.parts().logs;
    let rests = tokio::spawn(std::sync::Arc::clone(logs).fetch_rests(app.driver.clone(), stop.clone()));
    let sweep_logs = tokio::spawn(std::sync::Arc::clone(logs).sweep_for_ever(stop.clone()));
    let given_up = tokio::select! {
        // An error means that the sender is gone: stop as well.
        _ = stop.wait_for(|stopped| *stopped) => None,
        why = app.store.given_up() => Some(why.unwrap_or_else(|error| error.to_string())),
    };
    if let Some(why) = given_up {
        tracing::error!(why, "the store has given up; the server ends");
        app.driver.stop();
        return Err(ServeError::Store(why));
    }
    tracing::info!("stopping: nothing new is taken");
    app.driver.stop();
    let drained = async {
        let _ = callbacks.await;
        let _ = operator.await;
        let _ = schedules.await;
        while work.join_next().await.is_some() {}
    };
    if tokio::time::timeout(Duration::from_millis(limits::DRAIN_MS), drained).await.is_err() {
        tracing::warn!("work was still under way at the end of the drain; its claims run out by themselves");
    }
    watch.abort();
    collect.abort();
    retention.abort();
    reseal.abort();
    rests.abort();
    sweep_logs.abort();
    sweep.abort();
    if let Err(error) = app.store.close().await {
        tracing::warn!(%error, "the store did not close cleanly");
    }
    Ok(())
}

/// Say so when the system's clock jumps: the program's own does not (F031).
async fn watch_clock(app: App, mut stop: watch::Receiver<bool>) {
    let mut known = 0;
    loop {
        let before = app.clock.now();
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(limits::IDLE_MS)) => {}
            _ = stop.changed() => return,
        }
        let pause = app.clock.now().saturating_sub_unsigned(limits::IDLE_MS) - before;
        if pause > limits::FROZEN_MS.cast_signed() {
            tracing::warn!(pause_ms = pause, "the process was frozen; silence counts from now on");
            app.driver.listen_anew();
        }
        let jump = app.clock.jump();
        if (jump - known).abs() > limits::CLOCK_JUMP_MS {
            tracing::warn!(jump_ms = jump - known, "the system's clock jumped; timers go on by the monotonic clock");
            known = jump;
        }
    }
}

/// After another process has rotated the keys, seal the secrets anew. Both roots open them meanwhile.
async fn reseal(app: App, mut stop: watch::Receiver<bool>) {
    let mut done_under = None;
    loop {
        let read = app.tokens.ring().reload_if_changed();
        let active = app.tokens.ring().root_generation();
        if read.is_ok() && done_under != Some(active) {
            match app.driver.vault().reseal().await {
                Ok(count) => {
                    done_under = Some(active);
                    if count > 0 {
                        tracing::info!(count, root = active, "secrets are sealed under the new root");
                    }
                }
                Err(error) => tracing::warn!(%error, "secrets stay sealed under an older root"),
            }
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(limits::IDLE_MS)) => {}
            _ = stop.changed() => return,
        }
    }
}
