//! `waypost serve`: how it starts, how it refuses to, how it ends.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use super::{Ran, assert_refused, run, waypost};
use crate::support::api::Api;
use crate::support::process::API_KEY;

/// How long a start may take on a machine that is busy with everything else.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// A server whose output is read line by line; killed when dropped.
struct Serving {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Serving {
    fn start(data: &Path, arguments: &[&str], key: Option<&str>) -> Self {
        let mut command = waypost(&["serve", "--listen", "127.0.0.1:0", "--data"]);
        command.arg(data).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.envs(key.map(|key| ("WAYPOST_API_KEY", key)));
        let mut child = command.spawn().unwrap();
        let out = child.stdout.take().unwrap();
        let (send, lines) = mpsc::channel();
        thread::spawn(move || {
            BufReader::new(out).lines().map_while(Result::ok).try_for_each(|line| send.send(line))
        });
        Self { child, lines }
    }

    fn line(&self) -> String {
        self.lines.recv_timeout(START_TIMEOUT).unwrap()
    }

    /// The address in its first line.
    fn url(&self) -> String {
        let line = self.line();
        line.strip_prefix("listening on ").unwrap_or_else(|| panic!("{line:?}")).to_owned()
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    /// Waits until it has ended. What it wrote to standard error comes with it.
    fn ended(mut self) -> Ran {
        let mut err = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        let code = self.child.wait().unwrap().code();
        Ran { code, out: self.lines.try_iter().collect::<Vec<_>>().join("\n"), err }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn domains(url: &str, key: &str) -> Ran {
    run(&["domain", "list", "--url", url, "--api-key", key])
}

#[test]
fn port_0_prints_the_real_port_in_the_first_line() {
    let data = TempDir::new().unwrap();
    let serving = Serving::start(data.path(), &[], Some("key-of-this-test"));
    let url = serving.url();
    let port: u16 = url.rsplit(':').next().unwrap().parse().unwrap();
    assert_ne!(port, 0);
    assert_eq!(domains(&url, "key-of-this-test").code, Some(0));
}

#[test]
fn sigterm_and_ctrl_c_end_it_with_0() {
    for name in ["-TERM", "-INT"] {
        let data = TempDir::new().unwrap();
        let serving = Serving::start(data.path(), &[], Some("key-of-this-test"));
        serving.url();
        serving.signal(name);
        let ended = serving.ended();
        assert_eq!(ended.code, Some(0), "{name}: {}", ended.err);
    }
}

#[test]
fn a_generated_key_is_printed_once_and_works() {
    let data = TempDir::new().unwrap();
    let first = Serving::start(data.path(), &[], None);
    let url = first.url();
    let line = first.line();
    let key = line.split_whitespace().find(|word| word.starts_with("key-")).unwrap();
    assert_eq!(domains(&url, key).code, Some(0), "{line}");
    first.signal("-TERM");
    assert_eq!(first.ended().code, Some(0));

    let second = Serving::start(data.path(), &[], None);
    assert_eq!(domains(&second.url(), key).code, Some(0));
    second.signal("-TERM");
    let ended = second.ended();
    assert!(!ended.out.contains("key-") && !ended.err.contains(key), "{}{}", ended.out, ended.err);
}

#[test]
fn another_key_joins_those_that_are_there_and_says_so() {
    let data = TempDir::new().unwrap();
    let first = Serving::start(data.path(), &[], Some("key-first-one"));
    first.url();
    first.signal("-TERM");
    first.ended();

    let second = Serving::start(data.path(), &[], Some("key-second-one"));
    let url = second.url();
    let line = second.line();
    assert!(line.contains("waypost key list") && !line.contains("second-one"), "{line}");
    for key in ["key-first-one", "key-second-one"] {
        assert_eq!(domains(&url, key).code, Some(0), "{key}");
    }
    assert_refused(&domains(&url, "key-third-one"), 5, &["key", "401", "WAYPOST_API_KEY"]);
}

#[test]
fn a_port_in_use_is_told_in_one_line_and_no_data_is_made() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let ran = run(&["serve", "--listen", &address, "--data", data.to_str().unwrap()]);
    assert_refused(&ran, 1, &[&address, "in use"]);
    assert!(!data.exists());
}

#[test]
fn a_directory_that_cannot_be_written_is_told_in_one_line() {
    // A file in place of a directory refuses even the superuser.
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "not ours").unwrap();
    let data = file.join("data");
    let ran = run(&["serve", "--listen", "127.0.0.1:0", "--data", data.to_str().unwrap()]);
    assert_refused(&ran, 1, &[data.to_str().unwrap()]);
    assert_eq!(std::fs::read_to_string(file).unwrap(), "not ours");
}

#[test]
fn data_that_another_process_holds_is_told_in_one_line() {
    let data = TempDir::new().unwrap();
    let holder = Serving::start(data.path(), &[], Some("key-of-this-test"));
    let url = holder.url();
    let ran = run(&["serve", "--listen", "127.0.0.1:0", "--data", data.path().to_str().unwrap()]);
    assert_refused(&ran, 1, &["in use by another process"]);
    assert_eq!(domains(&url, "key-of-this-test").code, Some(0), "the holder is unharmed");
}

#[test]
fn a_file_configures_it_and_a_flag_wins() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("waypost.toml");
    let text = "public-url = \"https://file.example.com/\"\napi-key = \"key-in-the-file\"\n";
    std::fs::write(&file, text).unwrap();
    let config = ["--config", file.to_str().unwrap()];
    for (more, expected) in [
        (&[][..], "https://file.example.com/ingest/"),
        (&["--public-url", "https://flag.example.com"], "https://flag.example.com/ingest/"),
    ] {
        let data = TempDir::new().unwrap();
        let serving = Serving::start(data.path(), &[&config[..], more].concat(), None);
        let to = ["--url", &serving.url(), "--api-key", "key-in-the-file", "--json"];
        assert_eq!(run(&[&["domain", "add", "a.example.com"], &to[..]].concat()).code, Some(0));
        let added = run(&[&["source", "add", "a.example.com", "posthawk"], &to[..]].concat());
        assert!(added.out.contains(expected), "{}{}", added.out, added.err);
    }
}

#[tokio::test]
async fn the_signing_key_is_taken_over_at_the_first_start_only() {
    let data = TempDir::new().unwrap();
    let first = Serving::start(data.path(), &["--signing-key", "key-old-mailgun"], Some(API_KEY));
    assert_eq!(Api::new(&first.url()).signing_key().await, "key-old-mailgun");
    first.signal("-TERM");
    assert_eq!(first.ended().code, Some(0));

    let second = Serving::start(data.path(), &["--signing-key", "key-some-other"], Some(API_KEY));
    let url = second.url();
    let line = second.line();
    assert!(line.contains("first start only") && !line.contains("some-other"), "{line}");
    assert_eq!(Api::new(&url).signing_key().await, "key-old-mailgun");
}

#[test]
fn an_upstream_that_cannot_be_meant_is_told_in_one_line_and_no_data_is_made() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (listen, itself) = (free.to_string(), format!("http://localhost:{}", free.port()));
    let key = ["--mailgun-upstream-key", "key-of-the-upstream"];
    let url = ["--mailgun-upstream", "https://api.mailgun.net"];
    for (flags, words) in [
        (&key[..], &["--mailgun-upstream-key: expected --mailgun-upstream", "found none"][..]),
        (&url, &["--mailgun-upstream: expected --mailgun-upstream-key", "found none"]),
        (&["--mailgun-upstream", "https://api.mailgun.net/v3"], &["part of each request"]),
        (&[&url[..], &["--mailgun-upstream-key", "sh\u{f6}rt"]].concat(), &["ASCII characters"]),
        (&[&["--mailgun-upstream", &itself], &key[..]].concat(), &["another server", &itself]),
    ] {
        let folder = TempDir::new().unwrap();
        let data = folder.path().join("data");
        let place = ["serve", "--listen", &listen, "--data", data.to_str().unwrap()];
        let ran = run(&[&place[..], flags].concat());
        assert_refused(&ran, 2, words);
        assert!(
            !ran.err.contains("key-of-the-upstream") && !ran.err.contains("sh\u{f6}rt"),
            "{}",
            ran.err
        );
        assert!(!data.exists(), "{flags:?}");
    }
}
