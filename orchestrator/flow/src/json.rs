//! JSON to and from Starlark values: bounded in depth, and exact for integers of any size and for floats.
//!
//! The encoder of the Starlark crate recurses on the native stack with a cost that is quadratic in the depth, and
//! follows values that contain themselves until the process ends. This one stops at [`JSON_DEPTH`].

use num_bigint::BigInt;
use serde_json::{Map, Number, Value as Json};
use sortie_core::limits::JSON_DEPTH;
use starlark::collections::SmallMap;
use starlark::values::dict::{AllocDict, DictRef};
use starlark::values::float::StarlarkFloat;
use starlark::values::list::{AllocList, ListRef};
use starlark::values::structs::StructRef;
use starlark::values::tuple::TupleRef;
use starlark::values::{Heap, UnpackValue as _, Value, ValueLike as _};
use std::str::FromStr as _;

/// The JSON of a value: None, bool, int, float, str, list, tuple, dict with text keys, struct.
///
/// # Errors
/// A sentence with the path of what is not JSON.
pub fn to_json(value: Value<'_>) -> Result<Json, JsonError> {
    encode(value, JSON_DEPTH)
}

/// Why a value is not JSON.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Deeper than the limit: a bound of the flow, the same on every machine.
    #[error("nested more than {JSON_DEPTH} deep, or contains itself")]
    TooDeep,
    /// Has no form in JSON.
    #[error("{0}")]
    NotJson(String),
}

impl JsonError {
    fn within(self, part: &str) -> Self {
        match self {
            Self::TooDeep => Self::TooDeep,
            Self::NotJson(why) => Self::NotJson(format!("in {part}: {why}")),
        }
    }
}

fn encode(value: Value<'_>, depth: usize) -> Result<Json, JsonError> {
    if value.is_none() {
        return Ok(Json::Null);
    }
    if let Some(flag) = value.unpack_bool() {
        return Ok(Json::Bool(flag));
    }
    if let Some(small) = value.unpack_i32() {
        return Ok(Json::from(small));
    }
    if let Some(text) = value.unpack_str() {
        return Ok(Json::String(text.to_owned()));
    }
    if let Some(float) = value.downcast_ref::<StarlarkFloat>() {
        return Number::from_f64(float.0).map(Json::Number).ok_or_else(|| JsonError::NotJson(format!("the float {} has no JSON", float.0)));
    }
    if let Ok(Some(big)) = BigInt::unpack_value(value) {
        return Number::from_str(&big.to_string()).map(Json::Number).map_err(|error| JsonError::NotJson(error.to_string()));
    }
    let deeper = depth.checked_sub(1).ok_or(JsonError::TooDeep)?;
    let items = |items: &[Value<'_>]| items.iter().map(|item| encode(*item, deeper)).collect::<Result<_, _>>().map(Json::Array);
    if let Some(list) = ListRef::from_value(value) {
        return items(list.content());
    }
    if let Some(tuple) = TupleRef::from_value(value) {
        return items(tuple.content());
    }
    let mut map = Map::new();
    if let Some(dict) = DictRef::from_value(value) {
        for (key, item) in dict.iter() {
            let key = key.unpack_str().ok_or_else(|| JsonError::NotJson(format!("keys of a dict must be text, not {}", key.get_type())))?;
            map.insert(key.to_owned(), encode(item, deeper).map_err(|error| error.within(&format!("[{key:?}]")))?);
        }
    } else if let Some(fields) = StructRef::from_value(value) {
        for (key, item) in fields.iter() {
            map.insert(key.as_str().to_owned(), encode(item, deeper).map_err(|error| error.within(&format!(".{key}")))?);
        }
    } else {
        return Err(JsonError::NotJson(format!("a value of type {} is not JSON", value.get_type())));
    }
    Ok(Json::Object(map))
}

/// The value of a JSON document.
///
/// # Errors
/// A document deeper than [`JSON_DEPTH`], or a number beyond the range of a float.
pub fn from_json<'v>(json: &Json, heap: Heap<'v>) -> Result<Value<'v>, JsonError> {
    decode(json, heap, JSON_DEPTH)
}

fn decode<'v>(json: &Json, heap: Heap<'v>, depth: usize) -> Result<Value<'v>, JsonError> {
    Ok(match json {
        Json::Null => Value::new_none(),
        Json::Bool(flag) => Value::new_bool(*flag),
        Json::Number(number) => decode_number(&number.to_string(), heap)?,
        Json::String(text) => heap.alloc(text.as_str()),
        Json::Array(items) => {
            let deeper = depth.checked_sub(1).ok_or(JsonError::TooDeep)?;
            let items = items.iter().map(|item| decode(item, heap, deeper)).collect::<Result<Vec<_>, _>>()?;
            heap.alloc(AllocList(items))
        }
        Json::Object(map) => {
            let deeper = depth.checked_sub(1).ok_or(JsonError::TooDeep)?;
            let items = map
                .iter()
                .map(|(key, item)| Ok((key.as_str(), decode(item, heap, deeper)?)))
                .collect::<Result<SmallMap<_, _>, JsonError>>()?;
            heap.alloc(AllocDict(items))
        }
    })
}

/// Numbers keep their text: one with a point or an exponent is a float, any other an integer of any size.
fn decode_number<'v>(text: &str, heap: Heap<'v>) -> Result<Value<'v>, JsonError> {
    if let Ok(small) = text.parse::<i64>() {
        return Ok(heap.alloc(small));
    }
    if text.contains(['.', 'e', 'E']) {
        let float = text.parse::<f64>().ok().filter(|float| float.is_finite());
        return float.map(|float| heap.alloc(float)).ok_or_else(|| JsonError::NotJson(format!("the number {text:.40} is out of range")));
    }
    BigInt::from_str(text).map(|big| heap.alloc(big)).map_err(|_| JsonError::NotJson(format!("{text:.40} is no number")))
}

/// Whether two documents are the same: as values, and floats by what they are rather than how they are written.
#[must_use]
pub fn same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => {
            let (a, b) = (a.to_string(), b.to_string());
            let is_float = |text: &str| text.contains(['.', 'e', 'E']);
            a == b || (is_float(&a) && is_float(&b) && a.parse::<f64>().ok().map(f64::to_bits) == b.parse::<f64>().ok().map(f64::to_bits))
        }
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Json::Object(a), Json::Object(b)) => a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b))),
        (a, b) => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(text: &str) -> Result<String, JsonError> {
        let json: Json = serde_json::from_str(text).unwrap();
        Heap::temp(|heap| to_json(from_json(&json, heap)?).map(|json| json.to_string()))
    }

    #[test]
    fn numbers_are_exact_both_ways() {
        for text in [
            "0",
            "-1",
            "2147483648",
            "9223372036854775807",
            "18446744073709551616",
            "-123456789012345678901234567890",
            "1.5",
            "0.1",
            "-0.0",
            "1e300",
        ] {
            let back = round(text).unwrap();
            assert!(same(&serde_json::from_str(text).unwrap(), &serde_json::from_str(&back).unwrap()), "{text} became {back}");
        }
        assert_eq!(round("1.0").unwrap(), "1.0", "a float stays a float");
        assert!(round("1e999").is_err());
    }

    #[test]
    fn documents_come_back() {
        let text = r#"{"z":[1,null,true,"å\n"],"a":{"b":[]}}"#;
        let json = |text: &str| serde_json::from_str::<Json>(text).unwrap();
        assert_eq!(json(&round(text).unwrap()), json(text));
    }

    #[test]
    fn depth_is_bounded_both_ways() {
        let nested = |n: usize| "[".repeat(n) + &"]".repeat(n);
        assert!(round(&nested(JSON_DEPTH)).is_ok());
        assert_eq!(round(&nested(JSON_DEPTH + 1)), Err(JsonError::TooDeep));
        let encoded = Heap::temp(|heap| {
            let value = (0..100_000).fold(heap.alloc(1), |inner, _| heap.alloc(AllocList([inner])));
            to_json(value)
        });
        assert_eq!(encoded, Err(JsonError::TooDeep));
    }

    #[test]
    fn same_compares_floats_by_value_and_integers_by_text() {
        let json = |text: &str| serde_json::from_str::<Json>(text).unwrap();
        assert!(same(&json("[1.0]"), &json("[1.00]")));
        assert!(!same(&json("1"), &json("1.0")));
        assert!(!same(&json("{\"a\":1}"), &json("{\"a\":1,\"b\":2}")));
    }
}
