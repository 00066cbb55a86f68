//! Strict reading: one spelling of the compact form, one flat JSON object, each member once and of one type.

use super::fault::{Check, TokenFault};
use crate::encoding::from_base64url;
use crate::limits::TOKEN_BYTES;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// The parts of a compact JWS.
pub(super) struct Compact<'a> {
    /// `header.payload` as it stands in the token: what is signed.
    pub(super) message: &'a str,
    /// The third part as it stands in the token.
    pub(super) signature: &'a str,
    pub(super) header: Vec<u8>,
    pub(super) payload: Vec<u8>,
}

impl<'a> Compact<'a> {
    pub(super) fn read(token: &'a str) -> Result<Self, TokenFault> {
        if token.len() > TOKEN_BYTES {
            return Err(TokenFault::new(Check::Size));
        }
        let (message, signature) = token.rsplit_once('.').ok_or(TokenFault::new(Check::Form))?;
        let (header, payload) = message.split_once('.').ok_or(TokenFault::new(Check::Form))?;
        if payload.contains('.') || [header, payload, signature].iter().any(|part| part.is_empty()) {
            return Err(TokenFault::new(Check::Form));
        }
        let decode = |part: &str| from_base64url(part).ok_or(TokenFault::new(Check::Encoding));
        let (header, payload) = (decode(header)?, decode(payload)?);
        if decode(signature)?.len() != 64 {
            return Err(TokenFault::new(Check::Signature));
        }
        Ok(Self { message, signature, header, payload })
    }
}

/// A flat JSON object whose members are all expected, and are there once. Values are looked at as they were written.
pub(super) struct Object<'a>(Vec<(&'static str, &'a RawValue)>);

impl<'a> Object<'a> {
    pub(super) fn read(json: &'a [u8], names: &'static [&'static str]) -> Result<Self, TokenFault> {
        let mut fault = TokenFault::new(Check::Json);
        let mut reader = serde_json::Deserializer::from_slice(json);
        let members = reader.deserialize_map(Members { names, fault: &mut fault }).and_then(|members| reader.end().map(|()| members));
        members.map(Self).map_err(|_| fault)
    }

    pub(super) fn text(&self, name: &'static str) -> Result<String, TokenFault> {
        serde_json::from_str(self.raw(name)?).map_err(|_| TokenFault::of(Check::Type, name))
    }

    /// A whole number, written with digits alone.
    pub(super) fn number(&self, name: &'static str) -> Result<u64, TokenFault> {
        let raw = self.raw(name)?;
        if !raw.bytes().all(|b| b.is_ascii_digit()) {
            return Err(TokenFault::of(Check::Type, name));
        }
        raw.parse().map_err(|_| TokenFault::of(Check::Value, name))
    }

    /// Unix seconds.
    pub(super) fn time(&self, name: &'static str) -> Result<i64, TokenFault> {
        i64::try_from(self.number(name)?).map_err(|_| TokenFault::of(Check::Value, name))
    }

    fn raw(&self, name: &'static str) -> Result<&'a str, TokenFault> {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map(|(_, raw)| raw.get()).ok_or(TokenFault::of(Check::Missing, name))
    }
}

/// Collects the members, and says in `fault` why it stopped: serde errors cannot carry it.
struct Members<'f> {
    names: &'static [&'static str],
    fault: &'f mut TokenFault,
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = Vec<(&'static str, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members: Self::Value = Vec::with_capacity(self.names.len());
        while let Some(key) = map.next_key::<String>()? {
            let refused = match self.names.iter().find(|name| **name == key) {
                None => Some(TokenFault::new(Check::Unexpected)),
                Some(name) if members.iter().any(|(known, _)| known == name) => Some(TokenFault::of(Check::Repeated, name)),
                Some(name) => {
                    members.push((name, map.next_value()?));
                    None
                }
            };
            if let Some(refused) = refused {
                *self.fault = refused;
                return Err(serde::de::Error::custom("refused"));
            }
        }
        Ok(members)
    }
}
