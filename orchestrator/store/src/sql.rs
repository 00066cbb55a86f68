//! Named statements of the files under `sql/`, found at compile time: a name that is not there does not compile.
//!
//! A file is named after its table. A statement starts after a line `-- name: NAME` and ends before the next such line.

/// What a statement starts with.
const MARK: &str = "-- name: ";

/// The statement of this name in the text of a file.
///
/// # Panics
/// Where there is none; called in a `const`, that is an error of the compiler.
pub(crate) const fn statement(file: &'static str, name: &str) -> &'static str {
    let mut at = 0;
    while let Some(mark) = find(file, MARK, at) {
        let start = mark + MARK.len();
        if starts_with(file, name, start) && file.as_bytes()[start + name.len()] == b'\n' {
            let body = start + name.len() + 1;
            let end = match find(file, MARK, body) {
                Some(next) => next,
                None => file.len(),
            };
            return file.split_at(end).0.split_at(body).1;
        }
        at = start;
    }
    panic!("no statement of this name in the file");
}

/// Where `what` next starts, from `at`.
const fn find(text: &str, what: &str, mut at: usize) -> Option<usize> {
    while at + what.len() <= text.len() {
        if starts_with(text, what, at) {
            return Some(at);
        }
        at += 1;
    }
    None
}

/// Whether `what` stands at `at`.
const fn starts_with(text: &str, what: &str, at: usize) -> bool {
    let (text, what) = (text.as_bytes(), what.as_bytes());
    if at + what.len() > text.len() {
        return false;
    }
    let mut i = 0;
    while i < what.len() {
        if text[at + i] != what[i] {
            return false;
        }
        i += 1;
    }
    true
}

/// The statement `name` of `sql/sqlite/<table>.sql`.
macro_rules! sqlite {
    ($table:literal, $name:literal) => {{
        const STATEMENT: &str =
            $crate::sql::statement(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/sqlite/", $table, ".sql")), $name);
        STATEMENT
    }};
}
pub(crate) use sqlite;

#[cfg(test)]
mod tests {
    use super::statement;

    const FILE: &str = "-- header\n-- name: get\nSELECT 1;\n-- name: get_all\n-- why\nSELECT 2;\n";

    #[test]
    fn a_statement_ends_where_the_next_begins() {
        assert_eq!(statement(FILE, "get"), "SELECT 1;\n");
        assert_eq!(statement(FILE, "get_all"), "-- why\nSELECT 2;\n");
    }
}
