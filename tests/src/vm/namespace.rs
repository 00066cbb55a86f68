//! A namespace and its first process, on which everything in it hangs.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// Namespaces of network, processes, mounts and host name. Dropping it ends all that runs inside.
pub(super) struct Namespace {
    unshare: Child,
    /// The first process inside, as it is known here.
    first: u32,
    pids: PathBuf,
}

impl Namespace {
    /// One that is ready when the script has run inside.
    pub(super) fn machine(script: &str) -> Self {
        let ends = ["--net", "--mount", "--pid", "--uts", "--fork", "--kill-child", "--mount-proc"];
        // The shell reaps whatever loses its parent while it waits for `cat`, and ends with it, and the namespaces with the shell.
        let init = format!("exec 2>&1\n{script}\necho ready\nexec 2>/dev/null\ncat >/dev/null\nexit 0");
        let mut command = Command::new("unshare");
        command.args(ends).args(["--", "/bin/sh", "-c", &init]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut unshare = command.spawn().expect("unshare is missing: run tests/install");
        let (mut line, mut said) = (String::new(), String::new());
        let mut output = BufReader::new(unshare.stdout.take().unwrap());
        while output.read_line(&mut line).unwrap() > 0 && line != "ready\n" {
            said += &std::mem::take(&mut line);
        }
        assert_eq!(line, "ready\n", "namespaces cannot be made here; these tests need root and what tests/install installs: {said}");
        let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", unshare.id())).unwrap();
        let first = children.split_whitespace().next().unwrap().parse().unwrap();
        let pids = fs::read_link(format!("/proc/{first}/ns/pid")).unwrap();
        Self { unshare, first, pids }
    }

    /// A process inside, by its id here.
    pub(super) const fn pid(&self) -> u32 {
        self.first
    }

    /// Whether this process is inside, and neither its first one nor what that one waits for.
    pub(super) fn holds(&self, pid: u32) -> bool {
        let parent = || {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let after = stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse::<u32>().ok()?;
            let name = stat.split_once('(')?.1.split_once(')')?.0.to_owned();
            Some((after, name))
        };
        pid != self.first
            && fs::read_link(format!("/proc/{pid}/ns/pid")).is_ok_and(|link| link == self.pids)
            && parent().is_some_and(|(parent, name)| !(parent == self.first && name == "cat"))
    }

    /// A command inside, not started.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.first.to_string(), "--net", "--mount", "--pid", "--uts", "--wd=/", "--", program]);
        command
    }

    /// Run a shell script inside; gives its standard output.
    pub(super) fn run(&self, script: &str) -> String {
        let output = self.command("/bin/sh").args(["-c", script]).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "`{script}`: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // The end of its first process ends all others in the same moment (pid_namespaces(7)); both are waited for.
        crate::processes::kill(self.first);
        let _ = self.unshare.wait();
    }
}
