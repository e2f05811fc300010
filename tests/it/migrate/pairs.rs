//! Every provider to every provider: planned, carried out, proved, retired and rolled back.

use serde_json::Value;
use waypost_compat::Dialect;

use super::{Account, Server, Shell, read_json};

/// How many of the eight names survive (`spec/providers.md` §2.3), rows and columns in
/// `Dialect::ALL`'s order.
const SURVIVE: [[u64; 5]; 5] =
    [[8, 7, 7, 6, 7], [7, 8, 8, 7, 6], [7, 8, 8, 7, 6], [7, 7, 7, 8, 6], [7, 6, 6, 6, 8]];

#[tokio::test(flavor = "multi_thread")]
async fn mailgun_moves_to_every_provider_and_back() {
    everywhere(Dialect::Mailgun).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn posthawk_moves_to_every_provider_and_back() {
    everywhere(Dialect::Posthawk).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mailstack_moves_to_every_provider_and_back() {
    everywhere(Dialect::MailStack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wistfare_moves_to_every_provider_and_back() {
    everywhere(Dialect::Wistfare).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mailingapi_moves_to_every_provider_and_back() {
    everywhere(Dialect::MailingApi).await;
}

/// Moves one account's webhooks to each provider in turn: each rollback must leave things so that
/// the next move finds what the first one found.
async fn everywhere(from: Dialect) {
    let (old, new) = (Server::start(), Server::start());
    let source = Account::at(&old.process.url, from).await;
    source.register("https://all.example/hook", &from.names()).await;
    let two = &from.names()[1..3];
    source.register("https://two.example/hook?a=b&c=d", two).await;
    if let Some(id) = source.register("https://paused.example/", two).await {
        source.pause(&id, "https://paused.example/", two).await;
    }
    for to in Dialect::ALL {
        let target = Account::at(&new.process.url, to).await;
        // Somebody else's, which must stay as it is.
        target.register("https://there.before/", &to.names()[..2]).await;
        there_and_back(&source, &target).await;
    }
}

async fn there_and_back(source: &Account, target: &Account) {
    let pair = format!("{} to {}", source.dialect, target.dialect);
    let before = (source.list().await, target.list().await);
    let active = source.active().await;
    let shell = Shell::new(&[("WAYPOST_FROM_KEY", &source.key), ("WAYPOST_TO_KEY", &target.key)]);
    let ends: Vec<String> = [source.flags("from"), target.flags("to")].concat();
    let ends: Vec<&str> = ends.iter().map(String::as_str).collect();
    let (from, to) = (source.dialect.to_string(), target.dialect.to_string());
    let plan = [&["plan", "--from", &from, "--to", &to], &*ends].concat();

    let planned = shell.run(&[&*plan, &["--out", "move.plan"]].concat()).await;
    assert!([0, 3].contains(&planned.code), "{pair}: {}{}", planned.out, planned.err);
    let data = read_json(&shell.path("move.plan"));
    let loses = data["summary"]["classes"].as_object().unwrap().keys().any(|class| {
        !["exact", "approximate", "widened", "secret-regenerated"].contains(&class.as_str())
    });
    let planned = planned.code(if loses { 3 } else { 0 });
    let survive = SURVIVE[source.dialect as usize][target.dialect as usize];
    assert_eq!(survivors(&data, "https://all.example/hook"), survive, "{pair}\n{}", planned.out);
    assert_eq!(
        (source.list().await, target.list().await),
        before,
        "{pair}: a plan changes nothing"
    );

    let apply = [&["apply", "move.plan"], &*ends].concat();
    shell.run(&apply).await.ok().says(&["journal: move.plan.journal"]);
    assert_eq!(source.list().await, before.0, "{pair}: the source stays on");
    assert_ne!(target.list().await, before.1, "{pair}");
    let after = target.list().await;
    shell.run(&apply).await.ok().says(&["nothing to do"]);
    assert_eq!(target.list().await, after, "{pair}: doing it twice is doing it once");
    shell.run(&[&["verify", "move.plan"], &*ends].concat()).await.ok();
    let again = shell.run(&[&*plan, &["--json"]].concat()).await;
    let again: Value = serde_json::from_str(&again.out).unwrap();
    assert_eq!(again["steps"], serde_json::json!([]), "{pair}: everything is there already");

    shell.run(&[&*apply, &["--retire"]].concat()).await.ok();
    assert_eq!(source.active().await, 0, "{pair}: the source is switched off");
    assert_eq!(target.list().await, after, "{pair}: retiring is about the source only");
    assert_no_keys(&shell, &[&source.key, &target.key]);
    assert!(active > 0);

    let rollback = [&["rollback", "move.plan.journal", "--settle", "0s"], &*ends].concat();
    shell.run(&rollback).await.ok();
    assert_eq!((source.list().await, target.list().await), before, "{pair}: all as it was");
    shell.run(&rollback).await.ok().says(&["0 steps undone"]);
}

/// How many names of a webhook live on.
fn survivors(plan: &Value, url: &str) -> u64 {
    let items = plan["webhooks"].as_array().unwrap();
    let item = items.iter().find(|item| item["url"] == url).unwrap();
    let lines = item["events"].as_array().unwrap();
    lines.iter().filter(|line| line["to"] != serde_json::json!([])).count() as u64
}

#[track_caller]
fn assert_no_keys(shell: &Shell, keys: &[&str]) {
    for file in ["move.plan", "move.plan.journal"] {
        let text = std::fs::read_to_string(shell.path(file)).unwrap();
        for key in keys {
            assert!(!text.contains(key), "{file} holds an API key");
        }
    }
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(shell.path("move.plan.journal")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
