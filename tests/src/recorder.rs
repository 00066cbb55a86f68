//! Counts starts of jobs in a file of its own: each job appends a line before it does anything else.

use std::path::{Path, PathBuf};

/// The file.
#[derive(Clone, Debug)]
pub struct Recorder(PathBuf);

impl Recorder {
    /// An empty one.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self(folder.join("starts"))
    }

    /// What a shell script has to begin with, to be counted under this word.
    #[must_use]
    pub fn script(&self, word: &str) -> String {
        format!("echo \"$SORTIE_ATTEMPT {word}\" >> {}\n", self.0.display())
    }

    /// Attempt and word of each start, in order.
    #[must_use]
    pub fn starts(&self) -> Vec<(String, String)> {
        let text = std::fs::read_to_string(&self.0).unwrap_or_default();
        text.lines().filter_map(|line| line.split_once(' ')).map(|(attempt, word)| (attempt.to_owned(), word.to_owned())).collect()
    }

    /// Starts under this word.
    #[must_use]
    pub fn count(&self, word: &str) -> usize {
        self.starts().iter().filter(|(_, found)| found == word).count()
    }

    /// No attempt was started twice (invariant I5).
    pub fn assert_no_attempt_twice(&self) {
        let mut attempts: Vec<String> = self.starts().into_iter().map(|(attempt, _)| attempt).collect();
        attempts.sort();
        let all = attempts.len();
        attempts.dedup();
        assert_eq!(attempts.len(), all, "an attempt was started twice: {:?}", self.starts());
    }
}
