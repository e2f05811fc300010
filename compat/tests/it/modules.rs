//! The files of a crate and the files that each names, read from its source.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Module paths (`sign::check`), and the module paths that each names.
pub(super) type Graph = BTreeMap<String, BTreeSet<String>>;

/// The files of the crate below test, but for its roots and tests.
pub(super) fn graph() -> Graph {
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
            // The roots only list the others; tests stand outside.
            if !["lib", "main"].contains(&module.as_str()) && !module.ends_with("::tests") {
                let module = module.trim_end_matches("::mod").to_owned();
                texts.insert(module, fs::read_to_string(&path).unwrap());
            }
        }
    }
    let of = |module: &String, text: &String| {
        let files = named(module, text).into_iter().filter_map(|path| file_of(&path, &texts));
        files.filter(|file| file != module).collect()
    };
    texts.iter().map(|(module, text)| (module.clone(), of(module, text))).collect()
}

/// The sets of files that name each other in a circle.
pub(super) fn circles(graph: &Graph) -> BTreeSet<Vec<&str>> {
    let reached = |from: &String| {
        let mut seen = BTreeSet::new();
        let mut waiting: Vec<&String> = graph[from].iter().collect();
        while let Some(file) = waiting.pop() {
            if seen.insert(file) {
                waiting.extend(&graph[file]);
            }
        }
        seen
    };
    let reached: BTreeMap<&String, _> = graph.keys().map(|file| (file, reached(file))).collect();
    let circle = |file: &String| {
        let back = reached[file].iter().filter(|other| reached[**other].contains(file));
        back.map(|other| other.as_str()).collect::<Vec<_>>()
    };
    graph.keys().map(circle).filter(|circle| !circle.is_empty()).collect()
}

/// The paths within the crate that a file's code begins with `crate::`, `super::`, `self::` or the
/// name of a child, a group's members one by one.
fn named(module: &str, text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let code: Vec<&str> =
        code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let code = code.join(" ");
    let children = code.split("mod ").skip(1).filter_map(|rest| rest.split_once(';'));
    let children: Vec<&str> = children.map(|(name, _)| name).collect();
    let mut found = Vec::new();
    for word in ["crate", "super", "self"].into_iter().chain(children) {
        for (at, _) in code.match_indices(&format!("{word}::")) {
            if !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':') {
                expand(module, &code[at..], &mut found);
            }
        }
    }
    found
}

/// Adds the paths that `rest` begins with, as seen from the module `base`.
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
    let path = match &rest[..end] {
        "crate" => String::new(),
        "self" => base.to_owned(),
        "super" => base.rsplit_once("::").map_or("", |(parent, _)| parent).to_owned(),
        word => format!("{base}::{word}").trim_start_matches("::").to_owned(),
    };
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
