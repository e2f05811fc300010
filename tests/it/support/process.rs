//! The real binary as a child process: started, killed, started again on the same directory.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

/// The key that every gateway of the tests is started with.
pub(crate) const API_KEY: &str = "key-0123456789abcdef0123456789abcdef";

/// How long a start may take on a machine that is busy with everything else.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// What the server prints before its address.
const LISTENING: &str = "listening on ";

/// A running gateway; killed when dropped.
pub(crate) struct Process {
    child: Child,
    /// Where it listens, such as `http://127.0.0.1:4711`.
    pub(crate) url: String,
    log: Arc<Mutex<String>>,
}

impl Process {
    /// Starts `waypost serve` on `data` and a free port, allowed to call receivers on loopback.
    ///
    /// # Panics
    ///
    /// When it does not listen in time: with everything it printed.
    pub(crate) fn start(data: &Path) -> Self {
        Self::start_with(data, &[])
    }

    /// Like [`start`](Self::start), with more arguments.
    pub(crate) fn start_with(data: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_waypost"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("WAYPOST_")) {
            command.env_remove(name);
        }
        let mut child = command
            .args(["serve", "--listen", "127.0.0.1:0", "--allow-target", "127.0.0.0/8", "--data"])
            .arg(data)
            .args(arguments)
            .env("WAYPOST_API_KEY", API_KEY)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (found, address) = mpsc::channel();
        follow(child.stdout.take().unwrap(), &log, found.clone());
        follow(child.stderr.take().unwrap(), &log, found);
        let Ok(url) = address.recv_timeout(START_TIMEOUT) else {
            let _ = child.kill();
            panic!("the gateway does not listen:\n{}", log.lock().unwrap());
        };
        Self { child, url, log }
    }

    /// Kills it as a power cut would: no signal that it could catch.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        self.child.wait().unwrap()
    }

    /// The most memory that it has had at a time.
    pub(crate) fn memory_peak_bytes(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
    }

    /// Everything it has printed so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            let log = self.log();
            let tail = log.lines().rev().take(40).collect::<Vec<_>>();
            let tail = tail.into_iter().rev().collect::<Vec<_>>().join("\n");
            let _ = std::io::Write::write_all(&mut std::io::stderr(), tail.as_bytes());
        }
    }
}

/// Keeps what a stream says, and sends on the first address that it names.
fn follow(
    stream: impl Read + Send + 'static,
    log: &Arc<Mutex<String>>,
    found: mpsc::Sender<String>,
) {
    let log = Arc::clone(log);
    thread::spawn(move || {
        for line in BufReader::new(stream).lines() {
            let Ok(line) = line else { return };
            if let Some((_, address)) = line.split_once(LISTENING) {
                let url = address.split_whitespace().next().unwrap_or_default();
                let _ = found.send(url.trim_end_matches(['/', '.', ',']).to_owned());
            }
            let mut log = log.lock().unwrap();
            log.push_str(&line);
            log.push('\n');
        }
    });
}
