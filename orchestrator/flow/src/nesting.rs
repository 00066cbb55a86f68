//! How deeply a source nests its brackets, found without parsing it: the parser recurses on the native stack, and a
//! source of a few thousand brackets would end the process.

use crate::limits::BRACKET_NESTING;

/// Where a source first opens more brackets than [`BRACKET_NESTING`]: byte offset of that bracket.
///
/// Brackets in strings and comments do not count. A string that is never closed ends at its line's end (the parser
/// will say so), which can only make the count larger.
#[must_use]
pub fn too_deep(source: &str) -> Option<usize> {
    let bytes = source.as_bytes();
    let (mut at, mut depth) = (0, 0_usize);
    while at < bytes.len() {
        match bytes[at] {
            b'(' | b'[' | b'{' => {
                depth += 1;
                if depth > BRACKET_NESTING {
                    return Some(at);
                }
            }
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b'#' => at = line_end(bytes, at),
            quote @ (b'"' | b'\'') => at = string_end(bytes, at, quote),
            _ => {}
        }
        at += 1;
    }
    None
}

fn line_end(bytes: &[u8], from: usize) -> usize {
    bytes[from..].iter().position(|b| *b == b'\n').map_or(bytes.len(), |n| from + n)
}

/// Offset of the last byte of the string that starts at `from`.
fn string_end(bytes: &[u8], from: usize, quote: u8) -> usize {
    let triple = bytes[from..].starts_with(&[quote; 3]);
    let mut at = from + if triple { 3 } else { 1 };
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            b'\n' if !triple => return at,
            b if b == quote && !triple => return at,
            b if b == quote && bytes[at..].starts_with(&[quote; 3]) => return at + 2,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_open_brackets_only() {
        let deep = "x = ".to_owned() + &"[".repeat(BRACKET_NESTING);
        assert_eq!(too_deep(&deep), None);
        assert_eq!(too_deep(&(deep.clone() + "(")), Some(deep.len()));
        assert_eq!(too_deep(&"[]".repeat(1_000)), None);
    }

    #[test]
    fn strings_and_comments_do_not_count() {
        let many = "[".repeat(100);
        for quiet in [format!("# {many}"), format!("x = \"{many}\""), format!("'''\n{many}\n'''"), format!("'\\'{many}'")] {
            assert_eq!(too_deep(&quiet), None, "{quiet}");
        }
        assert!(too_deep(&format!("'open\n{many}")).is_some(), "a string without an end hides only its line");
        assert!(too_deep(&format!("'''a''' + {many}")).is_some());
        assert!(too_deep(&format!("'' + {many}")).is_some());
    }
}
