//! One Markdown table.

/// A line of the table.
#[derive(Clone, Debug)]
pub struct Row {
    /// What was measured.
    pub what: String,
    /// What came out.
    pub figure: String,
    /// What it is to be compared with, measured in the same run.
    pub beside: String,
    /// What was aimed at.
    pub aim: &'static str,
}

impl Row {
    /// A line.
    #[must_use]
    pub fn new(what: impl Into<String>, figure: impl Into<String>, beside: impl Into<String>, aim: &'static str) -> Self {
        Self { what: what.into(), figure: figure.into(), beside: beside.into(), aim }
    }
}

/// The table.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    let head = "| what | figure: median (least-most) | beside, same run | aim |\n| --- | --- | --- | --- |".to_owned();
    let lines = rows.iter().map(|Row { what, figure, beside, aim }| format!("| {what} | {figure} | {beside} | {aim} |"));
    std::iter::once(head).chain(lines).collect::<Vec<_>>().join("\n")
}
