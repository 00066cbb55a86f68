//! The command line. `session` is for orchestrators; single verbs are for people and print one line of JSON.

use crate::attempt::Attempt;
use crate::root::{AttemptId, Root};
use crate::{checkpoint, door, gate, harden, keeper, session, spawn, supervise, verbs};
use sortie_protocol::VERSION;
use sortie_protocol::verb::{Answer, Reply, Request, Verb};
use std::ffi::OsString;
use std::io::{self, BufRead as _, Write as _};
use std::process::ExitCode;

const USAGE: &str = "\
usage: sortie-shim session --root ROOT      framed requests on stdin, framed answers on stdout
       sortie-shim --root ROOT VERB         one request; the answer is one line of JSON
       sortie-shim version
       sortie-shim help                     what a job can say, ask and keep: progress, checkpoint, artifact, ask, result, mcp

verbs: status [--seal] ATTEMPT...           where attempts stand
       collect ATTEMPT [AFTER_SEQ]          posts without a receipt
       ack ATTEMPT SEQ                      the result is taken
       cancel ATTEMPT [REASON [WAIT_MS]]    end the job, wait for it (10,000 ms)
       logs ATTEMPT stdout|stderr [OFFSET [LIMIT]]
       gc [OLDER_THAN_MS]                   remove acknowledged attempts (7 days)
       doctor [--create]                    facts about this machine
       list [AFTER_ATTEMPT]                 attempts that are not acknowledged
       resume                               successors for supervisors that died with work left, as after a reboot
       launch                               one framed or plain JSON request on stdin
ROOT is an absolute path.
";

/// Done; refused or failed; wrong usage.
const DONE: u8 = 0;
const FAILED: u8 = 1;
const MISUSED: u8 = 2;

/// Run what the arguments ask for.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    let words: Option<Vec<&str>> = arguments.iter().map(|word| word.to_str()).collect();
    let code = match words.as_deref() {
        Some(["version" | "--version"]) => {
            println!("sortie-shim {} protocol {VERSION}", env!("CARGO_PKG_VERSION"));
            Ok(DONE)
        }
        Some(["help" | "--help"]) => {
            println!("{USAGE}");
            Ok(door::commands::run("progress", &["--help"]))
        }
        Some([name, arguments @ ..]) if door::commands::NAMES.contains(name) => Ok(door::commands::run(name, arguments)),
        Some(["session", "--root", root] | ["--root", root, "session"]) => with_root(root, in_session),
        Some(["--root", root, verb @ ..]) => with_root(root, |root| single(root, verb)),
        Some(["keep-work", root, id, number, time_ms]) => make_checkpoint(root, id, number, time_ms),
        Some([part @ ("supervise" | "keep" | "gate"), root, id]) => internal(part, root, id),
        _ => Err(None),
    };
    match code {
        Ok(code) => ExitCode::from(code),
        Err(why) => {
            let why = why.map(|why| format!("sortie-shim: {why}\n")).unwrap_or_default();
            let _ = write!(io::stderr(), "{why}{USAGE}");
            ExitCode::from(MISUSED)
        }
    }
}

/// An exit code, or wrong usage.
type Code = Result<u8, Option<String>>;

fn with_root(path: &str, run: impl FnOnce(&Root) -> Code) -> Code {
    let root = Root::new(path).ok_or_else(|| Some("the state root must be an absolute path".to_owned()))?;
    harden::close_inherited();
    // The job gets the login's umask back.
    let umask = harden::private_umask();
    harden::hide_memory();
    spawn::carry_umask(&umask);
    run(&root)
}

fn in_session(root: &Root) -> Code {
    match session::run(root, &mut io::stdin().lock(), &mut io::stdout()) {
        Ok(true) => Ok(DONE),
        Ok(false) => Ok(MISUSED),
        Err(error) => Ok(complain(&error)),
    }
}

fn internal(part: &str, root: &str, id: &str) -> Code {
    let (Some(root), Some(id)) = (Root::new(root), AttemptId::parse(id)) else { return Err(None) };
    let attempt = Attempt::new(&root, id);
    if part != "gate" {
        harden::private_umask();
    }
    let done = match part {
        "supervise" => supervise::run(&attempt),
        "keep" => keeper::run(&attempt),
        _ => gate::run(&attempt),
    };
    done.map(|()| DONE).or_else(|error| Ok(complain(&error)))
}

fn make_checkpoint(root: &str, id: &str, number: &str, time_ms: &str) -> Code {
    let (Some(root), Some(id)) = (Root::new(root), AttemptId::parse(id)) else { return Err(None) };
    let (Ok(number), Ok(time_ms)) = (number.parse(), time_ms.parse()) else { return Err(None) };
    harden::private_umask();
    harden::hide_memory();
    checkpoint::run(&Attempt::new(&root, id), number, time_ms).map(|()| DONE).or_else(|error| Ok(complain(&error)))
}

fn complain(error: &io::Error) -> u8 {
    let _ = writeln!(io::stderr(), "sortie-shim: {error}");
    FAILED
}

fn single(root: &Root, words: &[&str]) -> Code {
    match words {
        ["launch"] => return launch(root),
        ["resume"] => return resume(root),
        _ => {}
    }
    let verb = parse(words)?;
    let create = matches!(verb, Verb::Doctor { create_marker: true });
    let marker = if create { None } else { root.marker() };
    print(&verbs::answer(root, Request { v: VERSION, id: 1, marker, verb }))
}

/// For timers and start-up scripts; needs no marker, because it touches what is here already.
fn resume(root: &Root) -> Code {
    match verbs::resume::run(root) {
        Ok(called) => {
            println!("{{\"resumed\":{called}}}");
            Ok(DONE)
        }
        Err(verbs::Fault(_, why)) => Ok(complain(&io::Error::other(why))),
    }
}

/// One request as a frame (answered as one) or as plain JSON.
fn launch(root: &Root) -> Code {
    let mut input = io::stdin().lock();
    if input.fill_buf().is_ok_and(|bytes| bytes.starts_with(b"SORTIE/")) {
        drop(input);
        return in_session(root);
    }
    match serde_json::from_reader::<_, Request>(input) {
        Ok(request) => print(&verbs::answer(root, request)),
        Err(error) => Err(Some(format!("the request cannot be read ({:?})", error.classify()))),
    }
}

fn print(answer: &Answer) -> Code {
    match serde_json::to_string(answer) {
        Ok(line) => println!("{line}"),
        Err(error) => return Ok(complain(&error.into())),
    }
    Ok(if matches!(answer.reply, Reply::Refused { .. }) { FAILED } else { DONE })
}

fn parse(words: &[&str]) -> Result<Verb, Option<String>> {
    let own = |text: &&str| (*text).to_owned();
    let number = |text: &str| text.parse::<u64>().map_err(|_| Some(format!("not a number: {text}")));
    Ok(match words {
        ["status", "--seal", ids @ ..] if !ids.is_empty() => Verb::Status { attempts: ids.iter().map(own).collect(), seal: true },
        ["status", ids @ ..] if !ids.is_empty() => Verb::Status { attempts: ids.iter().map(own).collect(), seal: false },
        ["collect", id] => Verb::Collect { attempt: own(id), after_seq: 0 },
        ["collect", id, after] => Verb::Collect { attempt: own(id), after_seq: number(after)? },
        ["ack", id, seq] => Verb::Ack { attempt: own(id), seq: number(seq)? },
        ["cancel", id] => Verb::Cancel { attempt: own(id), reason: "cancelled".to_owned(), wait_ms: 10_000 },
        ["cancel", id, reason] => Verb::Cancel { attempt: own(id), reason: own(reason), wait_ms: 10_000 },
        ["cancel", id, reason, wait] => Verb::Cancel { attempt: own(id), reason: own(reason), wait_ms: number(wait)? },
        ["logs", id, stream] => logs(id, stream, 0, u64::MAX),
        ["logs", id, stream, offset] => logs(id, stream, number(offset)?, u64::MAX),
        ["logs", id, stream, offset, limit] => logs(id, stream, number(offset)?, number(limit)?),
        ["gc"] => Verb::Gc { older_than_ms: sortie_protocol::limits::KEEP_ACKED_MS },
        ["gc", older] => Verb::Gc { older_than_ms: number(older)? },
        ["list"] => Verb::List { after: None },
        ["list", after] => Verb::List { after: Some(own(after)) },
        ["doctor"] => Verb::Doctor { create_marker: false },
        ["doctor", "--create"] => Verb::Doctor { create_marker: true },
        _ => return Err(None),
    })
}

fn logs(id: &str, stream: &str, offset: u64, limit: u64) -> Verb {
    Verb::Logs { attempt: id.to_owned(), stream: stream.to_owned(), offset, limit }
}
