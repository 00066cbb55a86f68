//! The binary form of a key revocation list, by OpenSSH's PROTOCOL.krl. What is not understood makes the whole list unusable:
//! it may be the very thing that revokes.

use super::{RevocationList, RevokedCertificates};
use std::ops::RangeInclusive;

/// What every list begins with.
pub(super) const MAGIC: &[u8] = b"SSHKRL\n\0";
const VERSION: u32 = 1;
/// Serial numbers that one bitmap may cover: what fits into [`REVOKED_KEYS_BYTES`](crate::limits::REVOKED_KEYS_BYTES).
const BITMAP_BITS: u64 = crate::limits::REVOKED_KEYS_BYTES * 8;

type Parsed<T> = Result<T, &'static str>;

/// Read a list.
pub(super) fn parse(bytes: &[u8]) -> Parsed<RevocationList> {
    let mut input = Input(bytes.strip_prefix(MAGIC).ok_or("it does not begin as one")?);
    if input.u32()? != VERSION {
        return Err("its version is not 1");
    }
    let (_number, _made, _flags) = (input.u64()?, input.u64()?, input.u64()?);
    let (_reserved, _comment) = (input.string()?, input.string()?);
    let mut list = RevocationList::default();
    while !input.is_empty() {
        let (kind, section) = (input.u8()?, input.string()?);
        let mut section = Input(section);
        match kind {
            1 => list.certificates.push(certificates(&mut section)?),
            2 => list.keys.extend(section.strings()?),
            3 => list.sha1.extend(section.strings()?),
            // A signature; the authority's key was the section, its signature follows. Nothing but signatures comes after it.
            4 => drop(input.string()?),
            5 => list.sha256.extend(section.strings()?),
            255 => extension(&mut section)?,
            _ => return Err("a section of an unknown kind"),
        }
    }
    Ok(list)
}

fn certificates(section: &mut Input<'_>) -> Parsed<RevokedCertificates> {
    let (authority, _reserved) = (section.string()?.to_vec(), section.string()?);
    let mut revoked = RevokedCertificates { authority: (!authority.is_empty()).then_some(authority), ..RevokedCertificates::default() };
    while !section.is_empty() {
        let (kind, part) = (section.u8()?, section.string()?);
        let mut part = Input(part);
        match kind {
            0x20 => {
                while !part.is_empty() {
                    let serial = part.u64()?;
                    revoked.serials.push(serial..=serial);
                }
            }
            0x21 => revoked.serials.push(part.u64()?..=part.u64()?),
            0x22 => revoked.serials.extend(bitmap(part.u64()?, part.string()?)?),
            0x23 => revoked.key_ids.extend(part.strings()?),
            0x39 => extension(&mut part)?,
            _ => return Err("certificates revoked in an unknown way"),
        }
    }
    Ok(revoked)
}

/// Serial numbers of the bits that are set, the last bit being the first number.
fn bitmap(offset: u64, bits: &[u8]) -> Parsed<Vec<RangeInclusive<u64>>> {
    let mut ranges: Vec<RangeInclusive<u64>> = Vec::new();
    for at in 0..(bits.len() as u64 * 8).min(BITMAP_BITS) {
        let byte = bits[bits.len() - 1 - (at / 8) as usize];
        if byte >> (at % 8) & 1 == 0 {
            continue;
        }
        let serial = offset.checked_add(at).ok_or("serial numbers past their end")?;
        match ranges.last_mut() {
            Some(last) if last.end() + 1 == serial => *last = *last.start()..=serial,
            _ => ranges.push(serial..=serial),
        }
    }
    Ok(ranges)
}

/// Passed over unless it is critical.
fn extension(section: &mut Input<'_>) -> Parsed<()> {
    let (_name, critical, _content) = (section.string()?, section.u8()?, section.string()?);
    if critical == 0 { Ok(()) } else { Err("a critical extension that is not understood") }
}

/// What is left to read, in the encoding of RFC 4251, section 5.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn take(&mut self, bytes: usize) -> Parsed<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(bytes).ok_or("it is cut short")?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Parsed<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| "it is cut short")
    }

    fn u8(&mut self) -> Parsed<u8> {
        self.array().map(u8::from_be_bytes)
    }

    fn u32(&mut self) -> Parsed<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Parsed<u64> {
        self.array().map(u64::from_be_bytes)
    }

    fn string(&mut self) -> Parsed<&'a [u8]> {
        let length = self.u32()?;
        self.take(length as usize)
    }

    /// All the strings that are left.
    fn strings(&mut self) -> Parsed<Vec<Vec<u8>>> {
        let mut found = Vec::new();
        while !self.is_empty() {
            found.push(self.string()?.to_vec());
        }
        Ok(found)
    }
}
