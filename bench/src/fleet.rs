//! A thousand jobs on ten machines of namespaces, through the real program, beside what else launches over SSH.
//!
//! Ours are claimed, supervised and acknowledged durably; theirs are `nohup` and a process id, without any promise.

use crate::history;
use crate::limits::{ANSIBLE_PERCENT, PATIENCE, SSH_AT_ONCE};
use crate::process::cpu_ms;
use crate::report::Row;
use crate::stats::Rounds;
use anyhow::{Context as _, ensure};
use sortie_tests::fleet::Fleet;
use sortie_tests::flows;
use sortie_tests::run::Run;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// One run launches the jobs of one machine.
const FLOW: &str = r#"
flow(name = "burst", description = "Many jobs on one host", input = {"host": str, "jobs": int}, deadline = "30m")

def run(ctx, input):
    jobs = [job("j%d" % n, on = input["host"], command = ["true"], wait = False) for n in range(input["jobs"])]
    return {"ok": len([r for r in wait_all(jobs) if r.ok])}
"#;

#[derive(Default)]
struct Series {
    rate: Rounds,
    cpu_ms: Rounds,
    sessions: Rounds,
}

impl Series {
    fn push(&mut self, jobs: usize, took_s: f64, cpu_ms: f64, sessions: usize) {
        self.rate.push(jobs as f64 / took_s);
        self.cpu_ms.push(cpu_ms / jobs as f64);
        self.sessions.push(sessions as f64 / jobs as f64);
    }

    fn show(&self) -> String {
        format!("{} launches/s, {} sessions a job, {} ms of CPU a launch", self.rate.show(1), self.sessions.show(3), self.cpu_ms.show(2))
    }
}

/// Most rounds: each launches thousands of jobs.
const ROUNDS: usize = 3;

/// Measure, one after the other in each round, on the same machines.
///
/// # Errors
/// Where a peer is not installed (`bench/peers/install`), or something fails.
pub fn measure(folder: &Path, rounds: usize, machines: usize, jobs: usize) -> anyhow::Result<Vec<Row>> {
    let peers = peers()?;
    let fleet = Fleet::new(machines);
    flows::publish(&fleet.it, "burst", FLOW);
    let (all, of_ansible) = (machines * jobs, (jobs * ANSIBLE_PERCENT / 100).max(1));
    let (mut ours, mut master, mut asyncssh, mut ansible) = <(Series, Series, Series, Series)>::default();
    for _ in 0..rounds.min(ROUNDS) {
        let (before, cpu) = (sessions(&fleet), cpu_ms(fleet.it.pid())?);
        let took_s = burst(&fleet, jobs)?;
        ours.push(all, took_s, cpu_ms(fleet.it.pid())? - cpu, sessions(&fleet) - before);
        let peer = |series: &mut Series, jobs: usize, run: &dyn Fn() -> anyhow::Result<f64>| -> anyhow::Result<()> {
            let before = sessions(&fleet);
            let (took_s, cpu) = timed(run)?;
            series.push(jobs, took_s, cpu, sessions(&fleet) - before);
            Ok(())
        };
        peer(&mut master, all, &|| through_masters(&fleet, folder, jobs))?;
        peer(&mut asyncssh, all, &|| through_asyncssh(&fleet, &peers, jobs))?;
        peer(&mut ansible, machines * of_ansible, &|| through_ansible(&fleet, folder, of_ansible))?;
    }
    let beside = format!(
        "ssh with ControlMaster, {SSH_AT_ONCE} at once: {}; asyncssh, a connection a host: {}; Ansible `async`, `poll: 0` ({} jobs): {}",
        master.show(),
        asyncssh.show(),
        machines * of_ansible,
        ansible.show()
    );
    let what = format!("{all} jobs launched on {machines} machines, from the first run's start to the last acknowledgement");
    Ok(vec![Row::new(what, ours.show(), beside, "ahead of ssh")])
}

/// Seconds from the creation of the first run to the last acknowledgement.
fn burst(fleet: &Fleet, jobs: usize) -> anyhow::Result<f64> {
    let start = |vm: &sortie_tests::vm::Vm| Run::start(&fleet.it, "burst", &serde_json::json!({ "host": vm.name, "jobs": jobs }));
    let runs: Vec<Run> = fleet.vms.iter().map(start).collect();
    let (mut first, mut last) = (f64::MAX, 0_f64);
    for run in &runs {
        let shown = run.ended_within(&fleet.it, PATIENCE);
        ensure!(shown["value"]["ok"] == jobs, "a job has failed: {shown}");
        for event in history::events(&fleet.it, run)? {
            match event["kind"].as_str() {
                Some("run_created") => first = first.min(history::at_ms(&event)?),
                Some("attempt_launched") => last = last.max(history::at_ms(&event)?),
                _ => {}
            }
        }
    }
    Ok((last - first) / 1e3)
}

/// Commands that the machines' servers were asked to run so far.
fn sessions(fleet: &Fleet) -> usize {
    fleet.vms.iter().map(|vm| vm.log().matches("Starting session: command").count()).sum()
}

/// Seconds that it took, and milliseconds of processor time of this process's children, with what they left to others to do.
fn timed(run: &dyn Fn() -> anyhow::Result<f64>) -> anyhow::Result<(f64, f64)> {
    let (before, started) = (of_commands_ms()?, Instant::now());
    let left_ms = run()?;
    Ok((started.elapsed().as_secs_f64(), of_commands_ms()? - before + left_ms))
}

/// Milliseconds of processor time of the commands that this process has waited for.
fn of_commands_ms() -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(')').next().context("a stat line")?.split_whitespace().collect();
    let ticks: u64 = fields.get(13..15).context("two times")?.iter().filter_map(|field| field.parse::<u64>().ok()).sum();
    Ok(ticks as f64 * 10.0)
}

fn identity(fleet: &Fleet) -> PathBuf {
    fleet.it.home.join("ssh").join("id_ed25519")
}

fn ssh(fleet: &Fleet, folder: &Path, vm: &sortie_tests::vm::Vm, more: &[&str]) -> Command {
    let mut command = Command::new("ssh");
    let control = format!("ControlPath={}/m-{}", folder.display(), vm.name);
    command.args(["-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]);
    command.args(["-o", "LogLevel=ERROR", "-o", "IdentitiesOnly=yes", "-o", &control, "-i"]).arg(identity(fleet)).args(more);
    command.arg(vm.target()).stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// Gives the processor time of the master processes, which nobody waits for, in milliseconds.
fn through_masters(fleet: &Fleet, folder: &Path, jobs: usize) -> anyhow::Result<f64> {
    for vm in &fleet.vms {
        let opening = ["-o", "ControlMaster=yes", "-o", "ControlPersist=60"];
        ensure!(ssh(fleet, folder, vm, &opening).arg("true").stderr(Stdio::null()).status()?.success(), "no master connection");
    }
    let next = AtomicUsize::new(0);
    let one = || -> anyhow::Result<()> {
        let machines = fleet.vms.len();
        while let Some(n) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|n| *n < machines * jobs) {
            let mut command = ssh(fleet, folder, &fleet.vms[n % machines], &["-o", "ControlMaster=no"]);
            ensure!(command.arg("nohup true >/dev/null 2>&1 </dev/null & echo $!").status()?.success(), "ssh failed");
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..SSH_AT_ONCE).map(|_| scope.spawn(one)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|_| anyhow::bail!("a thread panicked")))
    })?;
    let mut masters_ms = 0.0;
    for vm in &fleet.vms {
        masters_ms += cpu_ms(master_of(fleet, folder, vm)?)?;
        let _ = ssh(fleet, folder, vm, &["-O", "exit"]).stderr(Stdio::null()).status()?;
    }
    Ok(masters_ms)
}

/// Process id of the connection that all sessions to a machine share: `Master running (pid=123)`.
fn master_of(fleet: &Fleet, folder: &Path, vm: &sortie_tests::vm::Vm) -> anyhow::Result<u32> {
    let said = ssh(fleet, folder, vm, &["-O", "check"]).stderr(Stdio::piped()).output()?.stderr;
    let said = String::from_utf8_lossy(&said).into_owned();
    let pid = said.split_once("pid=").and_then(|(_, rest)| rest.split(')').next()?.parse().ok());
    pid.with_context(|| format!("no master connection: {said}"))
}

fn through_asyncssh(fleet: &Fleet, peers: &Path, jobs: usize) -> anyhow::Result<f64> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join("asyncssh_launch.py");
    let mut command = Command::new(peers.join("bin").join("python"));
    command.arg(script).arg(jobs.to_string()).arg(identity(fleet)).args(fleet.vms.iter().map(|vm| vm.address.to_string()));
    ensure!(command.stdout(Stdio::null()).status()?.success(), "asyncssh failed");
    Ok(0.0)
}

fn through_ansible(fleet: &Fleet, folder: &Path, jobs: usize) -> anyhow::Result<f64> {
    let hosts: String = fleet.vms.iter().map(|vm| format!("{} ansible_user=root\n", vm.address)).collect();
    std::fs::write(folder.join("inventory"), hosts)?;
    let play = format!(
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - command: 'true'\n      async: 600\n      poll: 0\n      loop: \"{{{{ range({jobs}) | list }}}}\"\n"
    );
    std::fs::write(folder.join("play.yml"), play)?;
    let mut command = Command::new("ansible-playbook");
    command.env("ANSIBLE_HOST_KEY_CHECKING", "False").env("ANSIBLE_FORKS", fleet.vms.len().to_string()).env("ANSIBLE_PIPELINING", "True");
    // The machines have no sftp: else each transfer is tried three ways.
    command.env("ANSIBLE_SSH_TRANSFER_METHOD", "piped");
    command.arg("-i").arg(folder.join("inventory")).arg("--private-key").arg(identity(fleet)).arg(folder.join("play.yml"));
    ensure!(command.stdout(Stdio::null()).status()?.success(), "ansible-playbook failed");
    Ok(0.0)
}

fn peers() -> anyhow::Result<PathBuf> {
    let install = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join("install");
    let output = Command::new(&install).stderr(Stdio::inherit()).output().context("bench/peers/install")?;
    ensure!(output.status.success(), "bench/peers/install failed");
    Ok(PathBuf::from(String::from_utf8(output.stdout)?.trim()))
}
