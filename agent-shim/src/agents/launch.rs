//! What an agent is started with: words, environment, private files, and the prompt for its standard input.
//!
//! Nothing of it goes into the user's own configuration: what has to be in a file is in the attempt's private directory.

use sortie_protocol::agent::AgentTask;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

/// The door of the attempt, as the agent's MCP server finds it.
#[derive(Clone, Debug)]
pub struct Door {
    /// Absolute path of this very program.
    pub program: String,
    /// Socket of the attempt.
    pub socket: String,
}

impl Door {
    /// What the server needs in its environment.
    pub fn env(&self) -> std::collections::BTreeMap<String, String> {
        std::collections::BTreeMap::from([("SORTIE_SOCKET".to_owned(), self.socket.clone())])
    }
}

/// Under which circumstances an agent is started.
pub struct Setting<'a> {
    /// What it is to do.
    pub task: &'a AgentTask,
    /// Id of the session that it starts or goes on with; empty where it makes one up.
    pub session: String,
    /// Whether it goes on with it.
    pub resumes: bool,
    /// Transcript to go on from, where it is handed as a file.
    pub session_file: Option<PathBuf>,
    /// Directory for private files.
    pub dir: PathBuf,
    /// The user's own folder of the agent, where one of ours may stand for it.
    pub user_dir: Option<PathBuf>,
    /// Its door, where there is one.
    pub door: Option<Door>,
}

impl Setting<'_> {
    /// Whether it goes on with a session.
    pub fn resumed(&self) -> bool {
        self.resumes
    }
}

/// Everything to start it with.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Launch {
    /// Program and arguments.
    pub command: Vec<OsString>,
    /// Environment, below that of the spec.
    pub env: Vec<(String, OsString)>,
    /// A folder of ours that stands for one of the user's: made before the files.
    pub stands_for: Option<StandIn>,
    /// Files to write first.
    pub files: Vec<(PathBuf, Vec<u8>)>,
    dir: PathBuf,
}

/// A folder in which everything is the user's own by links, but for one file.
#[derive(Debug, PartialEq, Eq)]
pub struct StandIn {
    /// Ours.
    pub at: PathBuf,
    /// The user's.
    pub of: PathBuf,
    /// The file that is ours.
    pub but: &'static str,
    /// Folders that are made in the user's, where they are not there: what the agent leaves in them is for later.
    pub made: &'static [&'static str],
}

impl StandIn {
    /// Make it. Doing it again does no harm.
    ///
    /// # Errors
    /// No rights, no room.
    pub fn make(&self) -> std::io::Result<()> {
        std::fs::create_dir_all(&self.at)?;
        for folder in self.made {
            std::fs::create_dir_all(self.of.join(folder))?;
        }
        for entry in std::fs::read_dir(&self.of)? {
            let entry = entry?;
            if entry.file_name() != self.but {
                match std::os::unix::fs::symlink(entry.path(), self.at.join(entry.file_name())) {
                    Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error),
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

impl Launch {
    /// Its usual program, or the one that the task names.
    pub fn new(setting: &Setting<'_>, usual: &str) -> Self {
        let program = setting.task.program.as_ref().map_or_else(|| usual.into(), |program| OsStr::from_bytes(&program.0).to_owned());
        Self { command: vec![program], dir: setting.dir.clone(), ..Self::default() }
    }

    /// These words and nothing else.
    pub fn of<'a>(words: impl Iterator<Item = &'a OsStr>) -> Self {
        Self { command: words.map(OsStr::to_owned).collect(), ..Self::default() }
    }

    /// Further arguments of the task.
    pub fn own_arguments(&mut self, task: &AgentTask) -> &mut Self {
        self.command.extend(task.arguments.iter().map(|word| OsStr::from_bytes(&word.0).to_owned()));
        self
    }

    /// Words.
    pub fn words<'a>(&mut self, words: impl IntoIterator<Item = &'a str>) -> &mut Self {
        self.command.extend(words.into_iter().map(OsString::from));
        self
    }

    /// A path as a word.
    pub fn path(&mut self, path: PathBuf) -> &mut Self {
        self.command.push(path.into());
        self
    }

    /// `-c key="value"`, as Codex takes it: TOML, whose strings are those of JSON.
    pub fn setting(&mut self, key: &str, value: &str) -> &mut Self {
        self.words(["-c", &format!("{key}={}", serde_json::Value::from(value))])
    }

    /// A variable.
    pub fn env(&mut self, variable: &str, value: &str) -> &mut Self {
        self.env_path(variable, PathBuf::from(value))
    }

    /// A variable that is a path.
    pub fn env_path(&mut self, variable: &str, value: PathBuf) -> &mut Self {
        self.env.push((variable.to_owned(), value.into()));
        self
    }

    /// A private file.
    pub fn file(&mut self, name: &str, content: &serde_json::Value) -> PathBuf {
        let path = self.dir.join(name);
        self.files.push((path.clone(), content.to_string().into_bytes()));
        path
    }
}

/// What it is told. An agent that cannot be given a schema is told of it.
pub fn prompt(task: &AgentTask, resumes: bool, takes_schema: bool) -> Vec<u8> {
    let mut prompt = task.resume_prompt.as_ref().filter(|_| resumes).unwrap_or(&task.prompt).0.clone();
    if let Some(schema) = task.result_schema.as_ref().filter(|_| !takes_schema) {
        let told = format!(
            "\n\nYour final message must be one JSON document and nothing else: no other text, no code fence. It must be valid against this \
             JSON Schema:\n{schema}\n"
        );
        prompt.extend_from_slice(told.as_bytes());
    }
    prompt
}

/// Millionths as decimal dollars.
pub fn dollars(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    let short = text.trim_end_matches('0');
    if short.ends_with('.') { format!("{short}0") } else { short.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_decimal() {
        for (micros, text) in [(0, "0.0"), (1, "0.000001"), (1_500_000, "1.5"), (12_000_000, "12.0"), (226_500, "0.2265")] {
            assert_eq!(dollars(micros), text);
        }
    }
}
