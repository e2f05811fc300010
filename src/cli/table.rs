//! Tables for people: lists as aligned columns, single things as aligned fields.

use std::fmt::{Display, Write};

use serde_json::Value;

/// A column: its heading, and the cell that an item has in it.
pub(super) type Column<T> = (&'static str, fn(&T) -> String);

/// The items as rows under headings, columns aligned, or a word that there are none.
pub(super) fn rows<T>(items: &[T], columns: &[Column<T>]) -> String {
    if items.is_empty() {
        return "none".to_owned();
    }
    let headings = columns.iter().map(|(heading, _)| (*heading).to_owned()).collect();
    let values = items.iter().map(|item| columns.iter().map(|(_, cell)| cell(item)).collect());
    aligned(&std::iter::once(headings).chain(values).collect::<Vec<_>>())
}

/// The cell of a value.
pub(super) fn cell(value: &impl Display) -> String {
    printable(&value.to_string())
}

/// The cell of a value that there may be none of.
pub(super) fn optional(value: Option<&impl Display>) -> String {
    value.map_or_else(dash, cell)
}

/// The cell of several values.
pub(super) fn several<T: Display>(values: &[T]) -> String {
    if values.is_empty() {
        return dash();
    }
    values.iter().map(cell).collect::<Vec<_>>().join(", ")
}

/// The cell of something that is so or not.
pub(super) fn yes_or_no(is_so: bool) -> String {
    if is_so { "yes".to_owned() } else { "no".to_owned() }
}

/// The fields of one thing, one a line, nested ones by their path.
pub(super) fn fields(value: &Value) -> String {
    let mut lines = Vec::new();
    flatten("", value, &mut lines);
    aligned(&lines)
}

/// Lines of cells, each column as wide as its widest cell.
pub(super) fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        if number > 0 {
            text.push('\n');
        }
        let mut row = String::new();
        for (cell, width) in line.iter().zip(&widths) {
            let _ = write!(row, "{cell:width$}  ");
        }
        text.push_str(row.trim_end());
    }
    text
}

fn flatten(path: &str, value: &Value, lines: &mut Vec<Vec<String>>) {
    let below =
        |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, field) in fields {
                flatten(&below(name), field, lines);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for (number, item) in items.iter().enumerate() {
                flatten(&below(&(number + 1).to_string()), item, lines);
            }
        }
        _ => lines.push(vec![path.to_owned(), text(value)]),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => dash(),
        Value::String(text) => printable(text),
        Value::Array(items) if items.is_empty() => dash(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        Value::Object(fields) if fields.is_empty() => dash(),
        Value::Bool(is_so) => yes_or_no(*is_so),
        Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

/// A text less its control characters: what a stranger sent shall not steer the terminal.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn dash() -> String {
    "-".to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let items = [("a", Some(12), false), ("long-id", None, true)];
        let columns: [Column<(&str, Option<u8>, bool)>; 3] = [
            ("ID", |item| cell(&item.0)),
            ("X", |item| optional(item.1.as_ref())),
            ("ON", |item| yes_or_no(item.2)),
        ];
        let table = rows(&items, &columns);
        assert_eq!(table, "ID       X   ON\na        12  no\nlong-id  -   yes");
    }

    #[test]
    fn an_empty_list_says_so() {
        assert_eq!(rows::<u8>(&[], &[("ID", cell)]), "none");
        assert_eq!(several::<u8>(&[]), "-");
    }

    #[test]
    fn fields_of_nested_things_carry_their_path() {
        let value = json!({"id": "x", "attempts": [{"status": 200}, {"error": "dns"}], "lost": []});
        assert_eq!(
            fields(&value),
            "id                 x\nattempts.1.status  200\nattempts.2.error   dns\nlost               -"
        );
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(text(&json!("a\u{1b}[2Jb")), "a\u{fffd}[2Jb");
        assert_eq!(cell(&"a\u{1b}[2Jb"), "a\u{fffd}[2Jb");
    }
}
