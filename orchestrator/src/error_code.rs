//! The closed list of error codes of API and command line: one row each, so that there is one place to look and to break.

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $status:literal, $exit:literal, $retryable:literal;)+) => {
        /// What went wrong, for programs. The text is stable.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum ErrorCode {
            $($(#[$doc])* #[serde(rename = $text)] $name,)+
        }

        impl ErrorCode {
            /// All of them, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// As in JSON.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }

            /// The HTTP status it is answered with.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status),+ }
            }

            /// The exit code of a command that fails with it: the only place that says so.
            #[must_use]
            pub const fn exit(self) -> u8 {
                match self { $(Self::$name => $exit),+ }
            }

            /// Whether the same request may succeed later without being changed.
            #[must_use]
            pub const fn is_retryable(self) -> bool {
                match self { $(Self::$name => $retryable),+ }
            }

            /// The code that a text names.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|code| code.as_str() == text)
            }
        }
    };
}

codes! {
    /// A request or command line that makes no sense as it stands.
    Usage = "usage", 400, 2, false;
    /// An id that names more than one thing; the candidates are in the details.
    Ambiguous = "ambiguous", 400, 2, false;
    /// The input does not fit what the flow asks for.
    InvalidInput = "invalid_input", 422, 2, false;
    /// A body, file or value over its limit.
    TooLarge = "too_large", 413, 2, false;
    /// The path exists, the method does not.
    MethodNotAllowed = "method_not_allowed", 405, 2, false;
    /// No such thing.
    NotFound = "not_found", 404, 3, false;
    /// No token, or another one.
    Unauthorized = "unauthorized", 401, 4, false;
    /// Known, and not allowed.
    Forbidden = "forbidden", 403, 4, false;
    /// A file with secrets that others may read.
    InsecureFile = "insecure_file", 403, 4, false;
    /// The key of a host is not known to be its own.
    HostUntrusted = "host_untrusted", 403, 4, false;
    /// Somebody else was first.
    Conflict = "conflict", 409, 5, false;
    /// The idempotency key came with another request before.
    KeyReused = "idempotency_key_reused", 409, 5, false;
    /// The same request is being worked on.
    InProgress = "in_progress", 409, 5, true;
    /// A person said no.
    Rejected = "rejected", 409, 6, false;
    /// Not now.
    Unavailable = "unavailable", 503, 7, true;
    /// The server or a host does not answer.
    Unreachable = "unreachable", 502, 7, true;
    /// The run is not over at `--timeout`.
    StillRunning = "still_running", 504, 124, true;
    /// A flow with errors; the diagnostics are in the details.
    FlowInvalid = "flow_invalid", 422, 1, false;
    /// A run that ended otherwise than succeeded.
    RunFailed = "run_failed", 500, 1, false;
    /// A host that answered, and refused or failed.
    HostFailed = "host_failed", 502, 1, false;
    /// A token that does not hold; the claim is in the details.
    TokenInvalid = "token_invalid", 422, 1, false;
    /// Something must be put right first; the findings are in the details.
    Blocked = "blocked", 500, 1, false;
    /// Anything else: a defect, a disk, a damaged file.
    Failed = "failed", 500, 1, false;
}

/// The exit code of a command that succeeded.
pub const EXIT_DONE: u8 = 0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_unique_and_exit_codes_are_those_of_the_documentation() {
        for (at, code) in ErrorCode::ALL.iter().enumerate() {
            assert_eq!(ErrorCode::parse(code.as_str()), Some(*code));
            assert!(ErrorCode::ALL[..at].iter().all(|other| other.as_str() != code.as_str()));
            assert!([1, 2, 3, 4, 5, 6, 7, 124].contains(&code.exit()), "{}", code.as_str());
            assert!((400..600).contains(&code.status()));
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }
}
