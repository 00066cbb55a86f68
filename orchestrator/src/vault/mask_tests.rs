//! Every spelling, every place to split.

use super::*;
use serde_json::json;

const VALUE: &str = "hunter2/\"ä+b\" c%d";

fn masker() -> Masker {
    Masker::new([&Secret::new(VALUE)])
}

fn corpus() -> Vec<String> {
    let mut texts = vec![
        VALUE.to_owned(),
        json!(VALUE).to_string(),
        json!(json!({ "d": VALUE }).to_string()).to_string(),
        "hunter2\\/\\\"\\u00e4+b\\\" c%d".to_owned(),
        percent_encoding::utf8_percent_encode(VALUE, NON_ALPHANUMERIC).to_string(),
        percent_encoding::utf8_percent_encode(VALUE, &UNRESERVED).to_string().to_lowercase(),
        percent_encoding::utf8_percent_encode(VALUE, &UNRESERVED).to_string().replace("%20", "+"),
        data_encoding::HEXLOWER.encode(VALUE.as_bytes()),
    ];
    for before in ["", "a", "ab", "abc", "user:"] {
        for after in ["", "x", "xy"] {
            texts.push(STANDARD_NO_PAD.encode(format!("{before}{VALUE}{after}")));
            texts.push(URL_SAFE_NO_PAD.encode(format!("{before}{VALUE}{after}")));
        }
    }
    texts
}

/// Of a masked text there is nothing left that says the value: neither plain nor by decoding what is left of base64.
fn gives_away(masked: &str) -> bool {
    let rest: String = masked.replace(MASK, "").replace('*', "");
    rest.contains("hunter2") || rest.len() > 16
}

#[test]
fn f105_a_value_is_masked_in_every_spelling() {
    for text in corpus() {
        let masked = masker().text(&text);
        assert!(masked.contains(MASK) && !gives_away(&masked), "{text} -> {masked}");
    }
    assert_eq!(masker().text("nothing of it: hunter2 alone"), "nothing of it: hunter2 alone");
}

#[test]
fn f105_a_value_is_masked_wherever_a_stream_is_split() {
    for text in corpus() {
        let text = format!("say {text} twice {text}.");
        let mut whole = text.clone().into_bytes();
        masker().stars(&mut whole);
        for first in 0..=text.len() {
            for second in [first, (first + 1).min(text.len()), (first + 7).min(text.len())] {
                let mut stream = StreamMasker::new(masker());
                let bytes = text.as_bytes();
                let mut out = stream.push(&bytes[..first]);
                out.extend(stream.push(&bytes[first..second]));
                out.extend(stream.push(&bytes[second..]));
                out.extend(stream.end());
                assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(&whole), "split at {first} and {second}");
            }
        }
    }
}

#[test]
fn f105_a_stream_of_single_bytes_shows_as_much_as_it_can() {
    let mut stream = StreamMasker::new(Masker::new([&Secret::new("abcdef"), &Secret::new("cdefgh"), &Secret::new("abcd")]));
    let shown: Vec<Vec<u8>> = b"xabcdefghy".iter().map(|byte| stream.push(&[*byte])).collect();
    assert_eq!(shown[0], b"x", "what begins no value is shown at once");
    let all: Vec<u8> = shown.concat().into_iter().chain(stream.end()).collect();
    assert_eq!(String::from_utf8(all).unwrap(), "x********y", "values that overlap");
}

#[test]
fn json_is_masked_in_texts_keys_and_numbers() {
    let masker = Masker::new([&Secret::new("123456"), &Secret::new("key-of-mine")]);
    let value = json!({ "a": ["x123456y", 123456, 7], "key-of-mine": null });
    assert_eq!(masker.json(value), json!({ "a": ["x[secret]y", MASK, 7], MASK: null }));
}

#[test]
fn short_values_are_left_alone_and_lines_are_masked_by_themselves() {
    assert!(Masker::new([&Secret::new("abc")]).is_empty());
    let pem = Secret::new("-----BEGIN-----\nline-one-of-it\nx\n");
    let masker = Masker::new([&pem]);
    assert_eq!(masker.text("got line-one-of-it and x"), format!("got {MASK} and x"));
    assert_eq!(Masker::new([&Secret::new("token-value\n")]).text("a token-value b"), format!("a {MASK} b"));
}
