//! Opening the embedded store: what is refused, and that refusing changes nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use waypost::store::{Embedded, EmbeddedOptions, History, Intake, OpenError};

use super::bench::*;

fn open(path: &Path) -> Result<Embedded, OpenError> {
    Embedded::open(EmbeddedOptions { path: path.to_owned(), ..EmbeddedOptions::default() })
}

/// Every file below a directory with its bytes.
fn contents(path: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let place = entry.unwrap().path();
            if place.is_dir() {
                found.insert(place.clone(), Vec::new());
                folders.push(place);
            } else {
                found.insert(place.clone(), fs::read(place).unwrap());
            }
        }
    }
    found
}

/// A closed store with an event in it.
async fn closed() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    let store = open(&path).unwrap();
    accept(&store, &arrival(account_id(1), T0, &[endpoint(1)])).await;
    store.close();
    (dir, path)
}

fn generation(path: &Path) -> PathBuf {
    let mut entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    entries.find(|path| path.is_dir()).unwrap()
}

#[track_caller]
fn refused(path: &Path) -> OpenError {
    let before = contents(path);
    let error = open(path).unwrap_err();
    assert!(contents(path) == before, "refusing changed something: {error}");
    error
}

#[tokio::test]
async fn a_directory_in_use_is_refused() {
    let (_dir, path) = closed().await;
    let holder = open(&path).unwrap();
    let error = refused(&path);
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    accept(&holder, &arrival(account_id(1), T0, &[])).await;
    drop(holder);
    open(&path).unwrap();
}

#[tokio::test]
async fn another_format_is_refused_in_one_line() {
    let (_dir, path) = closed().await;
    let current = fs::read_to_string(path.join("CURRENT")).unwrap();
    let rewrite = |format: &str| {
        fs::write(path.join("CURRENT"), current.replace("format 2", format)).unwrap();
    };
    rewrite("format 3");
    let error = refused(&path);
    assert!(matches!(error, OpenError::Newer { found: 3, known: 2, .. }), "{error}");
    rewrite("format 1");
    let error = refused(&path);
    assert!(matches!(error, OpenError::Older { found: 1, known: 2, .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("older version") && text.contains("waypost export"), "{text}");
    assert_eq!(text.lines().count(), 1);
}

#[tokio::test]
async fn damage_is_refused() {
    type Damage = (&'static str, fn(&Path));
    let damages: [Damage; 6] = [
        ("another CURRENT", |path| fs::write(path.join("CURRENT"), "something else").unwrap()),
        ("a CURRENT that is no text", |path| {
            fs::write(path.join("CURRENT"), [0xff, 0xfe, 0x00]).unwrap();
        }),
        ("no CURRENT", |path| fs::remove_file(path.join("CURRENT")).unwrap()),
        ("no generation", |path| fs::remove_dir_all(generation(path)).unwrap()),
        ("no data file", |path| fs::remove_file(generation(path).join("db")).unwrap()),
        ("another conf", |path| {
            fs::write(generation(path).join("conf"), "not what sled wrote there").unwrap();
        }),
    ];
    for (what, damage) in damages {
        let (_dir, path) = closed().await;
        damage(&path);
        let error = refused(&path);
        assert!(matches!(error, OpenError::Damaged { .. }), "{what}: {error}");
    }
}

/// sled drops what it cannot read and goes on without a word; the store does not.
#[tokio::test]
async fn damage_anywhere_in_the_data_is_refused_or_harmless() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    let store = open(&path).unwrap();
    let mut written = Vec::new();
    for number in 0..300 {
        let mut new = arrival(account_id(1), T0, &[endpoint(1)]);
        new.event.body = vec![b'x'; 1500].into();
        written.push(new.event.id);
        if number % 3 == 0 {
            accept(&store, &new).await;
        } else {
            let more = arrival(account_id(1), T0, &[]);
            let both = tokio::join!(store.enqueue(new), store.enqueue(more));
            assert!(both.0.is_ok() && both.1.is_ok());
        }
    }
    store.close();
    let length = fs::metadata(generation(&path).join("db")).unwrap().len();
    let (mut refusals, mut salvaged) = (0, 0);
    for part in 0..24 {
        let copy = dir.path().join(format!("copy-{part}"));
        copy_dir(&path, &copy);
        let data = generation(&copy).join("db");
        let mut bytes = fs::read(&data).unwrap();
        if part == 0 {
            bytes.truncate(bytes.len() / 2);
        } else {
            let at = usize::try_from(length * part / 24).unwrap();
            bytes[at..at + 16].iter_mut().for_each(|byte| *byte ^= 0x5a);
        }
        fs::write(&data, &bytes).unwrap();
        let before = contents(&copy);
        match open(&copy) {
            Ok(store) => {
                for id in &written {
                    let event = store.event(account_id(1), *id).await.unwrap();
                    assert!(event.is_some(), "lost without a word by damage in part {part}");
                }
            }
            Err(error) => {
                assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
                assert!(contents(&copy) == before, "refusing changed something: {error}");
                refusals += 1;
                salvaged += usize::from(salvage(&copy).await);
            }
        }
    }
    assert!(refusals > 5, "only {refusals} of 24 damages were found");
    assert!(salvaged > 0, "nothing could be salvaged of any of {refusals}");
}

/// Whether a damaged store can be opened with what is left; then it is whole again.
async fn salvage(path: &Path) -> bool {
    let options =
        EmbeddedOptions { path: path.to_owned(), salvage: true, ..EmbeddedOptions::default() };
    let Ok(store) = Embedded::open(options) else { return false };
    let left = all_events(&store, account_id(1)).await.len() as u64;
    assert_eq!(store.usage().await.unwrap().events, left);
    store.close();
    let store = open(path).unwrap();
    accept(&store, &arrival(account_id(1), T0, &[endpoint(1)])).await;
    assert_eq!(store.usage().await.unwrap().events, left + 1);
    true
}

#[tokio::test]
async fn somebody_elses_directory_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("thesis.tex"), "precious").unwrap();
    let error = refused(dir.path());
    assert!(error.to_string().contains("thesis.tex"), "{error}");
}

#[tokio::test]
async fn a_path_that_is_a_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    fs::write(&path, "").unwrap();
    let error = open(&path).unwrap_err();
    assert!(matches!(error, OpenError::Io { .. }), "{error}");
}

#[tokio::test]
async fn a_start_that_was_cut_short_is_begun_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    drop(open(&path).unwrap());
    fs::write(path.join("CURRENT"), "waypost store\nformat 2\ngeneration 0\n").unwrap();
    fs::remove_file(generation(&path).join("conf")).unwrap();
    let store = open(&path).unwrap();
    accept(&store, &arrival(account_id(1), T0, &[])).await;
}

#[tokio::test]
async fn only_the_owner_may_look_into_a_new_directory() {
    use std::os::unix::fs::PermissionsExt;
    let (_dir, path) = closed().await;
    assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn writes_beyond_the_queue_are_refused_as_full() {
    let bench = Bench::with(&EmbeddedOptions { queue_limit: 4, ..EmbeddedOptions::default() });
    let store = bench.store();
    let many = (0..500).map(|_| store.enqueue(arrival(account_id(1), T0, &[])));
    let outcomes = futures_util::future::join_all(many).await;
    let refused: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    assert!(!refused.is_empty(), "nothing was refused");
    assert!(refused.iter().all(|error| error.is_full()));
    let accepted = outcomes.len() - refused.len();
    assert_eq!(all_events(&*store, account_id(1)).await.len(), accepted);
}

#[test]
fn a_store_is_opened_by_the_place_where_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    for place in [path.display().to_string(), format!("file://{}", path.display())] {
        drop(waypost::store::open(place).unwrap());
        assert!(path.join("CURRENT").exists());
    }
    let error = waypost::store::open("etcd://localhost/waypost").err().unwrap();
    let expected = "expected a directory, or a URL `file:…` of one, found a URL `etcd:…`";
    assert_eq!(error.to_string(), expected);
}
