//! Which flows name a secret or a connection: read from their sources, without evaluating anything.

use std::collections::{BTreeMap, BTreeSet};

/// Names by the function that they are given to, `secret("name")` and `connection("name")`, over the files of a bundle.
#[must_use]
pub fn of_bundle(files: &BTreeMap<String, String>) -> BTreeMap<&'static str, BTreeSet<String>> {
    let mut found: BTreeMap<&'static str, BTreeSet<String>> = BTreeMap::new();
    for source in files.values() {
        let tokens = tokens(source);
        for window in tokens.windows(3) {
            let [Token::Word(word), Token::Sign('('), Token::Text(name)] = window else { continue };
            if let Some(function) = ["secret", "connection"].into_iter().find(|function| function == word) {
                found.entry(function).or_default().insert(name.clone());
            }
        }
    }
    found
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Sign(char),
}

/// Words, texts and signs; comments and white space are left out. Texts keep their escapes: names have none.
fn tokens(source: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let end = match first {
            '#' => rest.find('\n').unwrap_or(rest.len()),
            '"' | '\'' => {
                let (text, end) = quoted(rest, first);
                tokens.push(Token::Text(text.to_owned()));
                end
            }
            c if c.is_alphanumeric() || c == '_' => {
                let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
                tokens.push(Token::Word(rest[..end].to_owned()));
                end
            }
            c => {
                if !c.is_whitespace() {
                    tokens.push(Token::Sign(c));
                }
                c.len_utf8()
            }
        };
        rest = &rest[end..];
    }
    tokens
}

/// What stands between quotes, single or triple, and where it ends.
fn quoted(rest: &str, quote: char) -> (&str, usize) {
    let triple = quote.to_string().repeat(3);
    let mark = if rest.starts_with(&triple) { triple } else { quote.to_string() };
    let body = &rest[mark.len()..];
    let mut escaped = false;
    for (at, c) in body.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if body[at..].starts_with(&mark) => return (&body[..at], mark.len() + at + mark.len()),
            _ => {}
        }
    }
    (body, rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_where_they_are_used_and_not_where_they_are_spoken_of() {
        let source = r#"
# secret("in a comment")
text = "secret(\"in a text\")"
more = """ secret("in a long text") """
job("x", env = {"A": secret("deploy-key"), "B": secret ( 'other' )})
to = connection("ops")
secrets("no")
"#;
        let found = of_bundle(&BTreeMap::from([("flow.star".to_owned(), source.to_owned())]));
        assert_eq!(found["secret"], BTreeSet::from(["deploy-key".to_owned(), "other".to_owned()]));
        assert_eq!(found["connection"], BTreeSet::from(["ops".to_owned()]));
        assert!(of_bundle(&BTreeMap::from([("x".to_owned(), "secret(\"open".to_owned())]))["secret"].contains("open"), "ends somewhere");
    }
}
