//! A burst of jobs on one host over a real sshd, through the whole of Sortie, beside the `ssh` command.

use crate::engine::{self, CallbackServer, Timed};
use crate::flows::{Flow, HOST, ONE_JOB};
use crate::limits::{self, JOBS, SSH_AT_ONCE};
use crate::place::{self, Place};
use crate::report::Row;
use crate::ssh_client::Ssh;
use crate::sshd::Sshd;
use crate::stats::{self, Rounds};
use anyhow::ensure;
use sortie::app::App;
use sortie::launcher::Launcher;
use sortie::ssh::SshLauncher;
use sortie::ssh::enroll::{EnrollRequest, Expected, Place as Reached};
use sortie_core::host::{CallbackMode, Host, Login};
use sortie_core::input::{InputBody, Scope};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Most rounds: a cold burst of `ssh` takes twenty seconds.
const ROUNDS: usize = 3;

#[derive(Default)]
struct Series {
    rate: Rounds,
    p50: Rounds,
    p99: Rounds,
}

impl Series {
    fn push(&mut self, took_ms: Vec<f64>) {
        let took = stats::sorted(took_ms);
        self.rate.push(took.len() as f64 / (stats::percentile(&took, 1.0) / 1e3));
        self.p50.push(stats::percentile(&took, 0.5));
        self.p99.push(stats::percentile(&took, 0.99));
    }

    fn show(&self) -> String {
        format!("{} jobs/s, p50 {} ms, p99 {} ms", self.rate.show(1), self.p50.show(0), self.p99.show(0))
    }
}

/// Measure, one after the other in each round; each begins without a connection.
///
/// # Errors
/// Where something fails to start, or a job is not acknowledged or does not succeed.
pub async fn measure(place: &Place, rounds: usize) -> anyhow::Result<Vec<Row>> {
    let folder = place.path().join("launches");
    let (home, _, created) = place::installation(&folder.join("home")).await?;
    let sshd = Sshd::start(&folder.join("sshd"), &created.identity.public_line())?;
    let app = App::open(home).await?;
    let launcher = Arc::new(Timed::new(Arc::clone(&app.ssh)));
    let app = engine::with_launcher(app, Arc::clone(&launcher) as Arc<dyn Launcher>);
    let user = std::env::var("USER").unwrap_or_else(|_| "root".to_owned());
    enroll(&app, &user, &sshd, &folder.join("vm")).await?;
    let ssh = Ssh::new(&folder, &user, sshd.port, &app.home.identity(), &sshd.host_key()?)?;
    let flow = Flow::release(&app.driver, ONE_JOB, serde_json::json!({})).await?;
    let server = CallbackServer::start(&app).await?;
    let mut work = app.driver.start();
    let (mut ours, mut master, mut cold, mut ended) = <(Series, Series, Series, Rounds)>::default();
    for round in 1..=rounds.min(ROUNDS) {
        // Long enough for the connection of the round before to be given up.
        tokio::time::sleep(limits::SETTLE).await;
        let (acks, all_ended_s) = burst(&app, &launcher, &flow, round * JOBS).await?;
        ours.push(acks);
        ended.push(JOBS as f64 / all_ended_s);
        master.push(ssh.through_master(JOBS).await?);
        cold.push(ssh.cold(JOBS).await?);
    }
    app.driver.stop();
    while work.join_next().await.is_some() {}
    server.stop(&app).await?;
    let beside =
        format!("ssh with ControlMaster, {SSH_AT_ONCE} at once: {}; ssh cold, {SSH_AT_ONCE} at once: {}", master.show(), cold.show());
    let what = format!("{JOBS} jobs launched on one host, from the burst's start to the ack");
    let to_the_end = format!("{} jobs/s", ended.show(1));
    Ok(vec![
        Row::new(what, ours.show(), beside, "ahead of both"),
        Row::new("the same, until each result is committed and each run has ended", to_the_end, "ssh promises neither", ""),
    ])
}

/// Ask for all jobs at once. Milliseconds to each acknowledgement; seconds until all runs have ended.
async fn burst(app: &App, launcher: &Timed<SshLauncher>, flow: &Flow, expected: usize) -> anyhow::Result<(Vec<f64>, f64)> {
    launcher.restart();
    let started = Instant::now();
    let mut created = JoinSet::new();
    for _ in 0..JOBS {
        let (driver, wish) = (app.driver.clone(), flow.wish(&app.driver));
        created.spawn(async move { driver.deliver(Scope::New(wish.run.clone()), InputBody::Create(wish)).await });
    }
    for delivered in created.join_all().await {
        delivered?;
    }
    loop {
        let counts = app.store.run_counts().await?;
        let of = |state: &str| counts.iter().filter(|count| count.state == state).map(|count| count.runs).sum::<u64>();
        ensure!(of("failed") == 0, "a run has failed");
        if of("succeeded") == expected as u64 {
            break;
        }
        ensure!(started.elapsed() < limits::PATIENCE, "{} of {expected} runs have ended", of("succeeded"));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let acks = launcher.acks_ms();
    ensure!(acks.len() == JOBS, "{} of {JOBS} jobs were acknowledged", acks.len());
    Ok((acks, started.elapsed().as_secs_f64()))
}

async fn enroll(app: &App, user: &str, sshd: &Sshd, root: &Path) -> anyhow::Result<()> {
    let place = Reached {
        address: "127.0.0.1".to_owned(),
        port: sshd.port,
        user: user.to_owned(),
        login: Login::Key(String::new()),
        expected: Some(Expected::Keys(vec![sshd.host_key()?])),
        key_name: None,
    };
    let request = EnrollRequest { host: place, root: Some(root.display().to_string()), ..EnrollRequest::default() };
    let enrolled = app.ssh.enroll(&request).await?;
    let Reached { address, port, user, login, .. } = request.host;
    let host = Host {
        name: HOST.to_owned(),
        address,
        port,
        user,
        login,
        host_keys: enrolled.host_keys,
        state_root: enrolled.state_root,
        marker: enrolled.marker,
        labels: Vec::new(),
        callbacks: CallbackMode::Push,
        slots: None,
        added_at: app.clock.now(),
        ..Host::default()
    };
    Ok(app.store.add_host(host).await?)
}
