//! Copies within one provider: two accounts at one address are two, and one account is one however
//! it is reached.

use http::Method;
use serde_json::json;
use waypost::client::api::{Api, Payload};
use waypost_compat::Dialect;

use super::{Account, Server, Shell, read_json};
use crate::support::process::API_KEY;

/// Plans a copy of one account's webhooks to another's.
async fn copy(from: &Account, to: &Account, flags: &[&str]) -> (super::Ran, Shell) {
    let shell = Shell::new(&[("WAYPOST_FROM_KEY", &from.key), ("WAYPOST_TO_KEY", &to.key)]);
    let ends: Vec<String> = [from.flags("from"), to.flags("to")].concat();
    let ends: Vec<&str> = ends.iter().map(String::as_str).collect();
    let dialect = from.dialect.to_string();
    let plan = ["plan", "--from", &dialect, "--to", &dialect, "--out", "copy.plan"];
    let ran = shell.run(&[&plan[..], &ends, flags].concat()).await;
    (ran, shell)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_accounts_at_one_address_are_two_and_two_keys_of_one_are_one() {
    let server = Server::start();
    let one = Account::at(&server.process.url, Dialect::Posthawk).await;
    one.register("https://a.example/", &["delivery"]).await.unwrap();
    let (ran, _) = copy(&one, &one, &[]).await;
    ran.code(2).says(&["the same account", "--to-key"]);
    let again = Account::at(&server.process.url, Dialect::Posthawk).await;
    assert_ne!(again.key, one.key);
    let (ran, _) = copy(&one, &again, &[]).await;
    ran.code(2).says(&["the same account"]);

    // Keys of two domains see two sets of webhooks, as those of two accounts would.
    let owner = Api::basic(&server.process.url, API_KEY).unwrap();
    let form = [("name", "other.example")];
    owner.call(Method::POST, "/v4/domains", Payload::Form(&form)).await.unwrap();
    let body = json!({"dialect": "posthawk", "domain": "other.example"});
    let made = owner.call(Method::POST, "/waypost/v1/keys", Payload::Json(&body)).await.unwrap();
    let other = Account { key: made["key"].as_str().unwrap().to_owned(), ..again };
    let (ran, shell) = copy(&one, &other, &[]).await;
    ran.ok();
    assert_eq!(read_json(&shell.path("copy.plan"))["summary"]["create"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_mailgun_account_copies_from_domain_to_domain_and_keeps_its_entries() {
    let server = Server::start();
    let account = Account::at(&server.process.url, Dialect::Mailgun).await;
    let form = [("name", "other.example")];
    account.api.call(Method::POST, "/v4/domains", Payload::Form(&form)).await.unwrap();
    account.register("https://a.example/", &["delivered"]).await;
    let form = [("url", "https://all.example/"), ("event_types", "opened")];
    account.api.call(Method::POST, "/v1/webhooks", Payload::Form(&form)).await.unwrap();
    let (ran, _) = copy(&account, &account, &["--domain", super::DOMAIN]).await;
    ran.code(2).says(&["the same domain"]);
    let domains = ["--from-domain", super::DOMAIN, "--to-domain", "other.example"];
    let (ran, shell) = copy(&account, &account, &domains).await;
    ran.ok();
    let plan = read_json(&shell.path("copy.plan"));
    let steps = plan["steps"].as_array().unwrap();
    assert_eq!((steps.len(), &steps[0]["do"]), (1, &json!("set_list")), "{plan}");
    assert_eq!(plan["retire"].as_array().unwrap().len(), 1, "the list, and no entry: {plan}");
}
