//! What an answer of the callback server means for the event it answers.

use crate::sign::ProofKey;
use sortie_protocol::ask::{Answered, AskAnswer};
use sortie_protocol::callback::{CallbackKind, SignedPost};
use sortie_protocol::limits::RETRY_AFTER_CAP_MS;
use sortie_protocol::receipt::{CallbackAnswer, Outcome};

/// An HTTP answer, as much of it as matters.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// Status.
    pub status: u16,
    /// The header, where there is one.
    pub retry_after: Option<String>,
    /// Bytes of an upload that the server has, where it says so.
    pub upload_offset: Option<u64>,
    /// At most `ANSWER_BYTES` of the body.
    pub body: Vec<u8>,
}

/// What becomes of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The server has committed itself; it may ask for the job's end.
    Delivered {
        /// Why the job is to be ended.
        stop: Option<String>,
        /// The answer to a question.
        answer: Option<AskAnswer>,
    },
    /// Kept and tried again.
    Keep(Pace),
}

/// How soon a kept event is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// No answer: backoff.
    Unreachable,
    /// An answer that is none: backoff.
    NoAnswer,
    /// Refused as unauthorized: slowly, and to be collected.
    Slow,
    /// Too large: once an hour in case that the limit is somebody's in between, and to be collected.
    Hourly,
    /// When the server says, in milliseconds.
    After(u64),
    /// These credentials can never post: to be collected.
    Never,
}

/// Only a valid receipt is an answer. Everything else is about when to try again.
pub fn judge(key: &ProofKey, post: &SignedPost, reply: &Reply, now_ms: i64) -> Verdict {
    if let Some(receipt) = key.receipt(&post.id, post.body.as_bytes(), &reply.body)
        && receipt.outcome.is_delivered()
    {
        let asked = post.kind == CallbackKind::Ask;
        let answer = if asked { receipt.answer.or_else(|| withdrawn(receipt.outcome, reply)) } else { None };
        return Verdict::Delivered { stop: receipt.stop, answer };
    }
    Verdict::Keep(pace(reply, now_ms))
}

/// The answer to a question that the server will never put to anybody.
fn withdrawn(outcome: Outcome, reply: &Reply) -> Option<AskAnswer> {
    if matches!(outcome, Outcome::Accepted | Outcome::Duplicate) {
        return None;
    }
    let said = serde_json::from_slice::<CallbackAnswer>(&reply.body).ok().and_then(|answer| answer.message);
    let comment = said.or_else(|| Some(format!("the server did not take the question: {}", outcome.as_str())));
    Some(AskAnswer { answered: Answered::Cancelled, by: Vec::new(), comment })
}

/// How soon to try again after an answer that is none.
pub fn pace(reply: &Reply, now_ms: i64) -> Pace {
    match reply.status {
        401 => Pace::Slow,
        413 => Pace::Hourly,
        415 | 429 | 503 => reply.retry_after.as_deref().and_then(|text| retry_after_ms(text, now_ms)).map_or(Pace::NoAnswer, Pace::After),
        _ => Pace::NoAnswer,
    }
}

/// `Retry-After` as seconds or an HTTP date (RFC 9110, 10.2.3), clamped to an hour (F046).
fn retry_after_ms(text: &str, now_ms: i64) -> Option<u64> {
    let text = text.trim();
    if text.starts_with('-') && text[1..].bytes().all(|b| b.is_ascii_digit()) {
        return Some(0);
    }
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return Some(text.parse::<u64>().map_or(RETRY_AFTER_CAP_MS, |s| s.saturating_mul(1000).min(RETRY_AFTER_CAP_MS)));
    }
    let at = http_date_ms(text)?;
    Some((at - now_ms).clamp(0, RETRY_AFTER_CAP_MS as i64) as u64)
}

/// IMF-fixdate, the one form that senders may generate: `Sun, 06 Nov 1994 08:49:37 GMT`.
fn http_date_ms(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let words: Vec<&str> = text.split(' ').collect();
    let [_, day, month, year, time, "GMT"] = words[..] else { return None };
    let (day, year) = (day.parse::<i64>().ok()?, year.parse::<i64>().ok().filter(|year| (1970..=9999).contains(year))?);
    let month = MONTHS.iter().position(|name| *name == month)? as i64 + 1;
    let clock: Vec<i64> = time.split(':').map(str::parse).collect::<Result<_, _>>().ok()?;
    let [hour, minute, second] = clock[..] else { return None };
    if !(1..=31).contains(&day) || !(0..24).contains(&hour) || !(0..60).contains(&minute) || !(0..=60).contains(&second) {
        return None;
    }
    // Days since the epoch in a calendar whose year begins in March, so that the leap day is its last.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719_468;
    Some((days * 86_400 + hour * 3600 + minute * 60 + second) * 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f046_retry_after_is_honoured_within_an_hour() {
        let now = 784_111_777_000; // 1994-11-06T08:49:37Z
        let cases = [
            ("0", Some(0)),
            ("7", Some(7_000)),
            (" 7 ", Some(7_000)),
            ("3600", Some(3_600_000)),
            ("3601", Some(3_600_000)),
            ("99999999999999999999999", Some(3_600_000)),
            ("-5", Some(0)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10_000)),
            ("Sun, 06 Nov 1994 08:49:07 GMT", Some(0)),
            ("Sun, 06 Nov 2094 08:49:07 GMT", Some(3_600_000)),
            ("soon", None),
            ("", None),
            ("1.5", None),
            ("Sun, 06 Foo 1994 08:49:07 GMT", None),
        ];
        for (text, wanted) in cases {
            assert_eq!(retry_after_ms(text, now), wanted, "{text:?}");
        }
        assert_eq!(http_date_ms("Thu, 29 Feb 2024 23:59:59 GMT"), Some(1_709_251_199_000));
        assert_eq!(http_date_ms("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
    }

    #[test]
    fn f047_without_a_receipt_nothing_is_delivered() {
        let key = ProofKey::parse("c2VjcmV0").unwrap();
        let post = key.post("att_0123456789", sortie_protocol::callback::CallbackKind::Result, 2, "{}".into(), 0);
        for (status, pace) in [
            (200, Pace::NoAnswer),
            (204, Pace::NoAnswer),
            (301, Pace::NoAnswer),
            (307, Pace::NoAnswer),
            (401, Pace::Slow),
            (404, Pace::NoAnswer),
            (409, Pace::NoAnswer),
            (413, Pace::Hourly),
            (429, Pace::NoAnswer),
            (500, Pace::NoAnswer),
        ] {
            assert_eq!(judge(&key, &post, &Reply { status, ..Reply::default() }, 0), Verdict::Keep(pace), "{status}");
        }
        let reply = Reply { status: 503, retry_after: Some("3".into()), ..Reply::default() };
        assert_eq!(judge(&key, &post, &reply, 0), Verdict::Keep(Pace::After(3000)));
    }
}
