//! The way back where things have changed meanwhile.

use http::Method;
use serde_json::json;
use waypost::client::api::Payload;
use waypost_compat::Dialect;

use super::{Account, Server, Shell};
use crate::support::mailgun::StandIn;
use crate::support::process::API_KEY;

const KEY: &str = "key-outside";

fn shell() -> Shell {
    Shell::new(&[("WAYPOST_FROM_KEY", KEY), ("WAYPOST_INTO_KEY", API_KEY)])
}

/// A Mailgun account with webhooks on both levels.
async fn mailgun() -> StandIn {
    let mailgun = StandIn::start(KEY, "key-signing", &["one.example"]).await;
    mailgun.list("one.example", "delivered", &["https://a.example/".to_owned()]);
    mailgun.entry("https://e.example/", &["delivered"]);
    mailgun
}

async fn led(shell: &Shell, mailgun: &StandIn, gateway: &str, name: &str) {
    let plan = ["plan", "--from", "mailgun", "--from-url", &mailgun.url, "--into", gateway];
    shell.run(&[&plan[..], &["--allow-private", "--out", name]].concat()).await.ok();
    shell.run(&["apply", name, "--from-url", &mailgun.url]).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn places_are_given_back_though_the_gateway_is_gone() {
    let (mailgun, gateway, shell) = (mailgun().await, Server::start(), shell());
    let before = mailgun.webhooks();
    led(&shell, &mailgun, &gateway.process.url, "in.plan").await;
    let Server { process, _data } = gateway;
    process.kill();
    let back = ["rollback", "in.plan.journal", "--settle", "0s", "--from-url", &mailgun.url];
    shell.run(&back).await.code(5).says(&["could not be put back", "gateway"]);
    assert_eq!(mailgun.webhooks(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_owner_added_meanwhile_stays_and_what_was_removed_stops_nothing() {
    let (mailgun, gateway, shell) = (mailgun().await, Server::start(), shell());
    led(&shell, &mailgun, &gateway.process.url, "in.plan").await;
    let now = mailgun.urls("one.example", "delivered");
    mailgun.list("one.example", "delivered", &[now[0].clone(), "https://new.example/".to_owned()]);
    mailgun.remove_entries();
    let back = ["rollback", "in.plan.journal", "--settle", "0s", "--from-url", &mailgun.url];
    shell.run(&back).await.code(5).says(&["https://e.example/ was removed"]);
    let urls = mailgun.urls("one.example", "delivered");
    assert_eq!(urls, ["https://a.example/", "https://new.example/"]);
    shell.run(&back).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_later_move_uses_is_not_removed_by_an_earlier_ones_journal() {
    let (mailgun, gateway, shell) = (mailgun().await, Server::start(), shell());
    led(&shell, &mailgun, &gateway.process.url, "one.plan").await;
    let back = ["rollback", "one.plan.journal", "--settle", "0s", "--from-url", &mailgun.url];
    shell.run(&back).await.ok();
    led(&shell, &mailgun, &gateway.process.url, "two.plan").await;
    let during = mailgun.webhooks();
    let retire = [&back[..], &["--retire", "--after", "0s"]].concat();
    shell.run(&retire).await.code(5).says(&["a later move uses it"]);
    assert_eq!(mailgun.webhooks(), during);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_was_paused_while_it_was_led_is_not_made_active() {
    let (provider, gateway) = (Server::start(), Server::start());
    let account = Account::at(&provider.process.url, Dialect::MailStack).await;
    let id = account.register("https://a.example/", &["Delivered"]).await.unwrap();
    let given = format!("{id}={}", account.secret_of(&id));
    let shell = Shell::new(&[("WAYPOST_FROM_KEY", &account.key), ("WAYPOST_INTO_KEY", API_KEY)]);
    let flags = account.flags("from");
    let mut ends: Vec<&str> = flags.iter().map(String::as_str).collect();
    ends.extend(["--secret", &given]);
    let plan = ["plan", "--from", "mailstack", "--into", &gateway.process.url, "--allow-private"];
    shell.run(&[&plan[..], &["--out", "in.plan"], &ends].concat()).await.ok();
    shell.run(&[&["apply", "in.plan"], &*ends].concat()).await.ok();
    let listed = account.list().await;
    let led = listed[0]["url"].as_str().unwrap();
    account.pause(&id, led, &["Delivered"]).await;
    shell.run(&[&["rollback", "in.plan.journal"], &*ends].concat()).await.ok();
    let now = account.list().await;
    assert_eq!((&now[0]["url"], &now[0]["enabled"]), (&json!("https://a.example/"), &json!(false)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_not_replaced_under_webhooks_that_came_after_the_plan() {
    let (mailgun, gateway, shell) = (mailgun().await, Server::start(), shell());
    let before = mailgun.webhooks();
    let plan = ["plan", "--from", "mailgun", "--from-url", &mailgun.url];
    let into = ["--into", &gateway.process.url, "--allow-private", "--out", "in.plan"];
    shell.run(&[&plan[..], &into[..]].concat()).await.ok();
    let inside = waypost::client::api::Api::basic(&gateway.process.url, API_KEY).unwrap();
    let form = [("url", "https://own.example/"), ("event_types", "opened")];
    inside.call(Method::POST, "/v1/webhooks", Payload::Form(&form)).await.unwrap();
    let key = inside.get("/v5/accounts/http_signing_key").await.unwrap();
    let apply = ["apply", "in.plan", "--from-url", &mailgun.url];
    shell.run(&apply).await.code(5).says(&["plan again"]);
    assert_eq!(inside.get("/v5/accounts/http_signing_key").await.unwrap(), key);
    assert_eq!(mailgun.webhooks(), before);
}
