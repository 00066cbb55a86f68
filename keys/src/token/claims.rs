//! What a token says, and the one way to read it.

use super::fault::{Check, TokenFault};
use super::strict::Object;
use serde::{Deserialize, Serialize};

/// What the bearer may speak for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// An attempt of a job. Its callbacks need a proof too.
    Attempt,
    /// A wait of a flow.
    Wait,
}

/// The claims of a token. All are required; the order here is the order of the bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Claims {
    /// The installation's id.
    pub iss: String,
    /// The public URL that it is posted to.
    pub aud: String,
    /// The run.
    pub sub: String,
    /// The attempt or wait.
    pub jti: String,
    /// Name of the step.
    pub step: String,
    /// Fence of the attempt or wait.
    pub fence: u64,
    /// What `jti` is.
    pub scope: Scope,
    /// When it was made, Unix seconds.
    pub iat: i64,
    /// From when on it counts, Unix seconds.
    pub nbf: i64,
    /// From when on it counts no more, Unix seconds.
    pub exp: i64,
}

const NAMES: [&str; 10] = ["iss", "aud", "sub", "jti", "step", "fence", "scope", "iat", "nbf", "exp"];

impl Claims {
    /// Reads the payload of a token whose signature is good.
    pub(super) fn read(payload: &[u8]) -> Result<Self, TokenFault> {
        let object = Object::read(payload, &NAMES)?;
        Ok(Self {
            iss: object.text("iss")?,
            aud: object.text("aud")?,
            sub: object.text("sub")?,
            jti: object.text("jti")?,
            step: object.text("step")?,
            fence: object.number("fence")?,
            scope: match object.text("scope")?.as_str() {
                "attempt" => Scope::Attempt,
                "wait" => Scope::Wait,
                _ => return Err(TokenFault::of(Check::Value, "scope")),
            },
            iat: object.time("iat")?,
            nbf: object.time("nbf")?,
            exp: object.time("exp")?,
        })
    }

    /// The claim that no verifier would take, whatever the time.
    pub(super) fn unfit(&self) -> Option<&'static str> {
        let texts = [("iss", &self.iss), ("aud", &self.aud), ("sub", &self.sub), ("jti", &self.jti), ("step", &self.step)];
        let times = [("iat", self.iat), ("nbf", self.nbf), ("exp", self.exp)];
        let empty = texts.into_iter().find(|(_, text)| text.is_empty()).map(|(name, _)| name);
        empty.or(times.into_iter().find(|(_, time)| *time < 0).map(|(name, _)| name))
    }
}
