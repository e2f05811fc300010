//! A move from what `waypost export` wrote, where the account itself is not at hand any more.

use serde_json::json;
use waypost_compat::Dialect;

use super::{Account, Server, Shell, read_json};
use crate::support::process::API_KEY;

#[tokio::test(flavor = "multi_thread")]
async fn an_exported_file_is_a_source_and_its_secrets_go_along_where_they_can() {
    let (old, new) = (Server::start(), Server::start());
    let source = Account::at(&old.process.url, Dialect::Posthawk).await;
    let id = source.register("https://a.example/", &["delivery", "bounce"]).await.unwrap();
    let secret = source.secret_of(&id);
    let target = Account::at(&new.process.url, Dialect::MailingApi).await;
    let shell = Shell::new(&[("WAYPOST_TO_KEY", &target.key), ("WAYPOST_API_KEY", API_KEY)]);
    let export = ["export", "--with-secrets", "--out", "all.json", "--url", &old.process.url];
    shell.waypost(&export).await.ok();
    let to = ["--to", "mailingapi", "--to-url", &target.url, "--out", "move.plan"];
    let plan = [&["plan", "--from", "posthawk", "--from-file", "all.json"], &to[..]].concat();
    shell.run(&plan).await.ok();
    let planned = std::fs::read_to_string(shell.path("move.plan")).unwrap();
    assert!(!planned.contains(&secret), "a plan holds no secret");
    assert_eq!(read_json(&shell.path("move.plan"))["retire"], json!(null), "nobody to retire");
    shell.run(&["apply", "move.plan"]).await.ok();
    let made = target.list().await["data"][0].clone();
    assert_eq!(
        (&made["url"], &made["events"]),
        (&json!("https://a.example/"), &json!(["delivered", "bounced"]))
    );
    let journal = std::fs::read_to_string(shell.path("move.plan.journal")).unwrap();
    assert!(journal.contains(&secret), "it was carried over");
    shell.run(&["rollback", "move.plan.journal"]).await.ok();
    assert_eq!(target.list().await["data"], json!([]));
}

/// The plan of a move from `all.json`, which holds these webhooks.
async fn planned(webhooks: serde_json::Value, flags: &[&str]) -> (super::Ran, Shell) {
    let new = Server::start();
    let target = Account::at(&new.process.url, Dialect::Posthawk).await;
    let shell = Shell::new(&[("WAYPOST_TO_KEY", &target.key)]);
    let text = json!({ "webhooks": webhooks }).to_string();
    std::fs::write(shell.path("all.json"), text).unwrap();
    let to = ["--to", "posthawk", "--to-url", &target.url, "--out", "move.plan"];
    let from = ["plan", "--from-file", "all.json"];
    let ran = shell.run(&[&from[..], &to[..], flags].concat()).await;
    (ran, shell)
}

fn webhook(id: &str, domain: Option<&str>, event: &str, state: &str) -> serde_json::Value {
    json!({
        "id": id,
        "dialect": "mailgun",
        "domain": domain,
        "url": "https://a.example/",
        "events": [event],
        "state": state,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_file_says_to_be_paused_is_paused_at_the_target() {
    let webhooks = json!([
        webhook("1", Some("mg.example.com"), "delivered", "active"),
        webhook("2", Some("mg.example.com"), "opened", "paused"),
        webhook("3", None, "clicked", "paused"),
    ]);
    let (ran, shell) = planned(webhooks, &["--from", "mailgun"]).await;
    ran.ok();
    let plan = read_json(&shell.path("move.plan"));
    let steps = plan["steps"].as_array().unwrap().iter();
    let made: Vec<_> = steps
        .map(|step| (step["row"]["events"][0].clone(), step["row"]["enabled"].clone()))
        .collect();
    let expected = [("delivery", true), ("open", false), ("click", false)];
    assert_eq!(made, expected.map(|(name, on)| (json!(name), json!(on))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_with_several_domains_needs_one_to_be_named() {
    let webhooks = json!([
        webhook("1", Some("one.example"), "delivered", "active"),
        webhook("2", Some("two.example"), "opened", "active"),
    ]);
    let (ran, _) = planned(webhooks.clone(), &["--from", "mailgun"]).await;
    ran.code(2).says(&["--domain", "one.example, two.example"]);
    let (ran, shell) = planned(webhooks, &["--from", "mailgun", "--domain", "two.example"]).await;
    ran.ok();
    let plan = read_json(&shell.path("move.plan"));
    assert_eq!(plan["summary"]["subscriptions"], 1);
    let url = plan["from"]["url"].as_str().unwrap();
    assert!(url.starts_with("file:/"), "apply may be run from another folder: {url}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_a_file_lacks_can_be_given() {
    let (old, new) = (Server::start(), Server::start());
    let source = Account::at(&old.process.url, Dialect::Posthawk).await;
    source.register("https://a.example/", &["delivery"]).await.unwrap();
    let target = Account::at(&new.process.url, Dialect::MailingApi).await;
    let shell = Shell::new(&[("WAYPOST_TO_KEY", &target.key), ("WAYPOST_API_KEY", API_KEY)]);
    shell.waypost(&["export", "--out", "all.json", "--url", &old.process.url]).await.ok();
    let to = ["--to", "mailingapi", "--to-url", &target.url, "--out", "move.plan"];
    let plan = [&["plan", "--from", "posthawk", "--from-file", "all.json"], &to[..]].concat();
    shell.run(&plan).await.ok().says(&["secret-regenerated"]);
    let by_url =
        shell.run(&[&plan[..], &["--secret", "https://a.example/=whsec_kept"]].concat()).await;
    by_url.code(2).says(&["the id of a webhook"]);
    let id = read_json(&shell.path("all.json"))["webhooks"][0]["id"].clone();
    let id = id.as_str().unwrap();
    let secret = format!("{id}=whsec_00112233445566778899aabbccddeeff00112233445566778899");
    shell.run(&[&plan[..], &["--secret", &secret]].concat()).await.ok();
    assert_eq!(read_json(&shell.path("move.plan"))["steps"][0]["row"]["secret_of"], json!(id));
    shell.run(&["apply", "move.plan", "--secret", &secret]).await.ok();
    let journal = std::fs::read_to_string(shell.path("move.plan.journal")).unwrap();
    assert!(journal.contains("whsec_001122"), "it was carried over");
}
