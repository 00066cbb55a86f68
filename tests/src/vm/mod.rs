//! Machines made of namespaces: each with a network, processes, mounts, boot id, home and OpenSSH server of its own.
//!
//! ```text
//! this namespace (the server, 10.x.y.1) ── veth ── switch (a bridge in a namespace) ─┬─ veth ── vm0 (10.x.y.2)
//!                                                                                   └─ veth ── vm1 (10.x.y.3)
//! ```
//!
//! Everything hangs on the first process of a namespace, which ends when its standard input does: a test that is killed leaves
//! nothing behind. Needs root, `iproute2`, `nftables` and `util-linux`; never skipped.

pub mod cut;
mod namespace;
pub mod net;

use crate::vm::namespace::Namespace;
use crate::vm::net::Net;
use crate::{limits, processes, wait};
use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// A machine. All its processes end when it is dropped.
pub struct Vm {
    /// Its host name, `vm0`, `vm1` ...
    pub name: String,
    /// Its address on the net.
    pub address: Ipv4Addr,
    /// State root for the shim, on its disk; seen from here under the same path.
    pub root: PathBuf,
    folder: PathBuf,
    number: u8,
    boots: u32,
    namespace: Option<Namespace>,
}

impl Vm {
    /// The next machine of a net, its disk below `folder`: booted, with a fresh Ed25519 host key, and nobody who may log in.
    #[must_use]
    pub fn new(net: &Net, folder: &Path) -> Self {
        let number = net.next();
        let name = format!("vm{number}");
        let folder = folder.join(&name);
        for part in ["home", "etc"] {
            fs::create_dir_all(folder.join(part)).unwrap();
        }
        let root = folder.join("state");
        let mut vm = Self { name, address: net.address(number), root, folder, number, boots: 0, namespace: None };
        fs::write(vm.file("authorized_keys"), "").unwrap();
        vm.new_host_key("ed25519");
        vm.boot(net);
        vm
    }

    /// A file of its configuration.
    fn file(&self, name: &str) -> PathBuf {
        self.folder.join("etc").join(name)
    }

    /// Let a key in, by its public line.
    pub fn authorize(&self, line: &str) {
        let mut file = fs::OpenOptions::new().append(true).open(self.file("authorized_keys")).unwrap();
        writeln!(file, "{line}").unwrap();
    }

    /// Another host key; used from the next [`Vm::restart_sshd`] or boot on.
    pub fn new_host_key(&self, key_type: &str) {
        for name in ["host_key", "host_key.pub"] {
            let _ = fs::remove_file(self.file(name));
        }
        let made = Command::new("ssh-keygen").args(["-q", "-N", "", "-t", key_type, "-f"]).arg(self.file("host_key")).status();
        assert!(made.unwrap().success(), "ssh-keygen failed");
    }

    /// A file with the public line of the host key.
    #[must_use]
    pub fn host_key_file(&self) -> PathBuf {
        self.file("host_key.pub")
    }

    /// `root@ADDRESS`.
    #[must_use]
    pub fn target(&self) -> String {
        format!("root@{}", self.address)
    }

    /// Start it: a new boot id, empty process table, its disk as it was. No cut outlives this.
    ///
    /// # Panics
    /// When it runs, or the machine of the test cannot make namespaces.
    pub fn boot(&mut self, net: &Net) {
        assert!(self.namespace.is_none(), "{} runs already", self.name);
        self.boots += 1;
        let id = format!("{:08x}-{:04x}-4000-8000-{:012x}", std::process::id(), self.number, self.boots);
        fs::write(self.file("boot_id"), format!("{id}\n")).unwrap();
        let script = format!(
            "set -e; hostname {}; mount --bind {} /proc/sys/kernel/random/boot_id; mount --bind {} /root; ip link set lo up",
            self.name,
            self.file("boot_id").display(),
            self.folder.join("home").display()
        );
        let namespace = Namespace::machine(&script);
        net.plug(self.number, namespace.pid());
        self.namespace = Some(namespace);
        self.dress();
        self.run_sshd();
    }

    /// Address and the tables that cuts are put into: connections are followed from the first one on.
    fn dress(&self) {
        self.run(&format!("ip addr add {}/{} dev eth0 && ip link set eth0 up", self.address, net::BITS));
        self.heal();
    }

    /// Pull the plug: every process ends at once, also what was not written anywhere.
    pub fn power_off(&mut self) {
        self.namespace = None;
    }

    /// Off, and on again.
    pub fn reboot(&mut self, net: &Net) {
        self.power_off();
        self.boot(net);
    }

    /// The boot id that its processes see.
    #[must_use]
    pub fn boot_id(&self) -> String {
        fs::read_to_string(self.file("boot_id")).unwrap().trim().to_owned()
    }

    fn namespace(&self) -> &Namespace {
        self.namespace.as_ref().expect("the machine is on")
    }

    /// A command inside, not started. It has to be over before the machine is frozen or switched off: its parent is out here.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        self.namespace().command(program)
    }

    /// Run a shell script inside; gives its standard output.
    ///
    /// # Panics
    /// When it fails.
    pub fn run(&self, script: &str) -> String {
        self.namespace().run(script)
    }

    fn run_sshd(&self) {
        let text = format!(
            "Port 22\nListenAddress 0.0.0.0\nHostKey {key}\nAuthorizedKeysFile {keys}\nPidFile {pid}\nUsePAM no\nStrictModes no\n\
             PermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPrintMotd no\nLogLevel VERBOSE\n\
             X11Forwarding no\nUseDNS no\n",
            key = self.file("host_key").display(),
            keys = self.file("authorized_keys").display(),
            pid = self.file("sshd.pid").display(),
        );
        fs::write(self.file("sshd_config"), text).unwrap();
        fs::set_permissions(self.file("host_key"), fs::Permissions::from_mode(0o600)).unwrap();
        let _ = fs::create_dir_all("/run/sshd");
        let log = fs::OpenOptions::new().create(true).append(true).open(self.file("log")).unwrap();
        let mut command = self.command("/usr/sbin/sshd");
        // It puts itself into the background, and is reaped by the machine's own first process.
        command.args(["-E"]).arg(self.file("log")).args(["-f"]).arg(self.file("sshd_config"));
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).status().unwrap();
        assert!(status.success(), "sshd of {}: {}", self.name, self.log());
        wait::holds(&format!("sshd of {} listens; its log:\n{}", self.name, self.log()), limits::SOON, || {
            TcpStream::connect_timeout(&SocketAddr::from((self.address, 22)), Duration::from_secs(1)).is_ok()
        });
    }

    /// Start the SSH server anew; sessions that run stay.
    pub fn restart_sshd(&self) {
        self.stop_sshd();
        self.run_sshd();
    }

    /// End the SSH server; sessions that run stay.
    pub fn stop_sshd(&self) {
        let file = self.file("sshd.pid");
        self.run(&format!("kill $(cat {})", file.display()));
        wait::holds("sshd has ended", limits::SOON, || {
            TcpStream::connect_timeout(&SocketAddr::from((self.address, 22)), Duration::from_secs(1)).is_err()
        });
        let _ = fs::remove_file(file);
    }

    /// What the SSH server has written to its log.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.file("log")).unwrap_or_default()
    }

    /// Connections that the SSH server has taken so far, whatever became of them.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.log().matches("Connection from ").count()
    }

    /// Processes inside, but for the first one and what it waits with.
    #[must_use]
    pub fn processes(&self) -> Vec<processes::Process> {
        let Some(namespace) = &self.namespace else { return Vec::new() };
        processes::all().into_iter().filter(|process| namespace.holds(process.pid)).collect()
    }

    /// Stop every process where it stands, as a machine that is suspended does; [`Vm::thaw`] lets them go on.
    pub fn freeze(&self) {
        self.signal_all(rustix::process::Signal::STOP);
    }

    /// Let them go on.
    pub fn thaw(&self) {
        self.signal_all(rustix::process::Signal::CONT);
    }

    /// Until two looks find the same processes: none was born in between.
    fn signal_all(&self, signal: rustix::process::Signal) {
        let mut before = Vec::new();
        loop {
            let pids: Vec<u32> = self.processes().iter().map(|process| process.pid).collect();
            for pid in pids.iter().filter_map(|pid| rustix::process::Pid::from_raw(i32::try_from(*pid).ok()?)) {
                let _ = rustix::process::kill_process(pid, signal);
            }
            if pids == before {
                return;
            }
            before = pids;
        }
    }

    /// Exchange the addresses of two machines (F084).
    pub fn swap_addresses(net: &Net, one: &mut Self, other: &mut Self) {
        std::mem::swap(&mut one.address, &mut other.address);
        for vm in [&*one, &*other] {
            vm.run(&format!("ip addr flush dev eth0 && ip neigh flush all && ip addr add {}/{} dev eth0", vm.address, net::BITS));
        }
        net.forget_neighbours();
    }
}
