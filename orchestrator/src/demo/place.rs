//! Where the demo happens: a temporary installation with its server, and a host.

use super::{Target, say};
use crate::app::App;
use crate::config::{Config, Home};
use crate::serve::{Listeners, serve};
use crate::setup;
use crate::ssh::embedded::EmbeddedHost;
use crate::ssh::enroll::{EnrollRequest, Expected, Place as Server};
use sortie_core::host::{CallbackMode, Host, Login};
use std::net::SocketAddr;
use std::path::PathBuf;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A real machine to run the demo on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Login name.
    pub user: String,
    /// Name or address.
    pub address: String,
    /// TCP port.
    pub port: u16,
    /// How to log in.
    pub login: Login,
    /// What its key must be.
    pub expected: Option<Expected>,
    /// Where the server listens for its callbacks.
    pub listen: SocketAddr,
    /// The URL under which the machine reaches the server; without one, by `listen`.
    pub public_url: Option<String>,
}

/// A temporary installation that runs.
pub(super) struct Place {
    pub(super) app: App,
    pub(super) host: Host,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
    embedded: Option<EmbeddedHost>,
    // Last: removed when everything else is gone.
    folder: tempfile::TempDir,
}

impl Place {
    pub(super) async fn set_up(target: Target) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("sortie-demo-").tempdir()?;
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let listen = match &target {
            Target::Embedded => loopback,
            Target::Machine(machine) => machine.listen,
        };
        let listeners = Listeners::bind(listen, loopback).await?;
        let bound = listeners.bound()?;
        let public_url = match &target {
            Target::Machine(Machine { public_url: Some(url), .. }) => url.clone(),
            _ => format!("http://{}", bound.callbacks),
        };
        let config = Config { listen: bound.callbacks, operator_listen: bound.operator, public_url, plain_http: true, ..Config::fresh() };
        config.check().map_err(anyhow::Error::msg)?;
        let home = Home::new(folder.path().join("home"));
        let made = setup::create(&home, &config).await?;
        let app = App::open(home).await?;
        let at = folder.path().display();
        say(&format!("server: callbacks on {}, operators on {}, everything in {at}", bound.callbacks, bound.operator));
        let (stop, stopped) = watch::channel(false);
        let running = app.clone();
        let server = tokio::spawn(async move {
            if let Err(error) = serve(running, listeners, stopped).await {
                eprintln!("the server failed: {error}");
            }
        });
        let (embedded, request, name) = match target {
            Target::Embedded => {
                let vm = folder.path().join("vm");
                std::fs::create_dir(&vm)?;
                let embedded = EmbeddedHost::start(&vm, made.identity.public_key().clone()).await?;
                let request = embedded_request(&embedded, vm.join("state"));
                (Some(embedded), request, "vm".to_owned())
            }
            Target::Machine(machine) => (None, machine_request(&machine), "machine".to_owned()),
        };
        let host = enroll(&app, &request, name).await?;
        Ok(Self { app, host, stop, server, embedded, folder })
    }

    pub(super) async fn clean_up(self) {
        self.stop.send_replace(true);
        let _ = self.server.await;
        if let Some(embedded) = self.embedded {
            embedded.shutdown();
        }
        if let Err(error) = self.folder.close() {
            eprintln!("the temporary folder could not be removed: {error}");
        }
    }
}

fn embedded_request(host: &EmbeddedHost, root: PathBuf) -> EnrollRequest {
    let host = Server {
        address: "127.0.0.1".to_owned(),
        port: host.port,
        user: "demo".to_owned(),
        expected: Some(Expected::Keys(vec![host.host_key_line.clone()])),
        ..Server::default()
    };
    EnrollRequest { host, root: Some(root.display().to_string()), ..EnrollRequest::default() }
}

fn machine_request(machine: &Machine) -> EnrollRequest {
    let host = Server {
        address: machine.address.clone(),
        port: machine.port,
        user: machine.user.clone(),
        login: machine.login.clone(),
        expected: machine.expected.clone(),
        key_name: None,
    };
    EnrollRequest { host, ..EnrollRequest::default() }
}

async fn enroll(app: &App, request: &EnrollRequest, name: String) -> anyhow::Result<Host> {
    let enrolled = app.ssh.enroll(request).await?;
    say(&format!("host {name}: {} ({}), state in {}", enrolled.facts.uname, enrolled.facts.containment, enrolled.state_root));
    let host = Host {
        name,
        address: request.host.address.clone(),
        port: request.host.port,
        user: request.host.user.clone(),
        login: request.host.login.clone(),
        host_keys: enrolled.host_keys,
        host_cas: enrolled.host_cas,
        arch: enrolled.arch,
        state_root: enrolled.state_root,
        marker: enrolled.marker,
        labels: vec![],
        callbacks: CallbackMode::Push,
        slots: None,
        added_at: app.clock.now(),
        ..Host::default()
    };
    app.store.add_host(host.clone()).await?;
    Ok(host)
}
