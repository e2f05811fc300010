//! README against the program: what it says of the configuration is what `--help` says.

use super::run;

const HEAD: &str = "| flag | environment | default | meaning |\n|---|---|---|---|\n";

#[test]
fn the_configuration_table_equals_the_help_of_serve() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(path).unwrap();
    let (before, rest) = readme.split_once(HEAD).unwrap();
    let (table, after) = rest.split_once("\n\n").unwrap();
    let expected = rows(&run(&["serve", "--help"]).out);
    assert!(expected.len() >= 10, "{expected:?}");
    let expected = expected.join("\n");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, format!("{before}{HEAD}{expected}\n\n{after}")).unwrap();
    } else {
        assert_eq!(table, expected, "run the tests with UPDATE=1 and review the difference");
    }
}

/// A row for each option in the text of a `--help`.
fn rows(help: &str) -> Vec<String> {
    let options = help.split_once("Options:").unwrap().1.split_once("-h, --help").unwrap().0;
    let words = options.split_whitespace().collect::<Vec<_>>().join(" ");
    words.split("--").skip(1).map(row).collect()
}

/// `listen <ADDR> Address to … [env: WAYPOST_LISTEN=] [default: …]` as a row.
fn row(option: &str) -> String {
    let (told, rest) = option.split_once(" [env: ").unwrap_or_else(|| panic!("{option:?}"));
    let environment = rest.split(['=', ']']).next().unwrap();
    let default = rest.split_once("[default: ").map_or("", |(_, rest)| rest.trim_end());
    let default = default.strip_suffix(']').unwrap_or_default();
    // A value stands in angle brackets; a switch has none.
    let (flag, meaning) = match told.split_once("> ") {
        Some((flag, meaning)) => (format!("{flag}>"), meaning),
        None => told.split_once(' ').map(|(flag, meaning)| (flag.to_owned(), meaning)).unwrap(),
    };
    let default = if default.is_empty() { String::new() } else { format!("`{default}`") };
    format!("| `--{flag}` | `{environment}` | {default} | {meaning} |")
}
