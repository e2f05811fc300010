//! The table of routes: the whole outside surface on one page, `fixtures/tables/routes.md`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use waypost::http::listed_routes;

#[test]
fn the_page_of_routes_is_as_the_table_has_it() {
    let mut page =
        "# Routes\n\nWritten by a test from the table in `src/http`. `{name}` stands for a \
                    part of a path, `{a|b}` for one of these words,\n`{...}` for all that is left, \
                    `ANY` for every method that the path's other rows do not have.\n\n\
                    | method | path | credential | API |\n|---|---|---|---|\n"
            .to_owned();
    for row in listed_routes() {
        let path = row.path.replace('|', "\\|");
        writeln!(page, "| {} | `{path}` | {} | {} |", row.method, row.credential, row.api).unwrap();
    }
    check_golden(&page);
}

/// Compares with the file, or rewrites it when `UPDATE=1`.
fn check_golden(page: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tables/routes.md");
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        return fs::write(path, page).unwrap();
    }
    let on_file = fs::read_to_string(&path).unwrap_or_default();
    assert!(on_file == page, "{} is out of date; look at what UPDATE=1 changes", path.display());
}
