//! What the shim costs a machine: its size, the memory and processor time of jobs that wait, and the bytes of a launch.

use crate::held::Held;
use crate::limits::{PATIENCE, WIRE_LAUNCHES};
use crate::process::{ran_ns, resident_kib};
use crate::report::Row;
use crate::ssh_client::Ssh;
use crate::stats;
use anyhow::ensure;
use sortie_tests::proxy::Proxy;
use sortie_tests::run::Run;
use sortie_tests::world::{Setup, World};
use sortie_tests::{processes, wait};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// What `ssh` users write to leave a job behind.
const NOHUP: &str = "nohup true >/dev/null 2>&1 </dev/null & echo $!";

/// Measure: so many jobs that wait, for so long.
///
/// # Errors
/// As the system says.
pub fn measure(folder: &Path, jobs: usize, idle: Duration) -> anyhow::Result<Vec<Row>> {
    let sizes = sortie::shim::embedded().iter().map(|(arch, shim)| format!("{} {:.2} MiB", arch.name(), mib(shim.bytes.len())));
    let mut rows = vec![Row::new("size of the shim's binary, static", sizes.collect::<Vec<_>>().join(", "), "", "")];
    rows.extend(waiting(jobs, idle)?);
    rows.push(launches(folder)?);
    Ok(rows)
}

fn mib(bytes: usize) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Memory and processor time of the supervisor and the keeper of each job, medians over the jobs.
fn waiting(jobs: usize, idle: Duration) -> anyhow::Result<[Row; 2]> {
    let world = World::new();
    Held::prepare(&world);
    let held = Held::start(&world, "idle", jobs)?;
    let of_jobs = stages(&world);
    ensure!(of_jobs.len() == jobs, "{} of {jobs} jobs have a supervisor", of_jobs.len());
    let count = of_jobs.values().map(Vec::len).max().unwrap_or_default();
    let memory = |which: fn((f64, f64)) -> f64| -> f64 {
        let each = of_jobs.values().map(|pids| pids.iter().filter_map(|pid| resident_kib(*pid)).map(which).sum::<f64>());
        stats::percentile(&stats::sorted(each), 0.5) / 1024.0
    };
    let (resident, share) = (memory(|(rss, _)| rss), memory(|(_, pss)| pss));
    let ran = || -> Vec<f64> { of_jobs.values().map(|pids| pids.iter().filter_map(|pid| ran_ns(*pid)).sum::<u64>() as f64).collect() };
    let (before, started) = (ran(), Instant::now());
    std::thread::sleep(idle);
    let after = ran();
    let hours = started.elapsed().as_secs_f64() / 3_600.0;
    let ran_ms = stats::sorted(before.iter().zip(&after).map(|(before, after)| (after - before) / 1e6));
    let (_, _gate) = held.open()?;
    held.ended(&world)?;
    Ok([
        Row::new(
            format!("memory of the shim for a job that waits ({count} processes), median of {jobs} jobs side by side"),
            format!("{share:.2} MiB with its share of what all have in common (Pss)"),
            format!("{resident:.2} MiB where each process counts all it maps (Rss)"),
            "",
        ),
        Row::new(
            format!("processor time of the shim for a job that waits, heartbeat 30 s: {} s extrapolated to an hour", idle.as_secs()),
            format!("{:.0} ms an hour, median of {jobs} jobs", stats::percentile(&ran_ms, 0.5) / hours),
            format!("the most {:.0} ms an hour", stats::percentile(&ran_ms, 1.0) / hours),
            "",
        ),
    ])
}

/// Processes of the shim by attempt, sessions left out.
fn stages(world: &World) -> BTreeMap<String, Vec<u32>> {
    let mut of_jobs: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for process in processes::of_shim(&world.root) {
        if let Some(attempt) = process.line().split_whitespace().last().filter(|word| word.starts_with("att_")) {
            of_jobs.entry(attempt.to_owned()).or_default().push(process.pid);
        }
    }
    of_jobs
}

/// Bytes of TCP payload, both ways, of a launch over a connection that is there already.
fn launches(folder: &Path) -> anyhow::Result<Row> {
    let world = World::with(Setup { ssh_proxy: true, http_proxy: true, ..Setup::default() });
    let passed = |proxy: &Proxy| proxy.links().iter().map(|link| link.up + link.down).sum::<usize>() as f64;
    let over = |run: &Run| -> anyhow::Result<()> {
        let ended = run.ended_within(&world.it, PATIENCE);
        ensure!(ended["state"] == "succeeded", "the job has failed: {ended}");
        let acked = world.root.join("jobs").join(run.attempt(&world.it)).join("acked");
        wait::holds("the host has its receipt", PATIENCE, || acked.exists());
        Ok(())
    };
    over(&world.job("first", "true"))?;
    let (ssh, http) = (passed(world.ssh()), passed(world.http()));
    for n in 0..WIRE_LAUNCHES {
        over(&world.job(&format!("job{n}"), "true"))?;
    }
    let of = |before: f64, proxy: &Proxy| (passed(proxy) - before) / WIRE_LAUNCHES as f64 / 1024.0;
    let (ssh, http) = (of(ssh, world.ssh()), of(http, world.http()));
    let by_ssh = through_master(folder, &world)?;
    Ok(Row::new(
        format!("bytes of a launch after the first, both ways, mean of {WIRE_LAUNCHES}"),
        format!("{ssh:.1} KiB over SSH; {http:.1} KiB of callbacks until the result has its receipt"),
        format!("ssh with ControlMaster and `nohup`: {by_ssh:.1} KiB, without a result"),
        "",
    ))
}

/// The same by `ssh`, without what the connection itself costs.
fn through_master(folder: &Path, world: &World) -> anyhow::Result<f64> {
    let proxy = Proxy::to(world.sshd.port);
    let host_key = std::fs::read_to_string(world.sshd.host_key_file())?;
    let host_key = host_key.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    let identity = world.it.home.join("ssh").join("id_ed25519");
    let mut ssh = Ssh::new(folder, "root", proxy.port, &identity, &host_key)?;
    (ssh.words, ssh.at_once) = (NOHUP, 1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let passed = |jobs: usize| -> anyhow::Result<f64> {
        let before = proxy.links().iter().map(|link| link.up + link.down).sum::<usize>();
        runtime.block_on(ssh.through_master(jobs))?;
        let closed = || proxy.links().iter().all(|link| link.over);
        wait::holds("the connection is closed", PATIENCE, closed);
        Ok((proxy.links().iter().map(|link| link.up + link.down).sum::<usize>() - before) as f64)
    };
    let (one, many) = (passed(1)?, passed(1 + WIRE_LAUNCHES)?);
    ensure!(many > one, "nothing was counted");
    Ok((many - one) / WIRE_LAUNCHES as f64 / 1024.0)
}
