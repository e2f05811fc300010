//! A move from what `waypost export` wrote, where the account itself is not at hand any more.

use serde_json::json;
use waypost_compat::Dialect;

use super::{Account, Desk, Server, read_json};
use crate::support::process::API_KEY;

#[tokio::test(flavor = "multi_thread")]
async fn an_exported_file_is_a_source_and_its_secrets_go_along_where_they_can() {
    let (old, new) = (Server::start(), Server::start());
    let source = Account::at(&old.process.url, Dialect::Posthawk).await;
    let id = source.register("https://a.example/", &["delivery", "bounce"]).await.unwrap();
    let secret = source.secret_of(&id);
    let target = Account::at(&new.process.url, Dialect::MailingApi).await;
    let desk = Desk::new(&[("WAYPOST_TO_KEY", &target.key), ("WAYPOST_API_KEY", API_KEY)]);
    let export = ["export", "--with-secrets", "--out", "all.json", "--url", &old.process.url];
    desk.waypost(&export).await.ok();
    let to = ["--to", "mailingapi", "--to-url", &target.url, "--out", "move.plan"];
    let plan = [&["plan", "--from", "posthawk", "--from-file", "all.json"], &to[..]].concat();
    desk.run(&plan).await.ok();
    let planned = std::fs::read_to_string(desk.path("move.plan")).unwrap();
    assert!(!planned.contains(&secret), "a plan holds no secret");
    assert_eq!(read_json(&desk.path("move.plan"))["retire"], json!(null), "nobody to retire");
    desk.run(&["apply", "move.plan"]).await.ok();
    let made = target.list().await["data"][0].clone();
    assert_eq!(
        (&made["url"], &made["events"]),
        (&json!("https://a.example/"), &json!(["delivered", "bounced"]))
    );
    let journal = std::fs::read_to_string(desk.path("move.plan.journal")).unwrap();
    assert!(journal.contains(&secret), "it was carried over");
    desk.run(&["rollback", "move.plan.journal"]).await.ok();
    assert_eq!(target.list().await["data"], json!([]));
}
