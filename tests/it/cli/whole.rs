//! The whole configuration as a file: `export` and `import`, as people use them.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{Ran, assert_refused, run, run_with};
use crate::support::process::{API_KEY, Process};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/configuration").join(name)
}

/// A gateway with a directory of its own, and its command line.
struct Running {
    data: TempDir,
    gateway: Process,
}

impl Running {
    fn start() -> Self {
        let data = TempDir::new().unwrap();
        Self { gateway: Process::start(&data.path().join("store")), data }
    }

    /// Where a file of this test stands.
    fn file(&self, name: &str) -> String {
        self.data.path().join(name).to_str().unwrap().to_owned()
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        run(&[arguments, &["--url", &self.gateway.url, "--api-key", API_KEY]].concat())
    }

    #[track_caller]
    fn ok(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(0), "{arguments:?}: {}", ran.err);
        ran.out
    }
}

fn but_keys(export: &str) -> &str {
    export.split_once("  \"keys\": [").unwrap().0
}

fn mode(path: &str) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_configuration_moves_to_another_server_by_a_file() {
    let first = Running::start();
    let fixture = fixture("with-secrets.json");
    let brought = first.ok(&["import", fixture.to_str().unwrap()]);
    assert!(brought.ends_with("14 added, 1 changed, 0 removed\n"), "{brought}");

    let file = first.file("backup.json");
    // Somebody else could read what stood there before.
    std::fs::write(&file, "").unwrap();
    first.ok(&["export", "--with-secrets", "--out", &file]);
    assert_eq!(mode(&file), 0o600);
    let second = Running::start();
    second.ok(&["import", &file]);
    let there = second.ok(&["export", "--with-secrets"]);
    assert_eq!(but_keys(&there), but_keys(&std::fs::read_to_string(&file).unwrap()));
    assert_eq!(second.ok(&["import", &file]), "nothing to do: all is as the file says\n");

    let plain = first.file("plain.json");
    first.ok(&["export", "--out", &plain]);
    assert_ne!(mode(&plain), 0o600);
    let plain = std::fs::read_to_string(plain).unwrap();
    assert!(!plain.contains("whsec_") && plain.contains("\"secrets\": false"), "{plain}");
    let piped = ["import", "-", "--url", &second.gateway.url, "--api-key", API_KEY];
    assert!(run_with(&piped, plain.as_bytes()).out.starts_with("nothing to do"));
}

#[test]
fn a_dry_run_prints_the_difference_and_new_secrets_are_shown_once() {
    let running = Running::start();
    running.ok(&["import", fixture("with-secrets.json").to_str().unwrap()]);
    let mut file: serde_json::Value =
        serde_json::from_str(&running.ok(&["export", "--with-secrets"])).unwrap();
    file["account"]["signing_key"] = "key-another".into();
    file["domains"][0]["settings"]["spam_action"] = "block".into();
    file["sources"][2]["enabled"] = false.into();
    file["webhooks"].as_array_mut().unwrap().swap(2, 3);
    file["webhooks"][1]["url"] = "https://hooks.example.net/moved".into();
    file["webhooks"][1]["secret"] = "whsec_another".into();
    let webhooks = file["webhooks"].as_array_mut().unwrap();
    webhooks.remove(7);
    webhooks.push(serde_json::json!({
        "id": "whk_000000ff0000400080000000000000ff",
        "dialect": "mailstack",
        "domain": "mg.example.com",
        "url": "https://hooks.example.net/new\u{9b}2J",
        "events": ["Bounce"],
    }));
    let path = running.file("edited.json");
    std::fs::write(&path, file.to_string()).unwrap();
    assert_refused(&running.run(&["import", &path]), 5, &["webhooks[7].url", "https"]);
    file["webhooks"][7]["url"] = "https://hooks.example.net/new".into();
    std::fs::write(&path, file.to_string()).unwrap();

    let dry = running.ok(&["import", &path, "--prune", "--dry-run"]);
    let golden = fixture("dry-run.txt");
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        std::fs::write(&golden, &dry).unwrap();
    }
    assert_eq!(dry, std::fs::read_to_string(golden).unwrap());

    let done = running.ok(&["import", &path, "--prune"]);
    assert!(done.contains("1 added, 5 changed, 1 removed"), "{done}");
    let (_, secrets) = done.split_once("New secrets, shown this once:\n").unwrap();
    assert!(secrets.contains("whk_000000ff0000400080000000000000ff"), "{secrets}");
    assert!(secrets.contains("whsec_"), "{secrets}");
    assert!(!done.contains("whsec_another") && !done.contains("key-another"), "{done}");
}

#[test]
fn what_cannot_be_imported_is_told_in_one_line() {
    let running = Running::start();
    let path = running.file("broken.json");
    std::fs::write(&path, "{\n  \"waypost_export\": 1,\n").unwrap();
    assert_refused(&running.run(&["import", &path]), 5, &["line 3"]);
    std::fs::write(&path, "{\"waypost_export\": 9, \"secrets\": false}").unwrap();
    assert_refused(&running.run(&["import", &path]), 5, &["waypost_export", "newer Waypost"]);
    assert_refused(&running.run(&["import", "/nowhere.json"]), 1, &["cannot read /nowhere.json"]);
    let nowhere = ["export", "--with-secrets", "--out", "/nowhere/x.json"];
    assert_refused(&running.run(&nowhere), 1, &["cannot write /nowhere/x.json"]);
}
