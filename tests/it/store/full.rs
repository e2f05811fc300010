//! A full disk: writes are refused and said to be, nothing acknowledged is lost, and the store goes
//! on as soon as there is room.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tokio::time::{sleep, timeout};
use waypost::model::*;
use waypost::store::{Embedded, EmbeddedOptions, History, Intake};

use super::bench::*;

/// Names the directory that the child works in: a file system of its own, a few megabytes large.
const CHILD: &str = "WAYPOST_TEST_STORE_FULL";

/// The longest wait for a disk that was full to have room again.
const LIMIT: Duration = Duration::from_secs(20);

/// Fills its disk, makes room, and goes on.
#[tokio::test]
async fn child() {
    let Some(dir) = std::env::var_os(CHILD) else { return };
    let dir = Path::new(&dir);
    let ballast = dir.join("ballast");
    std::fs::write(&ballast, vec![1; 12 << 20]).unwrap();
    let options = EmbeddedOptions { path: dir.join("data"), ..EmbeddedOptions::default() };
    let store = Embedded::open(options.clone()).unwrap();

    let mut accepted = Vec::new();
    let refused = loop {
        let new = sizeable();
        match store.enqueue(new.clone()).await {
            Ok(_) => accepted.push(new.event),
            Err(error) => break error,
        }
        assert!(accepted.len() < 100_000, "the disk is not as small as it should be");
    };
    assert!(refused.is_full(), "{refused}");
    for _ in 0..5 {
        // Some may fit in yet; what is acknowledged counts.
        let new = sizeable();
        if store.enqueue(new.clone()).await.is_ok() {
            accepted.push(new.event);
        }
    }
    std::fs::remove_file(&ballast).unwrap();
    // The room is there when the system has taken it back. What is refused until then opens the data
    // file again.
    let accepted_again = async {
        while store.enqueue(sizeable()).await.is_err() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LIMIT, accepted_again).await.expect("there is room, and still all is refused");
    for _ in 0..50 {
        let new = sizeable();
        accept(&store, &new).await;
        accepted.push(new.event);
    }
    check(&store, &accepted).await;
    store.close();
    check(&Embedded::open(options).unwrap(), &accepted).await;
}

fn sizeable() -> Arrival {
    let mut new = arrival(account_id(1), T0, &[endpoint(1)]);
    new.event.body = vec![b'x'; 20_000].into();
    new
}

async fn check(store: &Embedded, accepted: &[StoredEvent]) {
    assert!(accepted.len() > 60, "too few were accepted: {}", accepted.len());
    for event in accepted {
        let read = store.event(account_id(1), event.id).await.unwrap();
        assert!(read.as_ref() == Some(event), "event {} was acknowledged and is lost", event.id);
    }
    let claims = claim_up_to(store, endpoint(1), T0, 100_000).await;
    assert!(claims.deliveries.len() >= accepted.len());
}

#[test]
fn a_full_disk_loses_nothing_and_is_survived() {
    let dir = tempfile::tempdir().unwrap();
    // A namespace of its own needs no privileges on most systems, and its mount ends with it.
    let script = "mount -t tmpfs -o size=24m none \"$1\" || exit 77; shift; exec \"$@\"";
    let outcome = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", script, "sh"])
        .arg(dir.path())
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "store::full::child", "--nocapture"])
        .env(CHILD, dir.path())
        .output();
    let unusable = match &outcome {
        Ok(output) => output.status.code() == Some(77) || unshare_refused(output),
        Err(_) => true,
    };
    if unusable {
        assert!(std::env::var_os("CI").is_none(), "no small disk can be made here: {outcome:?}");
        return;
    }
    let output = outcome.unwrap();
    let text = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&text));
}

fn unshare_refused(output: &std::process::Output) -> bool {
    !output.status.success() && String::from_utf8_lossy(&output.stderr).starts_with("unshare:")
}
