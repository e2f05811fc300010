//! What the tests share: a gateway, a receiver, and ways to talk to both.

pub(crate) mod api;
pub(crate) mod process;
pub(crate) mod receiver;

/// Tells the person at the terminal, whether or not the test's own output is captured.
pub(crate) fn say(text: &str) {
    let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("{text}\n").as_bytes());
}

/// Passes over a test for want of something that this machine lacks; in CI that is a failure.
pub(crate) fn skip(reason: &str) {
    assert!(std::env::var_os("CI").is_none(), "{reason}");
    say(&format!("skipped: {reason}"));
}
