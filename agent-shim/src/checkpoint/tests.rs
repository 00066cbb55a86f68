//! From one machine to another, with the real git: what was kept is what is there again, and nothing of the user's has changed.

use super::snapshot::{self, Session, What};
use super::{restore, snapshot::Made};
use sortie_protocol::agent::AgentKind;
use std::path::{Path, PathBuf};
use std::process::Command;

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir(place.path("area")).unwrap();
        std::fs::create_dir(place.path("tree")).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path("tree").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn read(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.path("tree").join(name)).ok()
    }

    fn git(&self, words: &[&str]) -> String {
        git(&self.path("tree"), words)
    }

    fn keep(&self, number: u32, base: Option<&str>) -> Result<Made, String> {
        let transcript = self.path("transcript.jsonl");
        std::fs::write(&transcript, "{\"said\":\"before\"}\n").unwrap();
        let session = Session { kind: Some(AgentKind::Claude), session: Some("s-1".to_owned()), ..Session::default() };
        snapshot::make(&What {
            attempt: "att_0123456789",
            number,
            area: &self.path("area"),
            tree: &self.path("tree"),
            user: None,
            session,
            transcript: Some(transcript),
            base,
            history: true,
        })
    }

    fn take(&self, bundle: &Path) -> restore::Taken {
        restore::take(bundle, &self.path("area"), &self.path("tree"), None).unwrap()
    }
}

fn git(dir: &Path, words: &[&str]) -> String {
    let identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"];
    let out = Command::new("git").args(identity).args(words).current_dir(dir).output().unwrap();
    assert!(out.status.success(), "{words:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap().trim_end().to_owned()
}

#[test]
fn a_plain_directory_is_kept_and_laid_out_elsewhere() {
    let here = Place::new();
    here.write("a/file", "one\r\n");
    here.write(".gitignore", "*.log\n");
    here.write("noise.log", "noise");
    std::os::unix::fs::symlink("/etc/passwd", here.path("tree/link")).unwrap();
    let first = here.keep(1, None).unwrap();
    here.write("a/file", "two\r\n");
    let second = here.keep(2, None).unwrap();
    assert_ne!(first.commit, second.commit);
    assert!(!here.path("tree/.git").exists(), "the directory is no repository because of us");
    let there = Place::new();
    let taken = there.take(&second.bundle);
    taken.lay_out().unwrap();
    assert_eq!(there.read("a/file").as_deref(), Some("two\r\n"), "bytes as they were");
    assert_eq!(there.read("noise.log"), None);
    assert!(there.path("tree/link").symlink_metadata().unwrap().is_symlink(), "a link is kept as a link");
    assert_eq!(taken.session.session.as_deref(), Some("s-1"));
    assert_eq!(std::fs::read_to_string(taken.transcript.unwrap()).unwrap(), "{\"said\":\"before\"}\n");
}

#[test]
fn work_in_a_clone_comes_with_its_commits_and_changes_and_the_clone_is_left_alone() {
    let origin = Place::new();
    origin.git(&["init", "-q"]);
    origin.write("kept", "1");
    origin.write("changed", "1");
    origin.write("gone", "1");
    origin.git(&["add", "-A"]);
    origin.git(&["commit", "-qm", "base"]);
    let url = origin.path("tree");
    let clone = |place: &Place| {
        std::fs::remove_dir(place.path("tree")).unwrap();
        git(place.0.path(), &["clone", "-q", url.to_str().unwrap(), "tree"]);
    };
    let here = Place::new();
    clone(&here);
    let base = here.git(&["rev-parse", "HEAD"]);
    here.git(&["checkout", "-qb", "fix"]);
    here.write("committed", "2");
    here.git(&["add", "-A"]);
    here.git(&["commit", "-qm", "own"]);
    here.write("changed", "3");
    here.write("staged", "3");
    here.git(&["add", "staged"]);
    std::fs::remove_file(here.path("tree/gone")).unwrap();
    // A hook and a filter of the repository are somebody else's program.
    std::fs::write(here.path("tree/.git/hooks/post-index-change"), "#!/bin/sh\ntouch hooked\n").unwrap();
    let (status, refs) = (here.git(&["status", "--porcelain"]), here.git(&["for-each-ref"]));
    let index = std::fs::read(here.path("tree/.git/index")).unwrap();
    let made = here.keep(1, Some(&base)).unwrap();
    assert_eq!((here.git(&["status", "--porcelain"]), here.git(&["for-each-ref"])), (status.clone(), refs));
    assert_eq!(std::fs::read(here.path("tree/.git/index")).unwrap(), index, "their index is not touched");
    let prerequisites = here.git(&["bundle", "verify", made.bundle.to_str().unwrap()]);
    assert!(prerequisites.contains(&base), "thin over what the origin has: {prerequisites}");
    let there = Place::new();
    clone(&there);
    there.take(&made.bundle).lay_out().unwrap();
    assert_eq!(there.git(&["symbolic-ref", "--short", "HEAD"]), "fix");
    assert_eq!(there.git(&["log", "-1", "--format=%s"]), "own");
    for (name, text) in [("kept", Some("1")), ("committed", Some("2")), ("changed", Some("3")), ("staged", Some("3")), ("gone", None)] {
        assert_eq!(there.read(name).as_deref(), text, "{name}");
    }
    let lines = |text: String| text.lines().map(|line| line[3..].to_owned()).collect::<std::collections::BTreeSet<_>>();
    assert_eq!(lines(there.git(&["status", "--porcelain"])), lines(status));
}

#[test]
fn a_bundle_that_is_none_is_refused() {
    let place = Place::new();
    std::fs::write(place.path("bad"), "no bundle").unwrap();
    assert!(restore::take(&place.path("bad"), &place.path("area"), &place.path("tree"), None).is_err());
}
