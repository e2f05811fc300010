//! Server answers for people: lists as aligned columns, single things as aligned fields.

use std::fmt::Write;

use serde_json::Value;

/// A column: its heading, and where in each item its value stands, as a JSON pointer.
pub(super) type Column = (&'static str, &'static str);

/// The items as rows under headings, columns aligned, or a word that there are none.
pub(super) fn rows(items: &[Value], columns: &[Column]) -> String {
    if items.is_empty() {
        return "none".to_owned();
    }
    let headings = columns.iter().map(|(heading, _)| (*heading).to_owned()).collect();
    let values = items.iter().map(|item| {
        columns.iter().map(|(_, place)| item.pointer(place).map_or_else(dash, text)).collect()
    });
    aligned(&std::iter::once(headings).chain(values).collect::<Vec<_>>())
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
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

/// A text without control characters: what a stranger sent shall not steer the terminal.
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
        let items = [json!({"id": "a", "n": {"x": 12}}), json!({"id": "long-id", "on": true})];
        let table = rows(&items, &[("ID", "/id"), ("X", "/n/x"), ("ON", "/on")]);
        assert_eq!(table, "ID       X   ON\na        12  -\nlong-id  -   yes");
    }

    #[test]
    fn an_empty_list_says_so() {
        assert_eq!(rows(&[], &[("ID", "/id")]), "none");
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
    }
}
