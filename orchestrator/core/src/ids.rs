//! Prefixed ids that never look like numbers: `run_...`, `att_...`, `wait_...`.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Unix milliseconds, UTC.
pub type Ms = i64;

/// Randomness that comes in with an input: 32 bytes from the operating system, spread into ids by SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Entropy(pub [u8; 32]);

impl std::fmt::Debug for Entropy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Entropy(..)")
    }
}

impl Entropy {
    /// 16 fresh bytes for the `n`th use of this entropy under a label.
    #[must_use]
    pub fn bytes(&self, label: &str, n: u64) -> [u8; 16] {
        let digest = Sha256::new().chain_update(self.0).chain_update(n.to_le_bytes()).chain_update(label.as_bytes()).finalize();
        let mut out = [0; 16];
        out.copy_from_slice(&digest[..16]);
        out
    }
}

/// 48 bits of time, so that keys arrive in order, then 128 random bits; base32 (RFC 4648 hex alphabet, lower case).
fn text(prefix: &str, at: Ms, random: [u8; 16]) -> String {
    let time = at.to_be_bytes();
    let mut bytes = [0; 22];
    bytes[..6].copy_from_slice(&time[2..]);
    bytes[6..].copy_from_slice(&random);
    format!("{prefix}_{}", data_encoding::BASE32HEX_NOPAD.encode(&bytes).to_ascii_lowercase())
}

/// Why a text is no id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an id of the form {prefix}_... (36 letters and digits)")]
pub struct BadId {
    text: String,
    prefix: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// What an id of this kind starts with, before the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// A new id from the time and the entropy of an input; `n` tells ids of one input apart.
            #[must_use]
            pub fn new(at: Ms, entropy: &Entropy, n: u64) -> Self {
                Self(text($prefix, at, entropy.bytes($prefix, n)))
            }

            /// Read an id that came from outside.
            ///
            /// # Errors
            /// [`BadId`] where the text has not exactly the form of [`Self::new`].
            pub fn parse(text: &str) -> Result<Self, BadId> {
                let body = text.strip_prefix(concat!($prefix, "_"));
                match body {
                    Some(body) if body.len() == 36 && body.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'v')) => Ok(Self(text.to_owned())),
                    _ => Err(BadId { text: text.chars().take(64).collect(), prefix: $prefix }),
                }
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// A run.
    RunId,
    "run"
);
id!(
    /// An attempt of a step. Also the name of its directory on the VM.
    AttemptId,
    "att"
);
id!(
    /// An external wait.
    WaitId,
    "wait"
);

impl RunId {
    /// The run that a `child` step makes: the same for as often as it is made. `at` and `seq` are those of the event that
    /// opened the step, so that a step which is opened anew makes another run, also where no attempt has raised the fence.
    #[must_use]
    pub fn of_child(parent: &Self, call: u32, fence: u64, seq: u64, at: Ms) -> Self {
        let digest = Sha256::new()
            .chain_update("sortie child\0")
            .chain_update(parent.as_str())
            .chain_update(call.to_le_bytes())
            .chain_update(fence.to_le_bytes())
            .chain_update(seq.to_le_bytes())
            .finalize();
        let mut random = [0; 16];
        random.copy_from_slice(&digest[..16]);
        Self(text(Self::PREFIX, at, random))
    }
}

impl WaitId {
    /// The approval that a question of a job becomes: the same for as often as it is posted. `seq` is its number in the attempt's
    /// event log. It sorts with the attempt.
    #[must_use]
    pub fn of_ask(attempt: &AttemptId, seq: u64) -> Self {
        let digest = Sha256::new().chain_update("sortie ask\0").chain_update(attempt.as_str()).chain_update(seq.to_le_bytes()).finalize();
        let mut random = [0; 16];
        random.copy_from_slice(&digest[..16]);
        Self(text(Self::PREFIX, attempt.made_at(), random))
    }
}

impl AttemptId {
    /// When it was made: what its first 48 bits say.
    fn made_at(&self) -> Ms {
        let body = self.as_str().rsplit('_').next().unwrap_or_default().to_ascii_uppercase();
        let bytes = data_encoding::BASE32HEX_NOPAD.decode(body.as_bytes()).unwrap_or_default();
        bytes.iter().take(6).fold(0, |at, byte| (at << 8) | Ms::from(*byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_has_one_id_for_each_life_of_its_step() {
        let parent = RunId::new(1, &Entropy([7; 32]), 0);
        let id = |call, fence, seq| RunId::of_child(&parent, call, fence, seq, 5);
        assert_eq!(id(1, 2, 3), id(1, 2, 3));
        assert_eq!(RunId::parse(id(1, 2, 3).as_str()), Ok(id(1, 2, 3)));
        assert!(id(1, 2, 3) != id(2, 2, 3) && id(1, 2, 3) != id(1, 3, 3) && id(1, 2, 3) != id(1, 2, 4));
    }

    #[test]
    fn a_question_has_one_id_for_as_often_as_it_is_posted() {
        let (a, b) = (AttemptId::new(1_700_000_000_000, &Entropy([7; 32]), 0), AttemptId::new(5, &Entropy([7; 32]), 0));
        assert_eq!(a.made_at(), 1_700_000_000_000);
        let id = WaitId::of_ask(&a, 3);
        assert_eq!((WaitId::parse(id.as_str()), &id), (Ok(id.clone()), &WaitId::of_ask(&a, 3)));
        assert!(id != WaitId::of_ask(&a, 4) && id != WaitId::of_ask(&b, 3));
    }

    #[test]
    fn ids_differ_by_use_and_read_back() {
        let entropy = Entropy([7; 32]);
        let (a, b) = (AttemptId::new(1, &entropy, 0), AttemptId::new(1, &entropy, 1));
        assert_ne!(a, b);
        assert_eq!(AttemptId::parse(a.as_str()).unwrap(), a);
        assert!(RunId::parse(a.as_str()).is_err());
        assert!(AttemptId::parse("att_../../etc/passwd").is_err());
        assert!(AttemptId::new(1, &entropy, 0) < AttemptId::new(2, &entropy, 0), "ids sort by time");
    }
}
