//! The files of the crate name each other in one direction only.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Each file's module path (`sign::check`), and the module paths that it names.
fn files() -> BTreeMap<String, BTreeSet<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut texts = BTreeMap::new();
    let mut waiting = vec![root.clone()];
    while let Some(folder) = waiting.pop() {
        for path in folder.read_dir().unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                waiting.push(path);
                continue;
            }
            let inner = path.strip_prefix(&root).unwrap().with_extension("");
            let module = inner.to_str().unwrap().replace('/', "::");
            // The root only lists the others; tests stand outside.
            if module != "lib" && !module.ends_with("tests") {
                let module = module.trim_end_matches("::mod").to_owned();
                texts.insert(module, fs::read_to_string(&path).unwrap());
            }
        }
    }
    let of = |module: &String, text: &String| {
        named(module, text).into_iter().filter_map(|path| file_of(&path, &texts)).collect()
    };
    texts.iter().map(|(module, text)| (module.clone(), of(module, text))).collect()
}

/// The paths within the crate that a file's code begins with `crate::`, `super::` or `self::`, a
/// group's members one by one.
fn named(module: &str, text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let code: Vec<&str> =
        code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let code = code.join(" ");
    let parent = module.rsplit_once("::").map_or("", |(parent, _)| parent);
    let mut found = Vec::new();
    for (word, base) in [("crate::", ""), ("super::", parent), ("self::", module)] {
        for (at, _) in code.match_indices(word) {
            if !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':') {
                expand(base, &code[at + word.len()..], &mut found);
            }
        }
    }
    found
}

fn expand(base: &str, rest: &str, found: &mut Vec<String>) {
    let rest = rest.trim_start();
    if let Some(group) = rest.strip_prefix('{') {
        let mut depth = 0;
        let mut start = 0;
        for (at, c) in group.char_indices() {
            if depth == 0 && (c == ',' || c == '}') {
                expand(base, &group[start..at], found);
                start = at + 1;
            }
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => return,
                '}' => depth -= 1,
                _ => {}
            }
        }
        return;
    }
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    let path = format!("{base}::{}", &rest[..end]);
    let path = path.trim_start_matches("::").to_owned();
    match rest[end..].strip_prefix("::") {
        Some(more) => expand(&path, more, found),
        None => found.push(path),
    }
}

/// The file that a path leads into: the longest part of it that is a module.
fn file_of(path: &str, files: &BTreeMap<String, String>) -> Option<String> {
    let mut path = path;
    loop {
        if files.contains_key(path) {
            return Some(path.to_owned());
        }
        path = path.rsplit_once("::")?.0;
    }
}

#[test]
fn no_circle_of_files() {
    let files = files();
    let found = ["json", "matrix", "speaking"].map(|file| files["translate"].contains(file));
    assert_eq!(found, [true; 3], "not even what `translate` names is found");
    let reached = |from: &String| {
        let mut seen = BTreeSet::new();
        let mut waiting: Vec<&String> = files[from].iter().filter(|to| *to != from).collect();
        while let Some(file) = waiting.pop() {
            if seen.insert(file) {
                waiting.extend(files[file].iter().filter(|to| *to != file));
            }
        }
        seen
    };
    let circular: Vec<_> = files.keys().filter(|file| reached(file).contains(file)).collect();
    assert!(circular.is_empty(), "these files name each other in a circle: {circular:?}");
}
