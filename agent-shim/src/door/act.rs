//! What a request does: reports and the result document, checked and written; questions, found again or asked.

use super::copy::Refused;
use super::wire::Code;
use crate::asks::{self, Book, Question};
use crate::attempt::Attempt;
use crate::events::{self, Event, EventLog};
use crate::limits::RESULT_DEPTH;
use crate::reports::depth;
use crate::{clock, files, sign};
use rustix::fs::{Mode, OFlags};
use serde_json::Value;
use sortie_protocol::ask::Ask;
use sortie_protocol::callback::{CallbackBody, CallbackKind};
use sortie_protocol::limits::ASKS;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::fchown;

/// Write a document where the job could have written it itself.
pub fn write(attempt: &Attempt, file: &str, document: &str, limit: usize) -> Result<(), Refused> {
    if document.len() > limit {
        return Err((Code::TooLarge, format!("the document has {} bytes, and the limit is {limit}", document.len())));
    }
    let value: Value = serde_json::from_str(document).map_err(|error| (Code::Usage, format!("the document is not JSON: {error}")))?;
    if depth(&value) > RESULT_DEPTH {
        return Err((Code::Usage, format!("the document is nested deeper than {RESULT_DEPTH}")));
    }
    leave(attempt, file, document.as_bytes()).map_err(|error| (Code::Failed, format!("it cannot be written: {error}")))
}

/// The file belongs to the job in the end, as if it had written it: a job with a user of its own may replace it.
fn leave(attempt: &Attempt, name: &str, bytes: &[u8]) -> io::Result<()> {
    let path = attempt.reported(name);
    let Some(user) = attempt.user() else { return files::replace(&path, bytes) };
    // The job may write in that directory, too: what is given away is the file that was made here, whatever its name leads to by then.
    let temp = path.with_file_name(format!(".{name}.{}", sign::random_hex(8)));
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let mut file = File::from(rustix::fs::open(&temp, flags, Mode::RUSR | Mode::WUSR)?);
    file.write_all(bytes)?;
    file.sync_all()?;
    fchown(&file, Some(user.uid), Some(user.gid))?;
    std::fs::rename(&temp, &path)
}

/// The number of this question: of the one that is meant, where it was asked before, else of a new one, durable.
pub fn ask(attempt: &Attempt, log: &EventLog, book: &mut Book, ask: &Ask) -> Result<u64, Refused> {
    if let Some(why) = ask.fault() {
        return Err((Code::Usage, why));
    }
    let asked: Vec<(u64, Ask)> = events::read(attempt).iter().filter_map(question).collect();
    if let Some(key) = &ask.key {
        if let Some((seq, before)) = asked.iter().find(|(_, before)| before.key.as_ref() == Some(key)) {
            let same = before == ask;
            return if same { Ok(*seq) } else { Err((Code::Usage, format!("another question was asked under the key {key:?}"))) };
        }
    } else if let Some((seq, _)) = asked.iter().rev().find(|(seq, before)| before == ask && !is_settled(attempt, book, *seq)) {
        return Ok(*seq);
    }
    if asked.len() >= ASKS {
        return Err((Code::TooLarge, format!("a job may ask {ASKS} questions")));
    }
    let failed = |error: std::io::Error| (Code::Failed, format!("the question cannot be written: {error}"));
    let data = serde_json::to_value(ask).map_err(|error| failed(error.into()))?;
    let event = log.append(CallbackKind::Ask, data).map_err(failed)?;
    attempt.root().failpoint(crate::failpoint::ASK_LOGGED);
    book.questions.insert(event.seq, Question { opened_mono_ms: clock::mono_ms(), read: false, parked: false });
    book.write(attempt).map_err(failed)?;
    Ok(event.seq)
}

/// Whether the job has been told the answer: asking the same again then is another question.
fn is_settled(attempt: &Attempt, book: &Book, seq: u64) -> bool {
    asks::answer(attempt, seq).is_some() && book.questions.get(&seq).is_some_and(|question| question.read)
}

/// The question in an event.
pub fn question(event: &Event) -> Option<(u64, Ask)> {
    if event.kind != CallbackKind::Ask {
        return None;
    }
    let body: CallbackBody = serde_json::from_str(&event.body).ok()?;
    Some((event.seq, serde_json::from_value(body.data).ok()?))
}
