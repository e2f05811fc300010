//! Rules of the repository that no lint knows: layers, homes of crates, sizes, the pure crate,
//! words.

use std::fs;
use std::path::{Path, PathBuf};

use waypost_compat::{Dialect, Provider};

/// The service's modules, lowest first: a module names only those before it (`src/lib.rs`).
const LAYERS: [&str; 15] = [
    "behaviour",
    "model",
    "api",
    "clock",
    "config",
    "retry",
    "metrics",
    "renderings",
    "store",
    "client",
    "ingest",
    "worker",
    "migrate",
    "http",
    "cli",
];

/// Pairs that the order allows and the design does not: a request causes a delivery only through
/// a durable record.
const STRANGERS: [(&str, &str); 2] = [("http", "worker"), ("http", "client")];

/// Crates with one home, and where that is.
const HOMES: [(&str, &[&str]); 2] =
    [("sled", &["src/store/embedded/engine/db.rs"]), ("warp", &["src/http/", "src/cli/serve"])];

/// The crates the mapping layer may use: none of them does I/O. What `jiff` could tell of the time
/// is forbidden by `clippy.toml`.
const PURE: [&str; 8] =
    ["base64", "hmac", "jiff", "serde", "serde_json", "sha2", "subtle", "thiserror"];

/// Lines a file may have without its inline tests, and the tables that may have more.
const LINES_MAX: usize = 500;
const TABLES: [&str; 0] = [];

/// Openings of a doc block that say nothing in an index or a hover, and the share of blocks that
/// may have one: the help texts of flags speak to people, and some of them ask.
const OPENINGS: &str = "it its what who whom whose which when where why how whether that this \
                        these those they their them he she we you whoever whatever";
const OPENINGS_MAX_PERCENT: usize = 8;

#[test]
fn a_module_names_only_modules_below_it() {
    let rank = |module: &str| LAYERS.iter().position(|layer| *layer == module);
    let mut breaches = Vec::new();
    for file in sources(&["src"]) {
        let own = file.path.trim_start_matches("src/");
        let own = own.split(['/', '.']).next().expect("a path has a first part");
        if own == "main" || own == "lib" {
            continue;
        }
        let Some(own_rank) = rank(own) else {
            breaches.push(format!("{}: `{own}` is no layer; give it a place in LAYERS", file.path));
            continue;
        };
        for named in crate_modules(&file.code()) {
            let above = rank(&named).is_some_and(|named_rank| named_rank > own_rank);
            if above || STRANGERS.contains(&(own, named.as_str())) {
                breaches.push(format!("{}: `{own}` must not name `{named}`", file.path));
            }
        }
    }
    assert_none(&breaches);
}

#[test]
fn every_file_says_first_what_it_is_for() {
    let silent = |file: &Source| !file.text.starts_with("//! ");
    assert_none(&paths(&["src", "compat/src", "tests", "benches"], silent));
}

#[test]
fn a_file_ends_before_its_reader_tires() {
    let long = |file: &Source| {
        file.without_tests().lines().count() > LINES_MAX && !TABLES.contains(&file.path.as_str())
    };
    assert_none(&paths(&["src", "compat/src", "tests", "benches"], long));
}

#[test]
fn a_crate_with_a_home_stays_there() {
    let mut breaches = Vec::new();
    for (name, homes) in HOMES {
        let at_home = |file: &Source| homes.iter().any(|home| file.path.starts_with(home));
        let names = |file: &Source| mentions(&file.code(), &format!("{name}::"));
        breaches.extend(paths(&["src"], |file| names(file) && !at_home(file)));
    }
    let users = paths(&["src"], |file| mentions(&file.code(), "sled::"));
    if users.len() > 1 {
        breaches.push(format!("sled is named in more than one file: {}", users.join(", ")));
    }
    assert_none(&breaches);
}

/// A request is answered once its events are durable; deliveries are the worker's alone.
#[test]
fn a_request_claims_and_settles_nothing() {
    let mut breaches = Vec::new();
    for word in ["Queue", "store::queue", "claim(", "settle("] {
        let named = paths(&["src/http", "src/ingest"], |file| has_word(&file.code(), word));
        breaches.extend(named.into_iter().map(|path| format!("{path}: `{word}`")));
    }
    assert_none(&breaches);
}

/// A shape that is fixed is a type, so that the documentation and the client can have it too.
#[test]
fn an_answer_is_a_type() {
    assert_none(&paths(&["src/http"], |file| has_word(&file.code(), "json!")));
}

#[test]
fn documentation_begins_with_the_thing() {
    let (mut blocks, mut breaches) = (0, Vec::new());
    for file in sources(&["src", "compat/src"]) {
        let mut inside = false;
        for (number, line) in (1..).zip(file.text.lines()) {
            let doc = line.trim_start();
            let doc = doc.strip_prefix("///").or_else(|| doc.strip_prefix("//!"));
            if let Some(doc) = doc.filter(|_| !inside) {
                blocks += 1;
                if OPENINGS.split_whitespace().any(|opening| opening == first_word(doc)) {
                    breaches.push(format!("{}:{number}: {}", file.path, line.trim_start()));
                }
            }
            inside = doc.is_some();
        }
    }
    assert!(blocks > 1000, "only {blocks} blocks were found");
    let bearable = breaches.len() * 100 <= blocks * OPENINGS_MAX_PERCENT;
    assert!(bearable, "{} of {blocks} blocks:\n{}", breaches.len(), breaches.join("\n"));
}

#[test]
fn the_mapping_layer_can_do_no_io() {
    let manifest: toml::Table =
        fs::read_to_string(root().join("compat/Cargo.toml")).unwrap().parse().unwrap();
    let dependencies = manifest["dependencies"].as_table().unwrap();
    let mut breaches: Vec<String> =
        dependencies.keys().filter(|name| !PURE.contains(&name.as_str())).cloned().collect();
    for outside in ["std::fs", "std::net", "std::env", "std::process", "std::thread", "std::io"] {
        breaches.extend(paths(&["compat/src"], |file| mentions(&file.code(), outside)));
    }
    assert_none(&breaches);
}

/// Tells whoever adds a dialect what is missing, where the compiler cannot tell
/// (`src/http/row_webhooks/mod.rs`).
#[test]
fn every_dialect_has_its_transcripts_and_its_place_in_the_readme() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let mut missing = Vec::new();
    for dialect in Dialect::ALL {
        let transcripts = root().join("fixtures/api").join(dialect.to_string());
        if files(&transcripts).is_empty() {
            missing.push(format!("{dialect}: a transcript in fixtures/api/{dialect}/"));
        }
        let test = format!("every_{dialect}_transcript_is_answered_as_written");
        let tests = fs::read_to_string(root().join("tests/it/transcripts.rs")).unwrap();
        if !tests.contains(&test) {
            missing.push(format!("{dialect}: the test {test} in tests/it/transcripts.rs"));
        }
        let key = format!("waypost key add {dialect}");
        if dialect != Dialect::Mailgun && !readme.contains(&key) {
            missing.push(format!("{dialect}: a row with `{key}` in README.md"));
        }
        let columns = readme.lines().find(|line| line.starts_with("| Mailgun webhook |"));
        let column = |line: &str| line.to_lowercase().contains(&format!("| {dialect} |"));
        if !columns.is_some_and(column) {
            missing.push(format!("{dialect}: a column in README.md's table of events"));
        }
    }
    assert_none(&missing);
}

/// The list of what a new provider still lacks, where the compiler cannot tell.
#[test]
fn every_provider_has_its_events_and_its_place_in_the_readme() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap().to_lowercase();
    let word = |c: char| !c.is_alphanumeric();
    let mut missing = Vec::new();
    for provider in Provider::ALL {
        for kind in provider.kinds() {
            let event = format!("fixtures/events/{kind}/{provider}.json");
            if !root().join(&event).exists() {
                missing.push(format!("{provider}: an event in {event}"));
            }
        }
        if !readme.split(word).any(|word| word == provider.as_str()) {
            missing.push(format!("{provider}: a mention in README.md"));
        }
    }
    assert_none(&missing);
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect()
}

struct Source {
    /// Relative to the repository.
    path: String,
    text: String,
}

impl Source {
    /// The text without inline tests; none of a file that is nothing else.
    fn without_tests(&self) -> &str {
        if self.path.ends_with("/tests.rs") {
            return "";
        }
        self.text.split("#[cfg(test)]\nmod tests {").next().expect("there is a first part")
    }

    /// The part that the compiler sees outside tests: documentation may link wherever it likes.
    fn code(&self) -> String {
        let code = |line: &&str| !line.trim_start().starts_with("//");
        self.without_tests().lines().filter(code).collect::<Vec<_>>().join("\n")
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below `folders`.
fn sources(folders: &[&str]) -> Vec<Source> {
    let mut waiting: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    let mut found = Vec::new();
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let path = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
                found.push(Source { path, text });
            }
        }
    }
    assert!(!found.is_empty(), "no sources below {folders:?}");
    found
}

fn paths(folders: &[&str], breaks: impl Fn(&Source) -> bool) -> Vec<String> {
    sources(folders).into_iter().filter(|file| breaks(file)).map(|file| file.path).collect()
}

/// True if `code` has `word` where a path may begin: `crate::warp::` does not name the crate `warp`.
fn mentions(code: &str, word: &str) -> bool {
    let part_of_a_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    code.match_indices(word).any(|(at, _)| !code[..at].ends_with(part_of_a_path))
}

/// True if `code` has `word`, and not only as a part of a longer one.
fn has_word(code: &str, word: &str) -> bool {
    let part_of_a_word = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        let (before, after) = (&code[..at], &code[at + word.len()..]);
        let ends =
            word.ends_with(|c: char| !part_of_a_word(c)) || !after.starts_with(part_of_a_word);
        !before.ends_with(part_of_a_word) && ends
    })
}

/// The first word of a line of documentation, in lower case.
fn first_word(doc: &str) -> String {
    let text = doc.trim_start_matches([' ', '`', '[', '*', '(']);
    text.chars().take_while(char::is_ascii_alphabetic).collect::<String>().to_lowercase()
}

/// The modules that `code` names as `crate::module` or `crate::{module, …}`.
fn crate_modules(code: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    let mut named = Vec::new();
    for (at, root) in code.match_indices("crate::") {
        let rest = &code[at + root.len()..];
        let Some(group) = rest.strip_prefix('{') else {
            named.push(name(rest));
            continue;
        };
        let mut depth = 1;
        let mut item = String::new();
        for c in group.chars() {
            depth += i32::from(c == '{') - i32::from(c == '}');
            if depth == 0 || (depth == 1 && c == ',') {
                named.push(name(&item));
                item.clear();
            } else {
                item.push(c);
            }
            if depth == 0 {
                break;
            }
        }
    }
    named
}

#[track_caller]
fn assert_none(breaches: &[String]) {
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

#[test]
fn modules_are_found_in_every_way_of_naming_them() {
    let code = "use crate::model::{Id, crate_name}; use crate::{store::{self, Error}, http};";
    assert_eq!(crate_modules(code), ["model", "store", "http"]);
    assert!(mentions("let x = sled::open()", "sled::"));
    assert!(!mentions("crate::store::sled::open() + assailed::x", "sled::"));
}

#[test]
fn words_are_found_whole() {
    assert!(has_word("store::Queue", "Queue") && has_word("queue.claim(&asks)", "claim("));
    assert!(!has_word("DueQueue, Queued", "Queue") && !has_word("reclaim(x)", "claim("));
    assert_eq!([first_word(" [`It`] is"), first_word(" Items")], ["it", "items"]);
}
