//! Why a token is refused. For `token verify` and for logs; a caller over HTTP only ever sees one 401.

use serde::Serialize;
use std::fmt;

/// The check that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// Longer than any token of ours.
    Size,
    /// Not three non-empty parts with two dots between them.
    Form,
    /// A part is not canonical base64url.
    Encoding,
    /// A part is not one JSON object.
    Json,
    /// A header member with a value that is not accepted.
    Header,
    /// A member that may not be there.
    Unexpected,
    /// A member that stands there twice.
    Repeated,
    /// A member that is missing.
    Missing,
    /// A member of the wrong JSON type.
    Type,
    /// A claim with a value that no token of ours has.
    Value,
    /// No key of that id may verify.
    Key,
    /// The signature does not fit.
    Signature,
    /// Of another installation.
    Issuer,
    /// For another public URL.
    Audience,
    /// Made or counting only in the future.
    NotYet,
    /// Over.
    Expired,
}

/// A refused token: the check that failed, and the claim or header member it was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct TokenFault {
    /// What failed.
    pub check: Check,
    /// The claim or header member, where it was about one that is known.
    pub claim: Option<&'static str>,
}

impl TokenFault {
    pub(super) const fn new(check: Check) -> Self {
        Self { check, claim: None }
    }

    pub(super) const fn of(check: Check, claim: &'static str) -> Self {
        Self { check, claim: Some(claim) }
    }
}

impl fmt::Display for TokenFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(claim) = self.claim {
            write!(f, "`{claim}`: ")?;
        }
        f.write_str(match self.check {
            Check::Size => "the token is too long",
            Check::Form => "the token is not three parts separated by dots",
            Check::Encoding => "a part of the token is not canonical base64url",
            Check::Json => "a part of the token is not a JSON object",
            Check::Header => "not the value that correlation tokens have in their header",
            Check::Unexpected => "the token has a member that may not be there",
            Check::Repeated => "stands there twice",
            Check::Missing => "is missing",
            Check::Type => "has the wrong JSON type",
            Check::Value => "has a value that no token of ours has",
            Check::Key => "signed with a key that is unknown or revoked",
            Check::Signature => "the signature does not fit",
            Check::Issuer => "the token is of another installation",
            Check::Audience => "the token is for another public URL",
            Check::NotYet => "the token does not count yet",
            Check::Expired => "the token has expired",
        })
    }
}

impl std::error::Error for TokenFault {}
