//! Moves into a gateway that has something already: of an earlier move, or of its own.

use http::Method;
use serde_json::{Value, json};
use waypost::client::api::{Api, Payload};
use waypost_compat::Dialect;

use super::{Account, DOMAIN, Ran, Server, Shell};
use crate::support::process::API_KEY;

/// Plans to lead an account through a gateway.
async fn plan(account: &Account, gateway: &Server, flags: &[&str]) -> (Ran, Shell) {
    let shell = Shell::new(&[("WAYPOST_FROM_KEY", &account.key), ("WAYPOST_INTO_KEY", API_KEY)]);
    let dialect = account.dialect.to_string();
    let into = ["--into", &gateway.process.url, "--allow-private", "--out", "in.plan"];
    let ends = account.flags("from");
    let ends: Vec<&str> = ends.iter().map(String::as_str).collect();
    let ran = shell.run(&[&["plan", "--from", &dialect][..], &into, &ends, flags].concat()).await;
    (ran, shell)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_is_not_put_between_itself_and_its_receivers() {
    let server = Server::start();
    let mut mailgun = Account::at(&server.process.url, Dialect::Mailgun).await;
    let form = [("url", "https://a.example/"), ("event_types", "opened")];
    mailgun.api.call(Method::POST, "/v1/webhooks", Payload::Form(&form)).await.unwrap();
    mailgun.url = format!("{}/v3", server.process.url);
    let (ran, _) = plan(&mailgun, &server, &[]).await;
    ran.code(2).says(&["the same server", "--from-url"]);
    // Under another name only the webhooks say so.
    mailgun.url = server.process.url.replace("127.0.0.1", "localhost");
    let (ran, _) = plan(&mailgun, &server, &[]).await;
    ran.code(5).says(&["one and the same"]);
    let mut posthawk = Account::at(&server.process.url, Dialect::Posthawk).await;
    let id = posthawk.register("https://b.example/", &["delivery"]).await.unwrap();
    posthawk.url.clone_from(&mailgun.url);
    let (ran, _) = plan(&posthawk, &server, &["--domain", DOMAIN]).await;
    ran.code(5).says(&["one and the same", &id]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_off_a_list_since_the_first_move_is_not_served_by_a_second() {
    let (provider, gateway) =
        (Server::with(&["--signing-key", "key-2b9c64cd1ab1fbd1a4a8a8ff0cb9a5d3"]), Server::start());
    let account = Account::at(&provider.process.url, Dialect::Mailgun).await;
    for url in ["https://kept.example/", "https://gone.example/"] {
        account.register(url, &["delivered"]).await;
    }
    let url = ["--from-url", &account.url];
    let (ran, shell) = plan(&account, &gateway, &[]).await;
    ran.ok();
    shell.run(&[&["apply", "in.plan"], &url[..]].concat()).await.ok();
    shell.run(&[&["rollback", "in.plan.journal", "--settle", "0s"], &url[..]].concat()).await.ok();
    let list = format!("{}/delivered", account.path());
    let form = [("url", "https://kept.example/")];
    account.api.call(Method::PUT, &list, Payload::Form(&form)).await.unwrap();

    let inside = Api::basic(&gateway.process.url, API_KEY).unwrap();
    let listed = inside.get("/waypost/v1/webhooks").await.unwrap();
    let is_gone = |item: &&Value| item["url"] == "https://gone.example/";
    let gone = listed["items"].as_array().unwrap().iter().find(is_gone).unwrap();
    let id = gone["id"].as_str().unwrap();
    let (ran, _) = plan(&account, &gateway, &[]).await;
    ran.code(5).says(&[id, "https://gone.example/", "DELETE /waypost/v1/webhooks/"]);
    let at = format!("/waypost/v1/webhooks/{id}");
    inside.call(Method::DELETE, &at, Payload::None).await.unwrap();
    let (ran, _) = plan(&account, &gateway, &[]).await;
    ran.ok();

    let sources = inside.get("/waypost/v1/sources").await.unwrap();
    let source = sources["items"][0]["id"].as_str().unwrap();
    let at = format!("/waypost/v1/sources/{source}");
    let off = json!({"enabled": false});
    inside.call(Method::PATCH, &at, Payload::Json(&off)).await.unwrap();
    let (ran, _) = plan(&account, &gateway, &[]).await;
    // One that takes nothing is not used: another is made.
    ran.ok().says(&["lead through the gateway"]);
    let ingest = sources["items"][0]["ingest_url"].as_str().unwrap();
    let form = [("url", ingest)];
    account.api.call(Method::PUT, &list, Payload::Form(&form)).await.unwrap();
    let (ran, _) = plan(&account, &gateway, &[]).await;
    ran.code(5).says(&["switched off", source, "--enabled true"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_does_not_open_the_accounts_own_webhooks_takes_over_nothing() {
    let (provider, gateway) = (Server::start(), Server::start());
    let account = Account::at(&provider.process.url, Dialect::Mailgun).await;
    account.register("https://a.example/", &["delivered"]).await;
    let body = json!({"dialect": "mailgun", "domain": DOMAIN});
    let made = account.api.call(Method::POST, "/waypost/v1/keys", Payload::Json(&body)).await;
    let bound = Account { key: made.unwrap()["key"].as_str().unwrap().to_owned(), ..account };
    let (ran, _) = plan(&bound, &gateway, &["--domain", DOMAIN]).await;
    ran.code(5).says(&["the account's own webhooks", "403", "whole account"]);
}
