//! What a process of the shim does to itself first: private files, no core dumps, memory hidden; and what the job gets back.

use rustix::fs::Mode;
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit, umask};

/// Close what a caller left open beyond the three standard streams: a job must hold nothing of it (a pipe that never closes, a
/// lock, a secret file). Called first of all, while this process has opened nothing itself.
pub fn close_inherited() {
    let listed: Vec<i32> = std::fs::read_dir("/proc/self/fd")
        .map(|fds| fds.flatten().filter_map(|fd| fd.file_name().to_str()?.parse().ok()).collect())
        .unwrap_or_default();
    // The listing's own descriptor is among them and closed by now: that one fails, harmlessly.
    for fd in listed.into_iter().filter(|fd| *fd > 2) {
        let _ = nix::unistd::close(fd);
    }
}

/// Files for us alone. Says the umask that was.
pub fn private_umask() -> String {
    format!("{:o}", umask(Mode::RWXG | Mode::RWXO).as_raw_mode())
}

/// The login's umask back, for the job.
pub fn restore_umask() {
    let mode = std::env::var(crate::spawn::UMASK).ok().and_then(|mode| u32::from_str_radix(&mode, 8).ok());
    umask(Mode::from_raw_mode(mode.unwrap_or(0o022)));
}

/// No core dumps, and no reading of our memory or environment by other processes without privileges (F059, F060).
pub fn hide_memory() {
    let limit = getrlimit(Resource::Core);
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: limit.maximum });
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

/// When memory runs out, the job goes before its supervisor (F098). Raising it needs no privilege.
pub fn offer_to_oom_killer() {
    let _ = std::fs::write("/proc/self/oom_score_adj", "500");
}

/// Most processes and threads of this process's user, which must be the job's own and nobody else's.
pub fn limit_processes(count: u32) {
    let most = Some(u64::from(count));
    let _ = setrlimit(Resource::Nproc, Rlimit { current: most, maximum: most });
}

/// The supervisor goes late, where privileges allow to say so.
pub fn spare_from_oom_killer() {
    let _ = std::fs::write("/proc/self/oom_score_adj", "-500");
}

/// Signals that somebody above us ignores (`nohup`, a shell's background) would be ignored by the job too. A signal that is
/// caught at exec is at its default after it, and catching is safe where ignoring is not. Mask and SIGPIPE are std's work.
pub fn reset_signals() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    for signal in 1..=31 {
        let settable = !signal_hook::consts::FORBIDDEN.contains(&signal);
        if settable && ignored.unwrap_or(0) >> (signal - 1) & 1 == 1 {
            let _ = signal_hook::flag::register(signal, std::sync::Arc::default());
        }
    }
}
