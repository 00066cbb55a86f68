//! One text for one JSON value, so that a digest means the value and not its spelling.

use serde_json::Value;

/// Keys in the order of their bytes, no spaces.
pub fn text(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_unstable_by_key(|(name, _)| *name);
            let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{}:{}", quoted(name), text(value))).collect();
            format!("{{{}}}", fields.join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(text).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_order_of_keys_and_spaces_do_not_count() {
        let one: Value = serde_json::from_str(r#"{ "b": [1, {"y":null,"x":"\u0061\n"}], "a": 1.5 }"#).unwrap();
        assert_eq!(text(&one), r#"{"a":1.5,"b":[1,{"x":"a\n","y":null}]}"#);
        assert_eq!(text(&one), text(&json!({"a": 1.5, "b": [1, {"x": "a\n", "y": null}]})));
        assert_ne!(text(&json!([1, 2])), text(&json!([2, 1])));
    }
}
