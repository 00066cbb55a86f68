//! Remote text made fit for a terminal: no escapes, no control and no bidirectional characters (F118).
//!
//! Everything that the program prints for people goes through [`text`] at the one place that prints
//! ([`super::output`]); what stands in one line (a cell, a name) goes through [`line`] before, so that it cannot fake another line.

/// Characters that act on a terminal, or on the order of what is read, without being seen.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// Text of several lines: escape sequences are taken out whole, other hidden characters one by one; `\n` and `\t` stay.
#[must_use]
pub fn text(remote: &str) -> String {
    let mut out = String::with_capacity(remote.len());
    let mut rest = remote.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\n' | '\t' => out.push(c),
            '\u{1b}' => skip_escape(&mut rest),
            '\u{9b}' => skip_csi(&mut rest),
            '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}' => skip_string(&mut rest),
            c if is_hidden(c) => {}
            c => out.push(c),
        }
    }
    out
}

/// Text of one line: as [`text`], and every line break and tab is a space.
#[must_use]
pub fn line(remote: &str) -> String {
    text(remote).chars().map(|c| if c == '\n' || c == '\t' { ' ' } else { c }).collect()
}

/// JSON text that acts on no terminal: hidden characters as `\uXXXX`, which reads back as the same value.
#[must_use]
pub fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c != '\n' && is_hidden(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(c);
        }
    }
    out
}

type Rest<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// What follows ESC.
fn skip_escape(rest: &mut Rest<'_>) {
    match rest.peek() {
        Some('[') => {
            rest.next();
            skip_csi(rest);
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            rest.next();
            skip_string(rest);
        }
        Some(' '..='/') => {
            while rest.next_if(|c| (' '..='/').contains(c)).is_some() {}
            rest.next_if(|c| ('0'..='~').contains(c));
        }
        Some('0'..='~') => drop(rest.next()),
        _ => {}
    }
}

/// Parameters, intermediates, one final character. What is none of these ends it and is looked at again.
fn skip_csi(rest: &mut Rest<'_>) {
    while rest.next_if(|c| (' '..='?').contains(c)).is_some() {}
    rest.next_if(|c| ('@'..='~').contains(c));
}

/// Up to BEL or ST. One without an end is cut at the end of its line, so that it cannot hide what follows.
fn skip_string(rest: &mut Rest<'_>) {
    while let Some(c) = rest.next_if(|c| *c != '\n') {
        match c {
            '\u{7}' | '\u{9c}' => return,
            '\u{1b}' => {
                rest.next_if_eq(&'\\');
                return;
            }
            _ => {}
        }
    }
}

/// Bytes of a remote stream as text, piece by piece: a character that is cut in two waits for its second half.
#[derive(Default)]
pub struct Utf8Pieces(Vec<u8>);

impl Utf8Pieces {
    /// What can be read by now; bytes that are no UTF-8 become U+FFFD.
    pub fn push(&mut self, bytes: &[u8]) -> String {
        self.0.extend_from_slice(bytes);
        let whole = match std::str::from_utf8(&self.0) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => self.0.len(),
        };
        // An invalid byte earlier hides a cut character at the end; at most three bytes can be one.
        let whole = if whole == self.0.len() { whole - cut_tail(&self.0) } else { whole };
        let rest = self.0.split_off(whole);
        let text = String::from_utf8_lossy(&self.0).into_owned();
        self.0 = rest;
        text
    }

    /// What is left at the end of the stream.
    pub fn end(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.0)).into_owned()
    }
}

/// Bytes at the end that start a character and do not finish it.
fn cut_tail(bytes: &[u8]) -> usize {
    (1..=3.min(bytes.len()))
        .find(|back| {
            let tail = &bytes[bytes.len() - back..];
            tail[0] >= 0xc2 && matches!(std::str::from_utf8(tail), Err(error) if error.error_len().is_none() && error.valid_up_to() == 0)
        })
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_safe(text: &str) -> bool {
        text.chars().all(|c| c == '\n' || c == '\t' || !is_hidden(c))
    }

    #[test]
    fn f118_escapes_in_remote_text_do_not_reach_the_terminal() {
        for (remote, shown) in [
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("\u{1b}]0;title\u{7}after", "after"),
            ("\u{1b}]8;;https://evil.example\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{1b}]52;c;cm0gLXJm\u{7}x", "x"),
            ("\u{1b}Pq#0\u{1b}\\x", "x"),
            ("\u{9b}2Jx\u{9d}0;t\u{9c}y", "xy"),
            ("ok\rFAKE", "okFAKE"),
            ("a\u{8}\u{8}b\u{7f}", "ab"),
            ("user\u{202e}txt.exe\u{2066}", "usertxt.exe"),
            ("\u{1b}]0;never ends\nnext line", "\nnext line"),
            ("\u{1b}", ""),
            ("\u{1b}[", ""),
            ("\u{1b}[12;\u{1b}[31mx", "x"),
            ("\u{1b}(Bx\u{1b}cy\u{1b}7z", "xyz"),
            ("tab\tline\nåäö 漢字 🙂", "tab\tline\nåäö 漢字 🙂"),
        ] {
            assert_eq!(text(remote), shown, "{remote:?}");
        }
        for c in (0..0x2100).chain(0xe0000..0xe0080).filter_map(char::from_u32) {
            for remote in [format!("{c}"), format!("\u{1b}{c}[31m"), format!("x{c}\u{1b}]{c}")] {
                assert!(is_safe(&text(&remote)), "{remote:?}");
                assert!(!line(&remote).contains(['\n', '\t']));
            }
        }
    }

    #[test]
    fn json_stays_the_same_value_and_is_safe_to_print() {
        let value = serde_json::json!({"host": "a\u{9b}2J\u{202e}b\u{7f}\u{e0041}\n🙂"});
        let printed = json(&value.to_string());
        assert!(is_safe(&printed));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&printed).unwrap(), value);
    }

    #[test]
    fn characters_cut_in_two_come_out_whole() {
        let text = "aé漢🙂z\u{fffd}";
        for at in 0..=text.len() {
            let mut pieces = Utf8Pieces::default();
            let mut out = pieces.push(&text.as_bytes()[..at]);
            out += &pieces.push(&text.as_bytes()[at..]);
            out += &pieces.end();
            assert_eq!(out, text, "cut at {at}");
        }
        let mut pieces = Utf8Pieces::default();
        assert_eq!(pieces.push(b"\xff\xe6\xbc") + &pieces.push(b"\xa2") + &pieces.end(), "\u{fffd}漢");
        assert_eq!(pieces.push(b"\xe6\xbc") + &pieces.end(), "\u{fffd}");
    }
}
