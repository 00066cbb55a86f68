//! The shim of this machine: put into its state root like anywhere else, and asked as a process of its own, one question each.
//!
//! The supervisor that a launch leaves behind has a session of its own and outlives this process. Under systemd it stays in the
//! server's unit: set `KillMode=process` there, or jobs end when the server is stopped.

use super::limits::{ANSWER, PATIENCE, READ_BYTES, SESSIONS, STDERR_BYTES};
use crate::launcher::{AskError, Asking, Launcher};
use crate::shim::{Arch, Shim, Shims};
use crate::ssh::fault::{nothing, perhaps, printable};
use crate::ssh::listener::{Heard, Listener, framed};
use crate::ssh::script::{Root, nonce};
use sha2::{Digest, Sha256};
use sortie_core::failure::FailureKind;
use sortie_core::host::Host;
use sortie_protocol::bytes::to_hex;
use sortie_protocol::limits::FRAME_BYTES;
use sortie_protocol::verb::{Answer, Refusal, Reply, Request, Verb};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// What of this process's environment a session gets: nothing of ours, tokens least of all.
const ENVIRONMENT: [&str; 9] = ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TMPDIR", "XDG_RUNTIME_DIR", "SSL_CERT_FILE"];

/// Asks shims of this machine.
pub struct LocalLauncher {
    shim: Option<Arc<Shim>>,
    sessions: Semaphore,
}

impl LocalLauncher {
    /// With the shim for this machine's type, if it is among these.
    #[must_use]
    pub fn new(shims: &Shims) -> Self {
        let shim = Arch::from_uname("Linux", std::env::consts::ARCH).and_then(|arch| shims.choose(arch)).cloned();
        Self { shim, sessions: Semaphore::new(SESSIONS) }
    }

    /// Ask the shim of a state root one question. `at` names it in messages.
    ///
    /// # Errors
    /// [`AskError`], which says whether the shim may have acted on it.
    pub async fn ask_at(&self, at: &str, root: &Root, marker: Option<String>, verb: Verb) -> Result<Reply, AskError> {
        let Ok(_session) = self.sessions.acquire().await else {
            return Err(nothing(FailureKind::Unreachable, format!("{at}: the program is stopping")));
        };
        let refuse = |what: String| nothing(FailureKind::Refused, format!("{at}: {what}"));
        let patience = match &verb {
            Verb::Cancel { wait_ms, .. } => Duration::from_millis(*wait_ms).min(PATIENCE),
            _ => Duration::ZERO,
        };
        let request = Request { v: sortie_protocol::VERSION, id: 1, marker, verb };
        let payload = serde_json::to_vec(&request).map_err(|error| refuse(error.to_string()))?;
        if payload.len() > FRAME_BYTES {
            return Err(refuse(format!("the question has {} bytes, more than the {FRAME_BYTES} of a frame", payload.len())));
        }
        let program = self.installed(root).await.map_err(refuse)?;
        let nonce = nonce();
        let mut child = start(&program, root).map_err(|error| refuse(format!("{} cannot be started: {error}", program.display())))?;
        let answered = timeout(ANSWER + patience, converse(&mut child, &nonce, &framed(&nonce, &payload))).await;
        let answer = match answered {
            Ok(Ok(answer)) => answer,
            Ok(Err(why)) => return Err(perhaps(format!("{at}: {why}; whether it was done is not known"))),
            Err(_) => return Err(perhaps(format!("{at}: no answer within {} s", (ANSWER + patience).as_secs()))),
        };
        match serde_json::from_slice::<Answer>(&answer) {
            Ok(Answer { id: 1, reply: Reply::Refused { refusal: Refusal::WrongMachine, message }, .. }) => {
                let said = printable(message.as_bytes(), 200);
                Err(nothing(FailureKind::WrongMachine, format!("{at}: the state root has another marker: {said}")))
            }
            Ok(Answer { id: 1, reply, .. }) => Ok(reply),
            Ok(_) => Err(perhaps(format!("{at}: the shim answered another question"))),
            Err(error) => Err(perhaps(format!("{at}: the shim's answer cannot be read: {error}"))),
        }
    }

    /// The shim in its place, put there where it is missing or is not what its name says (F091).
    async fn installed(&self, root: &Root) -> Result<PathBuf, String> {
        let shim = self.shim.clone().ok_or_else(|| format!("there is no shim for {} in this program", std::env::consts::ARCH))?;
        let root = PathBuf::from(root.as_str());
        let put = tokio::task::spawn_blocking(move || install(&root, &shim)).await;
        put.map_err(|error| error.to_string())?.map_err(|error| format!("the shim cannot be put into its state root: {error}"))
    }
}

impl Launcher for LocalLauncher {
    fn ask<'a>(&'a self, host: &'a Host, verb: Verb) -> Asking<'a> {
        Box::pin(async move {
            let root = Root::parse(&host.state_root);
            let root = root.map_err(|error| nothing(FailureKind::Refused, format!("host {}: {error}", host.name)))?;
            self.ask_at(&host.name, &root, Some(host.marker.clone()), verb).await
        })
    }
}

fn install(root: &Path, shim: &Shim) -> std::io::Result<PathBuf> {
    let folder = root.join("bin");
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
    let place = folder.join(format!("sortie-shim-{}", shim.sha256));
    if std::fs::read(&place).is_ok_and(|bytes| to_hex(&Sha256::digest(&bytes)) == shim.sha256) {
        return Ok(place);
    }
    let temporary = folder.join(format!(".put-{}", nonce()));
    let write = || -> std::io::Result<()> {
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o700).open(&temporary)?;
        file.write_all(&shim.bytes)?;
        file.set_permissions(std::fs::Permissions::from_mode(0o700))?;
        file.sync_all()?;
        std::fs::rename(&temporary, &place)
    };
    if let Err(error) = write() {
        let _ = std::fs::remove_file(&temporary);
        return Err(error);
    }
    Ok(place)
}

fn start(program: &Path, root: &Root) -> std::io::Result<Child> {
    let mut command = Command::new(program);
    command.arg("session").arg("--root").arg(root.as_str()).env_clear().current_dir("/");
    command.envs(ENVIRONMENT.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn()
}

/// Write the question, read the answer, end the session. What went wrong is said for people.
async fn converse(child: &mut Child, nonce: &str, question: &[u8]) -> Result<Vec<u8>, String> {
    let (Some(mut stdin), Some(mut stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take()) else {
        return Err("the shim has no pipes".to_owned());
    };
    // A shim that has ended says more by what it answers, or by its standard error, than this does.
    let _ = stdin.write_all(question).await;
    drop(stdin);
    let mut listener = Listener::new(nonce);
    let (mut heard, mut buffer) = (Vec::new(), vec![0; READ_BYTES]);
    while !heard.iter().any(|heard| matches!(heard, Heard::Frame(_))) {
        let read = stdout.read(&mut buffer).await.map_err(|error| error.to_string())?;
        if read == 0 {
            let mut said = Vec::new();
            let _ = stderr.take(STDERR_BYTES).read_to_end(&mut said).await;
            let status = child.wait().await.map_err(|error| error.to_string())?;
            return Err(format!("the shim's session ended without an answer ({status}): {}", printable(&said, 200)));
        }
        listener.take(&buffer[..read], &mut heard).map_err(|broken| broken.to_string())?;
    }
    let frame = heard.into_iter().find_map(|heard| if let Heard::Frame(bytes) = heard { Some(bytes) } else { None });
    let _ = child.wait().await;
    frame.ok_or_else(|| "the shim said nothing".to_owned())
}
