//! Files: journals that are torn, foreign, full or out of reach; plans that are none; keys and
//! secrets in files of their own.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use serde_json::Value;
use waypost_compat::Dialect;

use super::super::{Ran, read_json};
use super::Move;
use crate::support::skip;

async fn a_move() -> Move {
    Move::new(Dialect::Posthawk, Dialect::Wistfare).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_of_another_plan_is_not_written_to() {
    let found = a_move().await;
    found.plan().await;
    found.run(&["apply", "move.plan"]).await.ok();
    let journal = std::fs::read(found.shell.path("move.plan.journal")).unwrap();
    let names = &Dialect::Posthawk.names()[..1];
    found.source.register("https://late.example/", names).await;
    found.plan().await;
    let ran = found.run(&["apply", "move.plan"]).await.code(5);
    ran.says(&["the journal of another plan", "rollback move.plan.journal", "--journal"]);
    assert_eq!(std::fs::read(found.shell.path("move.plan.journal")).unwrap(), journal);
    found.run(&["apply", "move.plan", "--journal", "second"]).await.ok();
    found.run(&["rollback", "second"]).await.ok();
    found.run(&["rollback", "move.plan.journal"]).await.ok();
    // Nothing of the first move is left: its journal makes way for that of the next plan.
    found.plan().await;
    found.run(&["apply", "move.plan"]).await.ok();
    assert_eq!(read_json_line(&found, "move.plan.journal.undone")["waypost_journal"], 1);
}

fn read_json_line(found: &Move, name: &str) -> Value {
    let text = std::fs::read_to_string(found.shell.path(name)).unwrap();
    serde_json::from_str(text.lines().next().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_torn_last_line_of_a_journal_is_the_trace_of_an_interruption() {
    let found = a_move().await;
    let before = found.target().await;
    found.plan().await;
    // A power cut before the first line was whole.
    for begun in [&b""[..], b"{\"waypost_jou", b"{\"waypost_journal\":1,\"plan\":{\"waypost_p"] {
        std::fs::write(found.shell.path("move.plan.journal"), begun).unwrap();
        let ran = found.run(&["rollback", "move.plan.journal"]).await.code(2);
        ran.says(&["expected a journal"]);
        found.run(&["apply", "move.plan"]).await.ok();
        found.run(&["rollback", "move.plan.journal"]).await.ok();
        assert_eq!(found.target().await, before);
    }
    found.run(&["apply", "move.plan"]).await.ok();
    let path = found.shell.path("move.plan.journal");
    for torn in [&b"{\"step\":\"step 1\",\"ma"[..], b"{\"step\":\"\xc3", b"\0\0\0\0"] {
        OpenOptions::new().append(true).open(&path).unwrap().write_all(torn).unwrap();
        found.run(&["apply", "move.plan"]).await.ok().says(&["nothing to do"]);
        found.run(&["verify", "move.plan"]).await.ok();
        assert!(std::fs::read(&path).unwrap().ends_with(b"}\n"));
    }
    // Damage in the middle is no interruption.
    let whole = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, whole.replacen("\n{\"step\"", "\n{\"stop\"", 1)).unwrap();
    let ran = found.run(&["rollback", "move.plan.journal"]).await.code(1);
    ran.says(&["line 2 is damaged", "restore the file from a copy"]);
    std::fs::write(&path, whole).unwrap();
    found.run(&["rollback", "move.plan.journal"]).await.ok();
    assert_eq!(found.target().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_out_of_reach_stops_the_move_before_it_begins() {
    let found = a_move().await;
    let before = found.target().await;
    found.plan().await;
    let apply = ["apply", "move.plan", "--journal"];
    for (path, cause) in [
        ("nowhere/journal", "its folder does not exist"),
        ("move.plan/journal", "choose a place that you may write to"),
        ("/dev/full", "no regular file"),
    ] {
        let ran = found.run(&[&apply[..], &[path]].concat()).await;
        let expected = if path == "/dev/full" { 2 } else { 1 };
        ran.code(expected).says(&[cause, "--journal"]);
    }
    let closed = found.shell.path("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, PermissionsExt::from_mode(0o555)).unwrap();
    if File::create(closed.join("trial")).is_ok() {
        // Root may write anywhere; the other paths above stand for it.
        std::fs::remove_file(closed.join("trial")).unwrap();
    } else {
        let ran = found.run(&[&apply[..], &["closed/journal"]].concat()).await.code(1);
        ran.says(&["choose a place that you may write to with --journal"]);
    }
    let ran = found.run(&["rollback", "move.plan.journal"]).await.code(1);
    ran.says(&["cannot open the journal move.plan.journal", "check the path"]);
    assert_eq!(found.target().await, before);
    found.run(&["apply", "move.plan"]).await.ok();
}

/// Runs `waypost migrate` with this much room for each file that it writes, in units of 512 bytes.
async fn run_in(found: &Move, room: usize, arguments: &[&str]) -> Ran {
    let ends: Vec<&str> = found.ends.iter().map(String::as_str).collect();
    let inner = found.shell.command(&[arguments, &ends].concat());
    let mut command = Command::new("sh");
    // The signal would kill; ignored, the write fails as it does on a disk that is full.
    let script = format!("trap '' XFSZ; ulimit -f {room}; exec \"$@\"");
    command.args(["-c", &script, "sh"]).arg(inner.get_program()).args(inner.get_args());
    command.envs(&found.shell.environment).current_dir(found.shell.folder.path());
    command.stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap_or(-1);
    Ran { code, out: text(output.stdout), err: text(output.stderr) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_under_the_journal_stops_the_move_and_room_lets_it_go_on() {
    let found = a_move().await;
    for number in 0..12 {
        let url = format!("https://more-{number:02}.example/{}", "x".repeat(40));
        found.source.register(&url, &Dialect::Posthawk.names()[..2]).await;
    }
    let before = found.target().await;
    found.plan().await;
    let ran = run_in(&found, 1, &["apply", "move.plan"]).await.code(1);
    ran.says(&["cannot write the journal", "make room on the disk"]);
    assert!(!found.shell.path("move.plan.journal").exists(), "no half of a journal is left");
    assert_eq!(found.target().await, before);

    // Room for the plan and for some of the steps.
    found.run(&["apply", "move.plan", "--journal", "whole"]).await.ok();
    let whole = std::fs::metadata(found.shell.path("whole")).unwrap().len();
    let head = std::fs::read_to_string(found.shell.path("whole")).unwrap().find('\n').unwrap();
    found.run(&["rollback", "whole"]).await.ok();
    let room = (head + usize::try_from(whole).unwrap()) / 2 / 512;
    assert!(room * 512 > head, "the steps take more than two blocks");
    for _ in 0..2 {
        let ran = run_in(&found, room, &["apply", "move.plan"]).await.code(1);
        ran.says(&["cannot write the journal", "make room on the disk", " of 15 steps are done"]);
    }
    let (room, path) = (whole_room(whole), found.shell.path("move.plan.journal"));
    assert!(std::fs::read(&path).unwrap().ends_with(b"\n"), "whole lines only");
    run_in(&found, room, &["apply", "move.plan"]).await.ok();
    found.run(&["verify", "move.plan"]).await.ok();
    let listed = found.target().await.to_string();
    assert_eq!(listed.matches("https://more-07.example/").count(), 1, "{listed}");
    found.run(&["rollback", "move.plan.journal"]).await.ok();
    assert_eq!(found.target().await, before);
}

/// Room for all of a journal and the traces of interruptions.
fn whole_room(length: u64) -> usize {
    usize::try_from(length).unwrap() * 4 / 512
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_really_is_full_is_told_by_its_name() {
    let found = a_move().await;
    let disk = found.shell.path("disk");
    std::fs::create_dir(&disk).unwrap();
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", "size=16k", "tmpfs"]).arg(&disk).stderr(Stdio::null());
    if !mount.status().is_ok_and(|status| status.success()) {
        skip("a disk of 16 kB can only be mounted by root");
        return;
    }
    let told = full_disk(&found).await;
    let gone = Command::new("umount").arg(&disk).status().unwrap();
    assert!(gone.success());
    told.code(1).says(&["No space left on device", "make room on the disk"]);
}

async fn full_disk(found: &Move) -> Ran {
    found.plan().await;
    let full = vec![0; 16 << 10];
    // What of it fits fits.
    let _ = File::create(found.shell.path("disk/ballast")).unwrap().write_all(&full);
    let apply = ["apply", "move.plan", "--journal", "disk/journal"];
    let told = found.run(&apply).await;
    std::fs::remove_file(found.shell.path("disk/ballast")).unwrap();
    found.run(&apply).await.ok();
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_in_the_place_of_another_is_told_as_what_it_is() {
    let found = a_move().await;
    let ran = found.run(&["apply", "move.plan"]).await.code(2);
    ran.says(&["cannot read the plan move.plan", "waypost migrate plan --out"]);
    for text in ["", "{}", "[1, 2]", "hello", r#"{"waypost_plan": 99}"#] {
        std::fs::write(found.shell.path("move.plan"), text).unwrap();
        found.run(&["apply", "move.plan"]).await.code(2).says(&["move.plan: expected a plan"]);
    }
    found.plan().await;
    let whole = read_json(&found.shell.path("move.plan"));
    let newer = whole.to_string().replacen("\"waypost_plan\":1", "\"waypost_plan\":99", 1);
    std::fs::write(found.shell.path("newer.plan"), newer).unwrap();
    found.run(&["apply", "newer.plan"]).await.code(2).says(&["version 1, found 99", "plan again"]);
    found.run(&["apply", "move.plan"]).await.ok();
    found.run(&["apply", "move.plan.journal"]).await.code(2).says(&["is a journal"]);
    let ran = found.run(&["rollback", "move.plan"]).await.code(2);
    ran.says(&["move.plan is a plan; its journal is move.plan.journal"]);
    assert!(!found.shell.path("move.plan.journal.journal").exists());
    found.run(&["verify", "move.plan"]).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn new_secrets_go_to_a_file_of_their_owner_or_are_shown_once() {
    let found = a_move().await;
    found.plan().await;
    let secrets = found.shell.path("secrets.json");
    let out = ["apply", "move.plan", "--secrets-out"];
    let ran = found.run(&[&out[..], &["nowhere/secrets.json"]].concat()).await.code(1);
    ran.says(&["cannot write nowhere/secrets.json", "its folder does not exist"]);
    let nowhere = [&found.planning()[..], &["--out", "nowhere/move.plan"]].concat();
    let ran = found.run(&nowhere).await.code(1).hides(&[".tmp"]);
    ran.says(&["cannot write nowhere/move.plan", "its folder does not exist"]);
    let ran = found.run(&[&out[..], &["secrets.json"]].concat()).await.ok();
    let ran = ran.says(&["3 new secrets are in secrets.json"]);
    let held = read_json(&secrets);
    let held: Vec<&str> =
        held.as_array().unwrap().iter().map(|one| one["secret"].as_str().unwrap()).collect();
    assert_eq!(held.len(), 3);
    ran.hides(&held);
    assert_eq!(std::fs::metadata(&secrets).unwrap().permissions().mode() & 0o777, 0o600);
    let again = found.run(&["apply", "move.plan"]).await.ok();
    again.says(&["shown before", "--secrets-out"]).hides(&held);
    found.run(&["rollback", "move.plan.journal"]).await.ok().hides(&held);

    let first = found.run(&["apply", "move.plan"]).await.ok();
    let journal = std::fs::read_to_string(found.shell.path("move.plan.journal")).unwrap();
    let entries = journal.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let made: Vec<String> =
        entries.filter_map(|entry| Some(entry.get("secret")?.as_str()?.to_owned())).collect();
    let made: Vec<&str> = made.iter().map(String::as_str).collect();
    assert!(made.len() >= 3 && made.iter().all(|secret| !held.contains(secret)));
    first.says(&made).says(&["https://one.example/hook", "not shown again"]);
    found.run(&["apply", "move.plan"]).await.ok().hides(&made);
    found.run(&[&out[..], &["secrets.json"]].concat()).await.ok().hides(&made);
    let written = std::fs::read_to_string(&secrets).unwrap();
    assert!(made.iter().all(|secret| written.contains(secret)), "asked for, they are written");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_read_from_files_and_never_from_two_places() {
    let mut found = a_move().await;
    std::fs::write(found.shell.path("from"), format!("{}\n", found.source.key)).unwrap();
    std::fs::write(found.shell.path("to"), &found.target.key).unwrap();
    std::fs::write(found.shell.path("empty"), "\n").unwrap();
    let files = ["--from-key-file", "from", "--to-key-file", "to"];
    let ran = found.run(&[&found.planning()[..], &files].concat()).await.code(2);
    ran.says(&["found two", "WAYPOST_TO_KEY", "--to-key-file", "leave one out"]);
    found.shell = found.shell.with("WAYPOST_FROM_KEY", None).with("WAYPOST_TO_KEY", None);
    let plan = [&found.planning()[..], &files, &["--out", "move.plan"]].concat();
    let ran = found.run(&plan).await;
    assert!([0, 3].contains(&ran.code), "{}", ran.err);
    for verb in [["apply", "move.plan"], ["verify", "move.plan"], ["rollback", "move.plan.journal"]]
    {
        found.run(&[&verb[..], &files].concat()).await.ok();
    }
    for (file, told) in [("empty", "found nothing"), ("nosuch", "cannot read nosuch")] {
        let files = ["--from-key-file", file, "--to-key-file", "to"];
        found.run(&[&found.planning()[..], &files].concat()).await.code(2).says(&[told]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_runs_do_not_write_one_journal() {
    let found = a_move().await;
    found.plan().await;
    found.run(&["apply", "move.plan"]).await.ok();
    let other = File::open(found.shell.path("move.plan.journal")).unwrap();
    other.lock().unwrap();
    for verb in [["apply", "move.plan"], ["rollback", "move.plan.journal"]] {
        let ran = found.run(&verb).await.code(5);
        ran.says(&["another run is at move.plan.journal", "wait until it has ended"]);
    }
    drop(other);
    found.run(&["rollback", "move.plan.journal"]).await.ok();
}
