//! Running git in a repository of our own: no hooks, no configuration of anybody, no prompts; as the job's user where it has one.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Settings of every call, so that nothing but git itself runs and files are taken as they are.
const SETTINGS: [&str; 10] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.autocrlf=false",
    "core.attributesFile=/dev/null",
    "core.bare=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "commit.gpgsign=false",
    "advice.addEmbeddedRepo=false",
    "safe.directory=*",
];

/// Git for one working tree.
#[derive(Clone, Debug)]
pub struct Git {
    /// The repository; without one that of the working tree.
    pub repository: Option<PathBuf>,
    /// The working tree, and where it runs.
    pub tree: PathBuf,
    /// User and group to run as.
    pub user: Option<(u32, u32)>,
    /// Files that are not taken, beside those that `.gitignore` names.
    pub exclude: Option<PathBuf>,
    /// Objects of another repository that it may use.
    pub objects: Option<PathBuf>,
}

impl Git {
    /// Run it and give what it prints, without the last line's end.
    ///
    /// # Errors
    /// The last line that it prints on what went wrong.
    pub fn run<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Result<String, String> {
        self.run_with(words, None)
    }

    /// As [`Git::run`], with standard input of at most what a pipe holds.
    pub fn run_with<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>, input: Option<&[u8]>) -> Result<String, String> {
        let words: Vec<OsString> = words.into_iter().map(|word| word.as_ref().to_owned()).collect();
        let what = words.first().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
        let out = self.start(&words, input).map_err(|error| format!("git cannot be run: {error}"))?;
        if out.status.success() {
            return Ok(String::from_utf8_lossy(&out.stdout).trim_end().to_owned());
        }
        let said = String::from_utf8_lossy(&out.stderr);
        let line = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no reason given");
        Err(format!("git {what}: {}", crate::agents::shortened(line)))
    }

    fn start(&self, words: &[OsString], input: Option<&[u8]>) -> io::Result<std::process::Output> {
        let mut command = Command::new("git");
        command.current_dir(&self.tree).env_clear().stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
        command.envs(std::env::vars_os().filter(|(name, _)| name == "PATH"));
        for (name, value) in [
            ("HOME", "/nonexistent"),
            ("LANG", "C.UTF-8"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_OPTIONAL_LOCKS", "0"),
            ("GIT_AUTHOR_NAME", "Sortie"),
            ("GIT_AUTHOR_EMAIL", "sortie@localhost"),
            ("GIT_COMMITTER_NAME", "Sortie"),
            ("GIT_COMMITTER_EMAIL", "sortie@localhost"),
        ] {
            command.env(name, value);
        }
        if let Some(repository) = &self.repository {
            command.env("GIT_DIR", repository).env("GIT_WORK_TREE", &self.tree).env("GIT_INDEX_FILE", repository.join("index"));
        }
        if let Some(objects) = &self.objects {
            command.env("GIT_ALTERNATE_OBJECT_DIRECTORIES", objects);
        }
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        let exclude = self.exclude.as_deref().unwrap_or_else(|| Path::new("/dev/null"));
        command.arg("-c").arg([OsStr::new("core.excludesFile="), exclude.as_os_str()].join(OsStr::new("")));
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        let mut child = command.args(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
            stdin.write_all(input)?;
        }
        child.wait_with_output()
    }
}
