//! The command line as people and scripts use it: the real binary, its output and exit codes.

mod demo;
mod offline;
mod readme;
mod serve;
mod tour;
mod verbs;
mod whole;

use std::io::Write;
use std::process::{Command, Output, Stdio};

/// The binary with these arguments, and an environment that says nothing to it.
fn waypost(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_waypost"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("WAYPOST_")) {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

/// What a finished run said.
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Runs to the end.
fn run(arguments: &[&str]) -> Ran {
    waypost(arguments).output().unwrap().into()
}

/// Runs to the end with this on standard input.
fn run_with(arguments: &[&str], input: &[u8]) -> Ran {
    let mut command = waypost(arguments);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that reads nothing closes its end; what it says of that is what is tested.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap().into()
}

/// Asserts that a run failed with this code and one line that holds all of `words`.
#[track_caller]
fn assert_refused(ran: &Ran, code: i32, words: &[&str]) {
    assert_eq!(ran.code, Some(code), "{}{}", ran.out, ran.err);
    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    assert!(ran.err.starts_with("waypost: "), "{}", ran.err);
    for word in words {
        assert!(ran.err.contains(word), "{word:?} in {}", ran.err);
    }
}
