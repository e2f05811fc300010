//! README's tour: its commands, copied and pasted, with other ports and the binary under test.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::skip;

/// How long a step may take on a machine that is busy with everything else.
const STEP_TIMEOUT: Duration = Duration::from_secs(60);

/// A command that runs beside the others; killed when dropped.
struct Aside(Child);

impl Drop for Aside {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_tour_of_readme_ends_with_a_good_signature() {
    for tool in ["bash", "curl", "openssl", "python3"] {
        if Command::new(tool).arg("--help").output().is_err() {
            return skip(&format!("the tour needs {tool}"));
        }
    }
    // Below the range that the system hands out, so that no test on port 0 can be given them.
    let port = 20_000 + std::process::id() % 5_000 * 2;
    let tour = Tour { folder: TempDir::new().unwrap(), port };
    let [serve, receive, rest @ ..] = &tour.blocks()[..] else { panic!("the tour is too short") };
    let _gateway = tour.aside("gateway", serve);
    tour.await_words("gateway", "listening on");
    let _receiver = tour.aside("receiver", receive);
    let receiver = format!("127.0.0.1:{}", port + 1);
    assert!(comes_true(|| std::net::TcpStream::connect(&receiver).is_ok()), "{receiver}");

    let ran = tour.bash(&format!("set -eu\n{}", rest.join("\n"))).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{out}{err}");
    assert!(out.contains("\"status\":\"accepted\""), "{out}{err}");
    tour.await_words("receiver", "failed permanent bob@example.org signature good");
}

/// The tour in a folder of its own, the gateway on `port`, the receiver on the next.
struct Tour {
    folder: TempDir,
    port: u32,
}

impl Tour {
    /// The commands, one text for each time that README turns to a terminal.
    fn blocks(&self) -> Vec<String> {
        let readme = include_str!("../../../README.md");
        let tour = readme.split_once("## Five minutes").unwrap().1.split_once("\n## ").unwrap().0;
        let binaries = Path::new(env!("CARGO_BIN_EXE_waypost")).parent().unwrap();
        let blocks = tour.split("```sh\n").skip(1).map(|rest| rest.split_once("```").unwrap().0);
        let here = |block: &str| {
            block
                .replace("cargo build --release && ", "")
                .replace("$PWD/target/release", binaries.to_str().unwrap())
                // In place of the shell, so that killing the one kills the other.
                .replace("waypost serve", "exec waypost serve")
                .replace("python3 ", "exec python3 ")
                .replace("127.0.0.1:8740", &self.gateway())
                .replace("9000", &(self.port + 1).to_string())
        };
        blocks.map(here).collect()
    }

    fn gateway(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn bash(&self, script: &str) -> Command {
        let mut command = Command::new("bash");
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("WAYPOST_")) {
            command.env_remove(name);
        }
        // What the tour leaves to the defaults.
        command.env("WAYPOST_LISTEN", self.gateway());
        command.env("WAYPOST_URL", format!("http://{}", self.gateway()));
        command.args(["-c", script]).current_dir(&self.folder).stdin(Stdio::null());
        command
    }

    /// Starts a block that goes on; what it says is kept in the file `name`.
    fn aside(&self, name: &str, script: &str) -> Aside {
        let said = File::create(self.folder.path().join(name)).unwrap();
        let also = said.try_clone().unwrap();
        Aside(self.bash(script).stdout(said).stderr(also).spawn().unwrap())
    }

    /// Waits until `name` has said `words`.
    #[track_caller]
    fn await_words(&self, name: &str, words: &str) {
        let said = || fs::read_to_string(self.folder.path().join(name)).unwrap();
        assert!(comes_true(|| said().contains(words)), "{name}: {}", said());
    }
}

/// Whether it does before the time is up. Another process gives no signal to wait for.
fn comes_true(condition: impl Fn() -> bool) -> bool {
    #[allow(clippy::disallowed_methods, reason = "a deadline of the test, not of the product")]
    let begun = Instant::now();
    while begun.elapsed() < STEP_TIMEOUT {
        if condition() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}
