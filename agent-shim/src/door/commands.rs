//! The commands of a job: `progress`, `checkpoint`, `artifact`, `ask`, `result`, `mcp`. One line of JSON on standard output, and
//! what went wrong on standard error, too.

use super::options::Options;
use super::wire::{Code, Reply, Verb};
use super::{Client, Failure, Patience, help};
use serde_json::{Value, json};
use sortie_protocol::ask::{Answered, Ask};
use std::io::{self, Read as _, Write as _};
use std::path::{Component, Path, PathBuf};

/// Names of the commands.
pub const NAMES: [&str; 6] = ["progress", "checkpoint", "artifact", "ask", "result", "mcp"];
/// How long an answer is waited for where nothing is said, in milliseconds: as long as any wait.
pub const ASK_DEFAULT_MS: u64 = 24 * 3_600_000;
/// Exit code of a question that is still open (`EX_TEMPFAIL`).
const PENDING: u8 = 75;
/// Exit code of a question that nobody answered in time.
const TIMED_OUT: u8 = 124;
/// Exit code of a question that was withdrawn.
const WITHDRAWN: u8 = 5;
/// Exit code of a rejection.
const REJECTED: u8 = 6;

/// Run one; its exit code.
pub fn run(name: &str, arguments: &[&str]) -> u8 {
    if arguments.contains(&"--help") || arguments == ["help"] {
        print!("{}", help::HELP);
        return 0;
    }
    let done = match name {
        "mcp" => return crate::mcp::run(arguments).unwrap_or_else(|failure| report(&failure)),
        "ask" => ask(arguments),
        "artifact" => artifact(arguments),
        report => document(report, arguments),
    };
    match done {
        Ok((line, code)) => {
            println!("{line}");
            code
        }
        Err(failure) => report(&failure),
    }
}

/// A failure, for programs and for people.
fn report(failure: &Failure) -> u8 {
    let Failure { code, message } = failure;
    let hint = match code {
        Code::Usage => Some("sortie-shim help lists the commands and what they take"),
        Code::Unavailable => Some("the report files ($SORTIE_PROGRESS, $SORTIE_CHECKPOINT, $SORTIE_RESULT) work without the supervisor"),
        Code::NotAllowed => Some("a file must be a regular one below the working directory, without symbolic links in its path"),
        _ => None,
    };
    println!("{}", json!({ "ok": false, "error": { "code": code.as_str(), "message": message, "hint": hint } }));
    let _ = writeln!(io::stderr(), "sortie-shim: {message}");
    code.exit()
}

type Done = Result<(Value, u8), Failure>;

fn call(verb: &Verb) -> Result<Reply, Failure> {
    Client::from_env(Patience::default())?.call(verb)
}

fn document(name: &str, arguments: &[&str]) -> Done {
    let options = Options::parse(arguments, if name == "progress" { &["text"] } else { &[] })?;
    let document = match options.get("text") {
        Some(text) if options.words.is_empty() => json!({ "text": text }).to_string(),
        Some(_) => return Err(Failure::usage("either a document or --text")),
        None => given(options.one("the document (JSON, @FILE or -)")?)?,
    };
    call(&match name {
        "progress" => Verb::Progress { document },
        "checkpoint" => Verb::Checkpoint { document },
        _ => Verb::Result { document },
    })?;
    Ok((json!({ "ok": true }), 0))
}

/// A text as it is given: itself, of a file, or of standard input.
fn given(word: &str) -> Result<String, Failure> {
    let read = |what: &str, read: io::Result<String>| {
        read.map_err(|error| {
            let code = if error.kind() == io::ErrorKind::NotFound { Code::NotFound } else { Code::Usage };
            Failure { code, message: format!("{what} cannot be read: {error}") }
        })
    };
    if word == "-" {
        return read("standard input", bounded(io::stdin().lock()));
    }
    word.strip_prefix('@').map_or_else(|| Ok(word.to_owned()), |path| read(path, std::fs::File::open(path).and_then(bounded)))
}

fn bounded(source: impl io::Read) -> io::Result<String> {
    let limit = sortie_protocol::limits::RESULT_DOCUMENT_BYTES;
    let mut text = String::new();
    source.take(limit + 1).read_to_string(&mut text)?;
    if text.len() as u64 > limit { Err(io::Error::other(format!("more than {limit} bytes"))) } else { Ok(text) }
}

fn artifact(arguments: &[&str]) -> Done {
    let options = Options::parse(arguments, &["name"])?;
    let path = absolute(options.one("the path of a file")?)?;
    match call(&Verb::Artifact { path, name: options.get("name").map(str::to_owned) })? {
        Reply::Kept { name, kept } => Ok((json!({ "ok": true, "name": name, "size": kept.size, "sha256": kept.sha256 }), 0)),
        other => Err(unexpected(&other)),
    }
}

/// As the supervisor can understand it: it is somewhere else than this process. What `.` and `..` mean is settled here, by name.
pub fn absolute(path: &str) -> Result<String, Failure> {
    let here = std::env::current_dir().map_err(|error| Failure::usage(format!("the current directory: {error}")))?;
    plain(&here.join(path)).into_os_string().into_string().map_err(|_| Failure::usage("a path is UTF-8 text"))
}

fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

fn ask(arguments: &[&str]) -> Done {
    let options = Options::parse(arguments, &["message", "approvers", "timeout", "park-after", "key"])?;
    let roles = options.get("approvers").unwrap_or_default().split(',').map(str::trim).filter(|role| !role.is_empty());
    let ask = Ask {
        title: options.one("the title of the question")?.to_owned(),
        message: options.get("message").map(given).transpose()?.unwrap_or_default(),
        approvers: roles.map(str::to_owned).collect(),
        timeout_ms: options.duration_ms("timeout")?.unwrap_or(ASK_DEFAULT_MS),
        tool: None,
        key: options.get("key").map(str::to_owned),
    };
    match call(&Verb::Ask { ask, park_ms: options.duration_ms("park-after")? })? {
        Reply::Answered { question, answer } => {
            let code = match answer.answered {
                Answered::Approved => 0,
                Answered::Rejected => REJECTED,
                Answered::TimedOut => TIMED_OUT,
                Answered::Cancelled => WITHDRAWN,
            };
            let line = json!({
                "ok": answer.answered == Answered::Approved,
                "answered": answer.answered.as_str(),
                "by": answer.by,
                "comment": answer.comment,
                "question": question,
            });
            Ok((line, code))
        }
        Reply::Pending { question } => {
            Ok((json!({ "ok": false, "answered": "pending", "by": [], "comment": null, "question": question }), PENDING))
        }
        other => Err(unexpected(&other)),
    }
}

/// A reply that does not belong to its request.
pub fn unexpected(reply: &Reply) -> Failure {
    Failure { code: Code::Failed, message: format!("the supervisor answered something else: {reply:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_of_a_path_are_settled_by_name() {
        let cases = [("/a/./b", "/a/b"), ("/a/../b", "/b"), ("/../..", "/"), ("/a/b/../../c/", "/c")];
        for (path, wanted) in cases {
            assert_eq!(plain(Path::new(path)), Path::new(wanted), "{path}");
        }
    }
}
