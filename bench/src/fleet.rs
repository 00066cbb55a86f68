//! A thousand jobs on ten machines of namespaces, through the real program, beside what else launches over SSH.
//!
//! Ours are claimed, supervised and acknowledged durably; theirs are `nohup` and a process id, without any promise.

use crate::limits::{ANSIBLE_JOBS, FLEET_JOBS, MACHINES, SSH_AT_ONCE};
use crate::report::Row;
use crate::stats::Rounds;
use anyhow::{Context as _, ensure};
use serde_json::Value;
use sortie_tests::fleet::Fleet;
use sortie_tests::run::Run;
use sortie_tests::{flows, limits};
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

/// Measure, one after the other in each round, on the same machines.
///
/// # Errors
/// Where a peer is not installed (`bench/peers/install`), or something fails.
pub fn measure(folder: &Path, rounds: usize) -> anyhow::Result<Vec<Row>> {
    let peers = peers()?;
    let fleet = Fleet::new(MACHINES);
    flows::publish(&fleet.it, "burst", FLOW);
    let jobs = MACHINES * FLEET_JOBS;
    let (mut ours, mut master, mut asyncssh, mut ansible) = <(Series, Series, Series, Series)>::default();
    for _ in 0..rounds {
        let sessions = sessions(&fleet);
        let cpu = cpu_of(fleet.it.pid())?;
        let took_s = burst(&fleet)?;
        ours.push(jobs, took_s, cpu_of(fleet.it.pid())? - cpu, self::sessions(&fleet) - sessions);
        let (took_s, cpu) = timed(|| through_masters(&fleet, folder))?;
        master.push(jobs, took_s, cpu, jobs + MACHINES);
        let (took_s, cpu) = timed(|| through_asyncssh(&fleet, &peers))?;
        asyncssh.push(jobs, took_s, cpu, jobs);
        let before = self::sessions(&fleet);
        let (took_s, cpu) = timed(|| through_ansible(&fleet, folder))?;
        ansible.push(MACHINES * ANSIBLE_JOBS, took_s, cpu, self::sessions(&fleet) - before);
    }
    let beside = format!(
        "ssh with ControlMaster, {SSH_AT_ONCE} at once: {}; asyncssh, a connection a host: {}; Ansible `async`, `poll: 0` ({} jobs): {}",
        master.show(),
        asyncssh.show(),
        MACHINES * ANSIBLE_JOBS,
        ansible.show()
    );
    let what = format!("{jobs} jobs launched on {MACHINES} machines, from the first run's start to the last acknowledgement");
    Ok(vec![Row::new(what, ours.show(), beside, "ahead of ssh")])
}

/// Seconds from the creation of the first run to the last acknowledgement.
fn burst(fleet: &Fleet) -> anyhow::Result<f64> {
    let start = |vm: &sortie_tests::vm::Vm| {
        let input = serde_json::json!({ "host": vm.name, "jobs": FLEET_JOBS });
        Run::start(&fleet.it, "burst", &input)
    };
    let runs: Vec<Run> = fleet.vms.iter().map(start).collect();
    let (mut first, mut last) = (f64::MAX, 0_f64);
    for run in &runs {
        let shown = run.ended_within(&fleet.it, limits::RETRIED);
        ensure!(shown["value"]["ok"] == FLEET_JOBS, "a job has failed: {shown}");
        let at = |event: &Value| event["at_ms"].as_f64().or_else(|| event["at"].as_f64());
        let mut after = 0;
        loop {
            let path = format!("/v1/runs/{}/history?after={after}", run.id);
            let page = fleet.it.look(&path).context("the history is there")?;
            let events = page["events"].as_array().context("a page of events")?;
            for event in events {
                match event["kind"].as_str() {
                    Some("run_created") => first = first.min(at(event).context("a time")?),
                    Some("attempt_launched") => last = last.max(at(event).context("a time")?),
                    _ => {}
                }
                after = event["seq"].as_u64().unwrap_or(after);
            }
            if page["more"] != true {
                break;
            }
        }
    }
    Ok((last - first) / 1e3)
}

/// Commands that the machines' servers were asked to run so far.
fn sessions(fleet: &Fleet) -> usize {
    fleet.vms.iter().map(|vm| vm.log().matches("Starting session: command").count()).sum()
}

/// Milliseconds of processor time of a process and its children that are over.
fn cpu_of(pid: u32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat.rsplit(')').next().context("a stat line")?.split_whitespace().collect();
    let ticks: u64 = fields.get(11..15).context("four times")?.iter().filter_map(|field| field.parse::<u64>().ok()).sum();
    // The kernel's unit for people is a hundredth of a second on every Linux machine.
    Ok(ticks as f64 * 10.0)
}

/// Seconds that it took, and milliseconds of processor time of this process's children.
fn timed(run: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<(f64, f64)> {
    let (before, started) = (cpu_of(std::process::id())?, Instant::now());
    run()?;
    Ok((started.elapsed().as_secs_f64(), cpu_of(std::process::id())? - before))
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

fn through_masters(fleet: &Fleet, folder: &Path) -> anyhow::Result<()> {
    for vm in &fleet.vms {
        let opening = ["-o", "ControlMaster=yes", "-o", "ControlPersist=60"];
        ensure!(ssh(fleet, folder, vm, &opening).arg("true").stderr(Stdio::null()).status()?.success(), "no master connection");
    }
    let next = AtomicUsize::new(0);
    let one = || -> anyhow::Result<()> {
        while let Some(vm) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|n| *n < MACHINES * FLEET_JOBS) {
            let mut command = ssh(fleet, folder, &fleet.vms[vm % MACHINES], &["-o", "ControlMaster=no"]);
            ensure!(command.arg("nohup true >/dev/null 2>&1 </dev/null & echo $!").status()?.success(), "ssh failed");
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..SSH_AT_ONCE).map(|_| scope.spawn(one)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|_| anyhow::bail!("a thread panicked")))
    })?;
    for vm in &fleet.vms {
        let _ = ssh(fleet, folder, vm, &["-O", "exit"]).stderr(Stdio::null()).status()?;
    }
    Ok(())
}

fn through_asyncssh(fleet: &Fleet, peers: &Path) -> anyhow::Result<()> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join("asyncssh_launch.py");
    let mut command = Command::new(peers.join("bin").join("python"));
    command.arg(script).arg(FLEET_JOBS.to_string()).arg(identity(fleet)).args(fleet.vms.iter().map(|vm| vm.address.to_string()));
    ensure!(command.stdout(Stdio::null()).status()?.success(), "asyncssh failed");
    Ok(())
}

fn through_ansible(fleet: &Fleet, folder: &Path) -> anyhow::Result<()> {
    let hosts: String = fleet.vms.iter().map(|vm| format!("{} ansible_user=root\n", vm.address)).collect();
    std::fs::write(folder.join("inventory"), hosts)?;
    let play = format!(
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - command: 'true'\n      async: 600\n      poll: 0\n      loop: \"{{{{ range({ANSIBLE_JOBS}) | list }}}}\"\n"
    );
    std::fs::write(folder.join("play.yml"), play)?;
    let mut command = Command::new("ansible-playbook");
    command.env("ANSIBLE_HOST_KEY_CHECKING", "False").env("ANSIBLE_FORKS", MACHINES.to_string()).env("ANSIBLE_PIPELINING", "True");
    command.arg("-i").arg(folder.join("inventory")).arg("--private-key").arg(identity(fleet)).arg(folder.join("play.yml"));
    ensure!(command.stdout(Stdio::null()).status()?.success(), "ansible-playbook failed");
    Ok(())
}

fn peers() -> anyhow::Result<PathBuf> {
    let install = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join("install");
    let output = Command::new(&install).stderr(Stdio::inherit()).output().context("bench/peers/install")?;
    ensure!(output.status.success(), "bench/peers/install failed");
    Ok(PathBuf::from(String::from_utf8(output.stdout)?.trim()))
}
