//! The clients' packages: installed once, on demand, below `target/clients`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{OnceLock, mpsc};
use std::thread;
use std::time::Duration;

/// How long a client's whole story, or an installation, may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// `node`, ready to run one of the scripts of `tests/clients/node`; `Err` says what is missing.
pub(crate) fn node(script: &str) -> Result<Command, String> {
    static HOME: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let from = sources().join("node");
    let pins = ["package.json", "package-lock.json"];
    let home = HOME.get_or_init(|| {
        install("node", &from, &pins, "node", |home| {
            for file in pins {
                fs::copy(from.join(file), home.join(file)).map_err(|error| error.to_string())?;
            }
            let mut npm = Command::new("npm");
            npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(home);
            run(&mut npm)
        })
    });
    let mut node = Command::new("node");
    node.arg(from.join(script)).env("NODE_PATH", home.clone()?.join("node_modules"));
    Ok(node)
}

/// `python`, ready to run one of the scripts of `tests/clients/python`; `Err` says what is missing.
pub(crate) fn python(script: &str) -> Result<Command, String> {
    static HOME: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let from = sources().join("python");
    let home = HOME.get_or_init(|| {
        install("venv", &from, &["requirements.txt"], "python3", |home| {
            run(Command::new("python3").args(["-m", "venv"]).arg(home))?;
            let mut pip = Command::new(home.join("bin/pip"));
            pip.args(["install", "--quiet", "--no-input", "--disable-pip-version-check", "-r"]);
            run(pip.arg(from.join("requirements.txt")))
        })
    });
    let mut python = Command::new(home.clone()?.join("bin/python"));
    python.arg(from.join(script)).env("PYTHONDONTWRITEBYTECODE", "1");
    Ok(python)
}

/// Runs `command` to its end, with no input; `Err` has what it printed, or why it did not run.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().map_err(|error| format!("cannot run {name}: {error}"))?;
    let id = child.id().to_string();
    let (done, ended) = mpsc::channel();
    thread::spawn(move || done.send(child.wait_with_output()));
    let Ok(output) = ended.recv_timeout(PATIENCE) else {
        let _ = Command::new("kill").args(["-KILL", &id]).status();
        return Err(format!("{name} did not end in {} s", PATIENCE.as_secs()));
    };
    let Output { status, stdout, stderr } = output.map_err(|error| format!("{name}: {error}"))?;
    let text = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    if status.success() { Ok(()) } else { Err(format!("{name}, {status}:\n{text}")) }
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

/// The folder `name` of `target/clients`, filled by `fill` unless what is in it was made from the
/// same pins by the same interpreter. A lock keeps test runs side by side apart.
fn install(
    name: &str,
    from: &Path,
    pins: &[&str],
    interpreter: &str,
    fill: impl FnOnce(&Path) -> Result<(), String>,
) -> Result<PathBuf, String> {
    let version = Command::new(interpreter).arg("--version").output();
    let version = version.map_err(|error| format!("cannot run {interpreter}: {error}"))?;
    let mut wanted = String::from_utf8_lossy(&version.stdout).into_owned();
    for file in pins {
        wanted += &fs::read_to_string(from.join(file)).unwrap();
    }
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let clients = target.join("clients");
    fs::create_dir_all(&clients).unwrap();
    let lock = File::create(clients.join(format!("{name}.lock"))).unwrap();
    lock.lock().unwrap();
    let home = clients.join(name);
    let made_from = clients.join(format!("{name}.made-from"));
    if fs::read_to_string(&made_from).is_ok_and(|found| found == wanted) {
        return Ok(home);
    }
    if home.exists() {
        fs::remove_dir_all(&home).unwrap();
    }
    fs::create_dir_all(&home).unwrap();
    fill(&home)?;
    fs::write(made_from, wanted).unwrap();
    Ok(home)
}
