//! Why an agent failed, from a status or from its words.

use super::seen::Cause;

/// What an HTTP status of a model's endpoint means; `None` where it says nothing of the reason.
pub fn of_status(status: Option<u64>) -> Option<Cause> {
    match status? {
        401 | 403 => Some(Cause::Auth),
        402 | 429 => Some(Cause::Quota),
        408 | 500..=599 => Some(Cause::Unavailable),
        _ => None,
    }
}

/// Words that tell, in the order in which they are looked for; all in lower case.
const WORDS: [(Cause, &[&str]); 5] = [
    (Cause::InUse, &["already in use", "already exists. use --resume"]),
    (Cause::Limit, &["maximum number of turns", "max session turns", "maximum budget", "turn limit"]),
    (
        Cause::Quota,
        &["quota", "rate limit", "rate_limit", "usage limit", "credit balance", "billing", "resource_exhausted", "insufficient"],
    ),
    (
        Cause::Auth,
        &[
            "unauthorized",
            "unauthenticated",
            "authentication",
            "api key",
            "api_key",
            "/login",
            "not logged in",
            "permission_denied",
            "missing environment variable",
            "auth method",
        ],
    ),
    (
        Cause::Unavailable,
        &[
            "high demand",
            "overloaded",
            "unavailable",
            "connection",
            "stream disconnected",
            "error sending request",
            "fetch failed",
            "timed out",
            "timeout",
            "econnrefused",
            "enotfound",
            "unable to connect",
            "internal server error",
            "bad gateway",
        ],
    ),
];

/// What words of an agent mean: a status in them first.
pub fn of_words(words: &str) -> Cause {
    let words = words.to_lowercase();
    if let Some(cause) = status_in(&words).and_then(|status| of_status(Some(status))) {
        return cause;
    }
    let found = WORDS.iter().find(|(_, tell)| tell.iter().any(|tell| words.contains(tell)));
    found.map_or(Cause::Other, |(cause, _)| *cause)
}

/// The number after `status` or `code`, or in `API error: 500`.
fn status_in(words: &str) -> Option<u64> {
    ["status code", "status", "\"code\":", "api error:", "http"].into_iter().find_map(|mark| {
        words.match_indices(mark).find_map(|(at, _)| {
            let rest = words[at + mark.len()..].trim_start_matches([' ', ':', '=', '"', '(']);
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().ok().filter(|status| (400..600).contains(status))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_agents_are_understood() {
        for (words, cause) in [
            ("unexpected status 401 Unauthorized: no, url: http://127.0.0.1:1/v1", Cause::Auth),
            ("Quota exceeded. Check your plan and billing details.", Cause::Quota),
            ("We’re currently experiencing high demand, which may cause temporary errors.", Cause::Unavailable),
            ("[API Error: {\"error\":{\"code\":429,\"status\":\"RESOURCE_EXHAUSTED\"}}]", Cause::Quota),
            ("API Error: 529 overloaded", Cause::Unavailable),
            ("API Error: Request rejected (429) · no", Cause::Other),
            ("Invalid API key · Please run /login", Cause::Auth),
            ("Your credit balance is too low", Cause::Quota),
            ("Error: Session ID x is already in use.", Cause::InUse),
            ("Error starting session: Session ID \"x\" already exists. Use --resume to resume it", Cause::InUse),
            ("No conversation found with session ID: x", Cause::Other),
            ("stream disconnected before completion: error sending request for url", Cause::Unavailable),
            ("status 200 is fine", Cause::Other),
        ] {
            assert_eq!(of_words(words), cause, "{words}");
        }
    }
}
