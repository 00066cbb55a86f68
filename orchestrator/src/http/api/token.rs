//! The operator's bearer token: made by `sortie init` ([`crate::setup`]), kept in a 0600 file, compared by its digest.

use crate::envelope::Problem;
use crate::error_code::ErrorCode;
use sha2::{Digest, Sha256};
use sortie_keys::Secret;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Bytes of the token's file that are read: more is no token of ours.
const FILE_BYTES: u64 = 4_096;

/// Read the token from its file.
///
/// # Errors
/// Where it is missing, open to others (F072), or not a token.
pub fn read(path: &Path) -> Result<Secret, Problem> {
    let shown = path.display();
    let file = std::fs::File::open(path).map_err(|error| {
        Problem::new(ErrorCode::Unauthorized, format!("no operator token: {shown}: {error}"))
            .hint("set SORTIE_TOKEN, or SORTIE_HOME to the folder that `sortie init` made")
    })?;
    let failed = |error: std::io::Error| Problem::new(ErrorCode::Failed, format!("{shown}: {error}"));
    let mode = file.metadata().map_err(failed)?.mode() & 0o7777;
    if mode & 0o177 != 0 {
        let problem = Problem::new(ErrorCode::InsecureFile, format!("{shown} has mode {mode:04o}: others may read the operator token"));
        return Err(problem.hint(format!("run `chmod 0600 {shown}`, and make a new token if others could have read it")));
    }
    let mut text = Vec::with_capacity(128);
    file.take(FILE_BYTES).read_to_end(&mut text).map_err(failed)?;
    let length = text.trim_ascii_end().len();
    text.truncate(length);
    from_text(Secret::new(text)).ok_or_else(|| Problem::new(ErrorCode::Unauthorized, format!("{shown} holds no token")))
}

/// A token that can stand in a header.
#[must_use]
pub fn from_text(text: Secret) -> Option<Secret> {
    let fits = !text.is_empty() && text.expose().iter().all(u8::is_ascii_graphic);
    fits.then_some(text)
}

/// What the server keeps of the token: its SHA-256. Comparing digests takes the same time wherever they differ, and an
/// early difference of digests says nothing about the token.
#[derive(Clone, Copy)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// Of a token.
    #[must_use]
    pub fn of(token: &[u8]) -> Self {
        Self(Sha256::digest(token).into())
    }

    /// As stored: lower-case hex.
    #[must_use]
    pub fn hex(&self) -> String {
        data_encoding::HEXLOWER.encode(&self.0)
    }

    /// From the stored text.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        data_encoding::HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok().map(Self)
    }

    /// Whether this is the token.
    #[must_use]
    pub fn fits(&self, token: &[u8]) -> bool {
        let given: [u8; 32] = Sha256::digest(token).into();
        self.0.iter().zip(given).fold(0, |differences, (a, b)| differences | (a ^ b)) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_token_reads_back_and_is_refused_when_others_may_read_it() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("operator.token");
        assert_eq!(read(&path).unwrap_err().code, ErrorCode::Unauthorized);
        std::fs::write(&path, format!("{}\n", "x".repeat(43))).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let token = read(&path).unwrap();
        assert_eq!(token.expose().len(), 43);
        assert!(TokenDigest::of(token.expose()).fits(token.expose()));
        assert!(!TokenDigest::of(token.expose()).fits(&token.expose()[..42]));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let problem = read(&path).unwrap_err();
        assert_eq!(problem.code, ErrorCode::InsecureFile);
        assert!(!problem.json().to_string().contains(token.expose_str().unwrap()));
    }
}
