//! Between columns and the types of the core.

use data_encoding::{Encoding, Specification};
use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Error, Row};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sortie_core::ids::{AttemptId, RunId, WaitId};
use std::sync::LazyLock;

/// The alphabet of ids, as `sortie_core::ids` writes them.
static IDS: LazyLock<Encoding> = LazyLock::new(|| {
    let mut specification = Specification::new();
    specification.symbols.push_str("0123456789abcdefghijklmnopqrstuv");
    specification.encoding().expect("a fixed alphabet of 32 letters")
});

/// An id that is stored as the bytes behind its text.
pub(super) trait Id: Sized {
    /// The text, without the prefix.
    fn body(&self) -> &str;
    /// From the text without the prefix.
    fn from_body(body: &str) -> Option<Self>;

    /// As stored: 22 bytes, in the order of the texts. A text that no id has ever been made with keeps its letters.
    fn blob(&self) -> Vec<u8> {
        IDS.decode(self.body().as_bytes()).unwrap_or_else(|_| self.body().as_bytes().to_vec())
    }

    /// From a column.
    fn at(row: &Row<'_>, column: usize) -> rusqlite::Result<Self> {
        let blob = row.get_ref(column)?.as_blob().map_err(|e| bad(column, Type::Blob, e))?;
        let body = if blob.len() == 36 { String::from_utf8_lossy(blob).into_owned() } else { IDS.encode(blob) };
        Self::from_body(&body).ok_or_else(|| bad(column, Type::Blob, FromSqlError::InvalidType))
    }
}

macro_rules! id {
    ($name:ident) => {
        impl Id for $name {
            fn body(&self) -> &str {
                &self.as_str()[Self::PREFIX.len() + 1..]
            }
            fn from_body(body: &str) -> Option<Self> {
                Self::parse(&format!("{}_{body}", Self::PREFIX)).ok()
            }
        }
    };
}
id!(RunId);
id!(AttemptId);
id!(WaitId);

/// An error about a column.
pub(super) fn bad(column: usize, kind: Type, why: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::FromSqlConversionFailure(column, kind, Box::new(why))
}

/// A word that names a value, from a column.
pub(super) fn word<T>(row: &Row<'_>, column: usize, parse: impl FnOnce(&str) -> Option<T>) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str().map_err(|e| bad(column, Type::Text, e))?;
    parse(text).ok_or_else(|| bad(column, Type::Text, FromSqlError::InvalidType))
}

/// JSON from a column.
pub(super) fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str().map_err(|e| bad(column, Type::Text, e))?;
    serde_json::from_str(text).map_err(|e| bad(column, Type::Text, e))
}

/// JSON from a column that may be null.
pub(super) fn json_or_null<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<T>> {
    if row.get_ref(column)? == rusqlite::types::ValueRef::Null { Ok(None) } else { json(row, column).map(Some) }
}

/// JSON for a column.
pub(super) fn to_json<T: Serialize>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|e| Error::ToSqlConversionFailure(Box::new(e)))
}

/// A serde word (a unit variant) from a column that may be null.
pub(super) fn variant_or_null<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<T>> {
    let text: Option<String> = row.get(column)?;
    text.map(|text| serde_json::from_value(serde_json::Value::String(text)).map_err(|e| bad(column, Type::Text, e))).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sortie_core::ids::Entropy;

    #[test]
    fn an_id_is_22_bytes_in_the_order_of_its_text_and_reads_back() {
        let ids: Vec<RunId> = (0..50).map(|n| RunId::new(1_700_000_000_000 + n % 7, &Entropy([3; 32]), n.unsigned_abs())).collect();
        let blobs: Vec<Vec<u8>> = ids.iter().map(Id::blob).collect();
        for (id, blob) in ids.iter().zip(&blobs) {
            assert_eq!(blob.len(), 22);
            assert_eq!(RunId::from_body(&IDS.encode(blob)).as_ref(), Some(id));
            for (other, other_blob) in ids.iter().zip(&blobs) {
                assert_eq!(id.cmp(other), blob.cmp(other_blob));
            }
        }
    }

    #[test]
    fn a_text_that_no_id_was_made_with_is_like_no_id() {
        let made = RunId::new(1, &Entropy([1; 32]), 0);
        let mut text = made.as_str().to_owned();
        text.pop();
        text.push('v');
        let forged = RunId::parse(&text).unwrap();
        assert_ne!(forged, made);
        assert_ne!(forged.blob(), made.blob());
    }
}
