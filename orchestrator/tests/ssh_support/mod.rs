//! A real OpenSSH server for each test: its own port, keys, configuration, home and log, in a directory that goes away.

#![allow(dead_code, reason = "shared by several test programs, each of which uses a part")]

use sortie::launcher::{AskError, Launcher};
use sortie::shim::{Shim, Shims};
use sortie::ssh::limits::Limits;
use sortie::ssh::login::Identities;
use sortie::ssh::{Config, SshLauncher};
use sortie_core::host::{CallbackMode, Host, Login};
use sortie_keys::ssh::Identity;
use sortie_protocol::verb::{Reply, Verb};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// Lines of the server's log, and a way to wait for one.
#[derive(Clone, Default)]
pub struct Log(Arc<(Mutex<Vec<String>>, Condvar)>);

impl Log {
    pub fn count(&self, part: &str) -> usize {
        self.0.0.lock().unwrap().iter().filter(|line| line.contains(part)).count()
    }

    pub fn text(&self) -> String {
        self.0.0.lock().unwrap().join("\n")
    }

    /// Wait until `part` was logged `times` times.
    pub fn wait_for(&self, part: &str, times: usize) {
        let (lines, changed) = &*self.0;
        let enough = |lines: &mut Vec<String>| lines.iter().filter(|line| line.contains(part)).count() < times;
        let (lines, waited) = changed.wait_timeout_while(lines.lock().unwrap(), Duration::from_secs(20), enough).unwrap();
        assert!(!waited.timed_out(), "{part:?} was not logged {times} times in 20 s:\n{}", lines.join("\n"));
    }

    fn follow(&self, stream: impl std::io::Read + Send + 'static) {
        let log = self.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                log.0.0.lock().unwrap().push(line);
                log.0.1.notify_all();
            }
        });
    }
}

/// A running sshd.
pub struct Sshd {
    pub dir: tempfile::TempDir,
    pub port: u16,
    pub log: Log,
    child: Child,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn keygen(path: &Path, kind: &str) -> String {
    let made = Command::new("ssh-keygen").args(["-q", "-N", "", "-t", kind, "-f"]).arg(path).status().expect("ssh-keygen is installed");
    assert!(made.success());
    public_line(path)
}

/// The public key line of a private key file, without comment.
pub fn public_line(path: &Path) -> String {
    let text = std::fs::read_to_string(path.with_extension("pub")).unwrap();
    text.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

/// The server's program; with a file of accounts, in a mount namespace that has it for its own.
fn program(accounts: &Path) -> Command {
    if !accounts.exists() {
        return Command::new("/usr/sbin/sshd");
    }
    let mut command = Command::new("unshare");
    command.args(["--mount", "/bin/sh", "-c", "mount --bind \"$0\" /etc/passwd && exec /usr/sbin/sshd \"$@\""]).arg(accounts);
    command
}

pub fn user() -> String {
    let out = Command::new("id").arg("-un").output().expect("id is installed");
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

impl Sshd {
    pub fn start() -> Self {
        Self::with("")
    }

    /// Start with more lines of configuration.
    pub fn with(config: &str) -> Self {
        Self::with_host_key("ed25519", config)
    }

    pub fn with_host_key(kind: &str, config: &str) -> Self {
        Self::prepared(kind, config, |_| ())
    }

    /// Start with more lines of configuration, in which `{dir}` is the server's folder, after something was put there. The first
    /// value of a keyword counts, so that these lines go before the usual ones.
    pub fn prepared(kind: &str, config: &str, prepare: impl FnOnce(&Path)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        keygen(&at("host_key"), kind);
        Identity::generate(&at("id"), "test").unwrap();
        std::fs::copy(at("id.pub"), at("authorized_keys")).unwrap();
        std::fs::create_dir(at("home")).unwrap();
        prepare(dir.path());
        let config = config.replace("{dir}", &dir.path().display().to_string());
        // sshd as root insists on its privilege separation directory.
        std::fs::create_dir_all("/run/sshd").unwrap_or_default();
        let base = format!(
            "{config}\nHostKey {0}/host_key\nAuthorizedKeysFile {0}/authorized_keys\nPidFile none\nUsePAM no\nStrictModes no\nLogLevel DEBUG1\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nSetEnv HOME={0}/home XDG_STATE_HOME={0}/home/state\n",
            dir.path().display()
        );
        // Another process may take the free port first; then sshd says so at once, and the next one is tried.
        for _ in 0..10 {
            let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            std::fs::write(at("sshd_config"), format!("Port {port}\nListenAddress 127.0.0.1\n{base}")).unwrap();
            let mut child = program(&at("passwd"))
                .args(["-D", "-e", "-f"])
                .arg(at("sshd_config"))
                .stderr(Stdio::piped())
                .spawn()
                .expect("OpenSSH's sshd must be installed (apt-get install openssh-server)");
            let mut stderr = BufReader::new(child.stderr.take().unwrap());
            let (log, mut line) = (Log::default(), String::new());
            while stderr.read_line(&mut line).unwrap() > 0 {
                if line.contains("Server listening on") {
                    log.follow(stderr);
                    return Self { dir, port, log, child };
                }
                assert!(!line.contains("Bad configuration") && !line.contains("fatal:") || line.contains("Cannot bind"), "{line}");
                line.clear();
            }
            let _ = child.wait();
        }
        panic!("sshd found no port");
    }

    /// A server to whom this shell is the login shell of whoever runs the test: its /etc/passwd says so, in a mount namespace of its
    /// own. For root only.
    pub fn with_login_shell(shell: &str, config: &str) -> Self {
        Self::prepared("ed25519", config, |dir| {
            let (me, text) = (user(), std::fs::read_to_string("/etc/passwd").unwrap());
            let line = |line: &str| match line.rsplit_once(':') {
                Some((account, _)) if line.split(':').next() == Some(&me) => format!("{account}:{shell}\n"),
                _ => format!("{line}\n"),
            };
            std::fs::write(dir.join("passwd"), text.lines().map(line).collect::<String>()).unwrap();
        })
    }

    /// A server whose sessions say that they run on another machine type: the text of the command is changed on its way.
    pub fn on_machine(machine: &str) -> Self {
        Self::prepared("ed25519", "ForceCommand {dir}/session\n", |dir| {
            let script =
                format!("#!/bin/sh\nexec /bin/sh -c \"$(printf %s \"$SSH_ORIGINAL_COMMAND\" | sed 's/uname -m/echo {machine}/g')\"\n");
            std::fs::write(dir.join("session"), script).unwrap();
            std::fs::set_permissions(dir.join("session"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        })
    }

    /// End the processes that serve connections; the server goes on.
    pub fn kill_sessions(&self) {
        let _none_left = Command::new("pkill").args(["-KILL", "-P", &self.child.id().to_string()]).status().unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn root(&self) -> PathBuf {
        self.path("root")
    }

    /// A host as `host add` would have pinned it.
    pub fn host(&self) -> Host {
        Host {
            name: "vm".into(),
            address: "127.0.0.1".into(),
            port: self.port,
            user: user(),
            login: Login::Key(String::new()),
            host_keys: vec![public_line(&self.path("host_key"))],
            state_root: self.root().display().to_string(),
            marker: "marker-of-the-test".into(),
            labels: vec![],
            callbacks: CallbackMode::Push,
            slots: None,
            added_at: 0,
            ..Host::default()
        }
    }

    pub fn launcher(&self) -> SshLauncher {
        self.launcher_with(stand_in(), quick())
    }

    pub fn launcher_with(&self, shims: Shims, limits: Limits) -> SshLauncher {
        let identities = Identities { key: self.path("id"), ..Identities::default() };
        SshLauncher::new(Config { identities, shims, limits, revoked: None })
    }

    pub fn logins(&self) -> usize {
        self.log.count("Accepted publickey")
    }

    /// Files in the state root's bin directory.
    pub fn shims(&self) -> Vec<String> {
        let entries =
            std::fs::read_dir(self.root().join("bin")).map(|entries| entries.map(|e| e.unwrap().file_name().into_string().unwrap()));
        entries.map(Iterator::collect).unwrap_or_default()
    }

    /// How often the stand-in was started, and asked.
    pub fn counted(&self, what: &str) -> usize {
        std::fs::read_to_string(self.root().join(what)).map(|text| text.lines().count()).unwrap_or(0)
    }
}

/// Limits for tests: short where a test waits for one, long enough for a loaded machine elsewhere.
pub fn quick() -> Limits {
    Limits { idle: Duration::from_millis(300), handshake_pause: Duration::from_millis(20), ..Limits::default() }
}

/// A shim in a few lines of shell, to count and to misbehave: answers every question with `acked` of attempt `a`.
/// `misbehave` in the state root says how; `sessions` and `questions` there have a line for each.
pub const STAND_IN: &str = r#"#!/bin/sh
[ "$1" = session ] || exit 0
root=$3
echo >>"$root/sessions"
while read -r magic nonce length digest; do
    body=$(head -c "$length"; echo x); body=${body%x}
    read -r end
    echo "${#body}" >>"$root/questions"
    case "$body" in *'"launch-me"'*) echo "$digest" >>"$root/launched";; esac
    id=$(printf %s "$body" | sed 's/.*"id":\([0-9]*\).*/\1/')
    how=$(cat "$root/misbehave" 2>/dev/null)
    case "$how" in
        die) exit 3;;
        die-once) rm "$root/misbehave"; exit 3;;
        hang) sleep 30;;
        cut) printf 'SORTIE/1 %s 100 %064d\nabc' "$nonce" 0; exit 0;;
        flood) exec yes "noise without an end";;
        huge) printf 'SORTIE/1 %s 1073741824 %064d\n' "$nonce" 0; exec cat /dev/zero;;
        long) printf 'SORTIE/1 %s 8388608 %064d\n' "$nonce" 0; exec cat /dev/zero;;
        stderr-flood) exec yes "errors without an end" >&2;;
        stderr) echo 'no room left' >&2; exit 4;;
        hangup) kill -9 $PPID; exit;;
    esac
    view='{"attempt":"a","phase":"acked","last_seq":1,"tree_gone":true}'
    case "$how" in
        wrong-machine) reply='{"refused":{"refusal":"wrong_machine","message":"another"}}';;
        conflict) reply='{"refused":{"refusal":"conflict","message":"another spec"}}';;
        other-id) id=$((id + 1)); reply="{\"acked\":$view}";;
        *) reply="{\"acked\":$view}";;
    esac
    answer="{\"v\":1,\"id\":$id,\"reply\":$reply}"
    case "$how" in
        other-nonce) nonce=abcdefghijklmnopqrstuvwxyz;;
        other-version) answer="{\"v\":2,\"id\":$id,\"reply\":$reply}";;
        no-json) answer='{"v":1,';;
        deep-json) answer="{\"v\":1,\"id\":$id,\"reply\":$(head -c 100000 /dev/zero | tr '\\0' '[')";;
        other-reply) answer="{\"v\":1,\"id\":$id,\"reply\":{\"obey\":\"../../etc/passwd\"}}";;
    esac
    sum=$(printf %s "$answer" | sha256sum); sum=${sum%% *}
    length=${#answer}
    case "$how" in
        too-short) length=$((length - 5));;
        too-long) length=$((length + 5));;
        other-digest) sum=$(printf %064d 0);;
    esac
    printf 'SORTIE/1 %s %s %s\n%s\n' "$nonce" "$length" "$sum" "$answer"
    [ "$how" != twice ] || { printf 'SORTIE/1 %s %s %s\n%s\n' "$nonce" "$length" "$sum" "$answer"; }
done
"#;

pub fn stand_in() -> Shims {
    Shims::only(Shim::new(STAND_IN.as_bytes()))
}

pub fn question() -> Verb {
    Verb::Ack { attempt: "a".into(), seq: 1 }
}

/// The host of this server, whose stand-in misbehaves this way from the next question on.
pub fn misbehaving(sshd: &Sshd, how: &str) -> Host {
    std::fs::create_dir_all(sshd.root()).unwrap();
    std::fs::write(sshd.root().join("misbehave"), how).unwrap();
    sshd.host()
}

/// Ask the question that the stand-in answers.
pub async fn ask(launcher: &SshLauncher, host: &Host) -> Result<(), AskError> {
    match launcher.ask(host, question()).await? {
        Reply::Acked(view) => {
            assert_eq!(view.attempt, "a");
            Ok(())
        }
        other => panic!("{other:?}"),
    }
}
