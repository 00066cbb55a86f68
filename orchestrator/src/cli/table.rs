//! Tables and lists of fields for people. Every cell is one clean line.

use super::clean;
use comfy_table::{Table, presets};
use serde_json::Value;

/// A table from rows of an array: for each column its heading and how a row shows it.
#[must_use]
pub fn of(rows: &Value, columns: &[(&str, &str)]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(columns.iter().map(|(heading, _)| *heading));
    let rows = rows.as_array().map(Vec::as_slice).unwrap_or_default();
    for row in rows {
        table.add_row(columns.iter().map(|(_, path)| cell(row, path)));
    }
    if rows.is_empty() { "none\n".to_owned() } else { format!("{}\n", table.trim_fmt()) }
}

/// Lines of `name  value` from an object; what is null is left out.
#[must_use]
pub fn fields(of: &Value, fields: &[(&str, &str)]) -> String {
    let shown: Vec<(&str, String)> =
        fields.iter().map(|(name, path)| (*name, cell(of, path))).filter(|(_, text)| !text.is_empty()).collect();
    let width = shown.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    shown.into_iter().map(|(name, text)| format!("{name:width$}  {text}\n")).collect()
}

/// A value at a path of keys, in one line. A path with `|` names alternatives.
#[must_use]
pub fn cell(row: &Value, path: &str) -> String {
    path.split('|').map(|path| plain(path.split('.').fold(row, |at, key| &at[key]))).find(|text| !text.is_empty()).unwrap_or_default()
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::String(text) => clean::line(text),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => clean::line(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn f118_a_cell_cannot_fake_a_row() {
        let text = of(&json!([{"name": "a\nb\u{1b}[2J", "up": true}]), &[("NAME", "name"), ("UP", "up")]);
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.contains("a b"), "{text}");
        assert!(!text.contains('\u{1b}'));
    }
}
