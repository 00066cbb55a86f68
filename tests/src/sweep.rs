//! What holds after every test, whatever it was about (I6, I13): no process of a job is left, and what was handed to shims, operators
//! and workers is nowhere but where it belongs.
//!
//! Everything of an installation lies below one folder: its home, the logs of its server, its workers and SSH servers, what its
//! commands said, the state roots of its hosts and the disks of its machines.

use crate::limits::{LOOK, SOON, SWEPT_BYTES};
use crate::processes::{self, Process};
use sortie_protocol::spec::Credentials;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Shorter values would be found by chance.
const SHORTEST: usize = 16;

/// A value that must not be found.
struct Canary {
    name: String,
    value: String,
    /// Given to a job as its own: it may have it in its environment and write it down on its machine.
    of_job: bool,
}

/// What is left of an installation that lies in this folder, in sentences. Its server may still run. Jobs that end just now are waited for.
pub(crate) fn findings(folder: &Path) -> Vec<String> {
    let started = Instant::now();
    while !left(folder).is_empty() && started.elapsed() < SOON / 3 {
        std::thread::sleep(LOOK);
    }
    let mut found: Vec<String> = left(folder).iter().map(|process| format!("a process of a job is left: {}", process.line())).collect();
    end_all(folder);
    let files = files(folder);
    let canaries = canaries(&files);
    in_processes(&canaries, &mut found);
    in_files(folder, &files, &canaries, &mut found);
    found
}

/// End what is left. Supervisors first: they would record the end of what is killed after them, and post it to nobody.
pub(crate) fn end_all(folder: &Path) {
    for process in processes::of_shim(folder).iter().chain(&left(folder)) {
        processes::kill(process.pid);
    }
}

/// Jobs' processes of the installation: by the attempts that its state roots hold, and where the folder of the attempt is gone by what
/// else they were given.
fn left(folder: &Path) -> Vec<Process> {
    let mention = folder.as_os_str().as_encoded_bytes();
    let attempts: Vec<Vec<u8>> = roots(folder).iter().flat_map(|root| processes::cookies(root)).collect();
    let is_ours = |process: &Process| {
        process
            .cookie()
            .is_some_and(|cookie| attempts.iter().any(|attempt| attempt == cookie) || processes::contains(&process.environment, mention))
    };
    processes::all().into_iter().filter(is_ours).collect()
}

/// State roots: folders with a marker and jobs, at most three levels down.
fn roots(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![(folder.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        if folder.join("jobs").is_dir() && folder.join("bin").is_dir() {
            found.push(folder);
        } else if depth < 3 {
            let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
            folders.extend(entries.filter(|e| e.file_type().is_ok_and(|kind| kind.is_dir())).map(|e| (e.path(), depth + 1)));
        }
    }
    found
}

/// Regular files below a folder, but for the shim itself.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(kind) if kind.is_file() && !entry.file_name().to_string_lossy().starts_with("sortie-shim") => found.push(entry.path()),
                _ => {}
            }
        }
    }
    found
}

/// Files that are there to hold a canary.
fn is_of_canaries(path: &Path) -> bool {
    path.ends_with("credentials.json") || path.extension().is_some_and(|extension| extension == "token")
}

fn canaries(files: &[PathBuf]) -> Vec<Canary> {
    let mut found = Vec::new();
    for path in files.iter().filter(|path| is_of_canaries(path)) {
        let bytes = fs::read(path).unwrap_or_default();
        let mut add = |what: &str, value: &str, of_job: bool| {
            if value.len() >= SHORTEST {
                found.push(Canary { name: format!("{what} of {}", path.display()), value: value.to_owned(), of_job });
            }
        };
        if path.extension().is_some_and(|extension| extension == "token") {
            add("the token", String::from_utf8_lossy(&bytes).trim(), false);
        } else if let Ok(handed) = serde_json::from_slice::<Credentials>(&bytes) {
            // A token in other clothes still ends with its signature.
            add("the signature of the token", handed.token.rsplit('.').next().unwrap_or(&handed.token), false);
            add("the proof secret", &handed.proof_secret, false);
            let restored = handed.restore.iter().map(|restore| &restore.url);
            for url in [&handed.callback_url].into_iter().chain(&handed.artifact_url).chain(&handed.logs_url).chain(restored) {
                let signature = url.split_once("sig=").and_then(|(_, rest)| rest.split('&').next());
                add("the signature of a URL", signature.unwrap_or_default(), false);
            }
            for (name, value) in &handed.secret_env {
                add(name, &String::from_utf8_lossy(&value.0), true);
            }
        }
    }
    found
}

fn in_processes(canaries: &[Canary], found: &mut Vec<String>) {
    for process in processes::all() {
        let (arguments, environment) = (String::from_utf8_lossy(&process.arguments), String::from_utf8_lossy(&process.environment));
        for canary in canaries {
            let handed = canary.of_job && process.cookie().is_some();
            let place = if arguments.contains(&canary.value) {
                "the arguments"
            } else if !handed && environment.contains(&canary.value) {
                "the environment"
            } else {
                continue;
            };
            found.push(format!("{} is in {place} of process {}", canary.name, process.pid));
        }
    }
}

fn in_files(folder: &Path, files: &[PathBuf], canaries: &[Canary], found: &mut Vec<String>) {
    let roots = roots(folder);
    for path in files.iter().filter(|path| !is_of_canaries(path)) {
        // Larger ones are output of floods. One of the store may be gone between the listing and the reading.
        let small = path.metadata().is_ok_and(|meta| meta.len() <= SWEPT_BYTES);
        let Some(bytes) = small.then(|| fs::read(path).ok()).flatten() else { continue };
        let text = String::from_utf8_lossy(&bytes);
        let is_log = path.parent() == Some(folder) && path.extension().is_some_and(|extension| extension == "log");
        let of_server = is_log || path.starts_with(folder.join("home")) && !roots.iter().any(|root| path.starts_with(root));
        let hits = canaries.iter().filter(|canary| (of_server || !canary.of_job) && text.contains(&canary.value));
        found.extend(hits.map(|canary| format!("{} is in {}", canary.name, path.display())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sortie_protocol::bytes::Bytes;
    use sortie_protocol::spec::Trust;

    const SIGNATURE: &str = "signature-of-the-token-0123456789";
    const SECRET: &str = "a-secret-of-the-job-0123456789";

    /// An installation's folder with one host and one attempt on it.
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::Builder::new().prefix("sortie-sweep-").tempdir().unwrap();
        let root = folder.path().join("vm");
        let attempt = root.join("jobs/att_swept00000000");
        for made in [&folder.path().join("home"), &root.join("bin"), &attempt] {
            fs::create_dir_all(made).unwrap();
        }
        let handed = Credentials {
            callback_url: "http://127.0.0.1/v1/callbacks/att?sig=signature-of-the-url-0123456789&exp=1".to_owned(),
            token: format!("v4.public.{SIGNATURE}"),
            proof_secret: "proof-secret-0123456789".to_owned(),
            trust: Trust::PlainHttp,
            secret_env: [("NAME".to_owned(), Bytes::from(SECRET))].into(),
            secret_stdin: None,
            secret_files: Default::default(),
            artifact_url: None,
            logs_url: None,
            restore: None,
        };
        fs::write(attempt.join("credentials.json"), serde_json::to_vec(&handed).unwrap()).unwrap();
        folder
    }

    #[test]
    fn a_token_where_it_does_not_belong_is_found() {
        let folder = folder();
        assert_eq!(findings(folder.path()), Vec::<String>::new(), "the credentials are where they belong");
        let places =
            ["server.log", "said.log", "home/sortie.db-wal", "vm/jobs/att_swept00000000/events.log", "vm/jobs/att_swept00000000/stdout"];
        for (place, text) in places
            .iter()
            .flat_map(|place| [SIGNATURE, "signature-of-the-url-0123456789", "proof-secret-0123456789"].map(|text| (place, text)))
        {
            fs::write(folder.path().join(place), format!("before {text} after")).unwrap();
            let found = findings(folder.path());
            assert!(found.len() == 1 && found[0].ends_with(place), "{place}: {found:?}");
            fs::remove_file(folder.path().join(place)).unwrap();
        }
        // A job may write down what it was given, the server may not.
        fs::write(folder.path().join("vm/jobs/att_swept00000000/stdout"), SECRET).unwrap();
        assert_eq!(findings(folder.path()), Vec::<String>::new());
        fs::write(folder.path().join("server.log"), SECRET).unwrap();
        assert_eq!(findings(folder.path()).len(), 1);
    }
}
