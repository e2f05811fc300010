//! Refused: keys, places, domains, organisations, and plans that do not fit any more.

use http::Method;
use serde_json::json;
use waypost::client::api::{Api, Payload};
use waypost_compat::Dialect;

use super::super::{Account, DOMAIN, Server, Shell};
use super::Move;
use crate::support::mailgun::StandIn;
use crate::support::process::API_KEY;

const WRONG: &str = "key-ffffffffffffffffffffffffffffffff";

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_told_with_the_flag_to_correct() {
    let mut found = Move::new(Dialect::Posthawk, Dialect::MailingApi).await;
    for (variable, flag) in [("WAYPOST_FROM_KEY", "--from-key"), ("WAYPOST_TO_KEY", "--to-key")] {
        let right = found.shell.environment[variable].clone();
        found.shell = found.shell.with(variable, Some(WRONG));
        let ran = found.run(&found.planning()).await.code(5);
        ran.says(&["refused the key", flag, "(401)"]).hides(&[WRONG]);
        found.shell = found.shell.with(variable, None);
        let ran = found.run(&found.planning()).await.code(2);
        ran.says(&["expected an API key, found none", flag, variable]);
        found.shell = found.shell.with(variable, Some(&right));
    }
    found.plan().await;
    let (right, before) = (found.target.key.clone(), found.target().await);
    found.shell = found.shell.with("WAYPOST_TO_KEY", Some(WRONG));
    let ran = found.run(&["apply", "move.plan"]).await.code(5);
    ran.says(&["--to-key", "nothing was changed"]).hides(&[WRONG]);
    assert_eq!(found.target().await, before);
    found.shell = found.shell.with("WAYPOST_TO_KEY", Some(&right));
    found.run(&["apply", "move.plan"]).await.ok();
    found.run(&["verify", "move.plan"]).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn mailguns_other_region_is_told_beside_the_wrong_key() {
    let account = StandIn::start(API_KEY, "signing", &[DOMAIN]).await;
    let gateway = Server::start();
    let shell = Shell::new(&[("WAYPOST_FROM_KEY", WRONG), ("WAYPOST_INTO_KEY", API_KEY)]);
    let plan = ["plan", "--from", "mailgun", "--from-url", &account.url, "--allow-private"];
    let plan = [&plan[..], &["--into", &gateway.process.url]].concat();
    let ran = shell.run(&plan).await.code(5);
    ran.says(&["api.mailgun.net", "api.eu.mailgun.net", "--from-url", "--from-key"])
        .hides(&[WRONG]);
    let shell = shell.with("WAYPOST_FROM_KEY", Some(API_KEY)).with("WAYPOST_INTO_KEY", Some(WRONG));
    let ran = shell.run(&plan).await.code(5);
    ran.says(&["the gateway", "--into-key", "that --into is the server"]).hides(&[WRONG]);
    let circle = [&plan[..5], &["--allow-private", "--into", &account.url]].concat();
    shell.run(&circle).await.code(2).says(&["are the same server", "--into"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_typo_in_a_domain_is_answered_with_what_was_meant() {
    let account = StandIn::start(API_KEY, "signing", &[DOMAIN, "other.org"]).await;
    let server = Server::start();
    let keys = [("WAYPOST_FROM_KEY", API_KEY), ("WAYPOST_INTO_KEY", API_KEY)];
    let shell = Shell::new(&[&keys[..], &[("WAYPOST_TO_KEY", API_KEY)]].concat());
    let from = ["plan", "--from", "mailgun", "--from-url", &account.url];
    let into = ["--into", &server.process.url, "--allow-private"];
    let to = ["--to", "mailgun", "--to-url", &server.process.url];
    for place in [&into[..], &to[..]] {
        let typo = [&from[..], place, &["--domain", "mg.exmaple.com"]].concat();
        let ran = shell.run(&typo).await.code(4);
        ran.says(&["did you mean mg.example.com?", "--from-domain", "other.org"]);
    }
    let unnamed = [&from[..], &to[..]].concat();
    let ran = shell.run(&unnamed).await.code(2);
    ran.says(&["expected --from-domain or --domain", "2 domains", DOMAIN, "other.org"]);
    let elsewhere = [&unnamed[..], &["--domain", DOMAIN]].concat();
    let ran = shell.run(&elsewhere).await.code(4);
    ran.says(&["no domain mg.example.com, nor any other", "--to-key", "--to-url"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organisation_that_is_missing_or_wrong_is_told() {
    let found = Move::new(Dialect::MailStack, Dialect::Posthawk).await;
    let at = found.ends.iter().position(|flag| flag == "--from-org").unwrap();
    let mut ends = found.ends.clone();
    "org_of_somebody_else".clone_into(&mut ends[at + 1]);
    let ran = found.run_between(&found.planning(), &ends).await.code(5);
    ran.says(&["check --from-org"]);
    ends.drain(at..=at + 1);
    let ran = found.run_between(&found.planning(), &ends).await.code(2);
    ran.says(&["mailstack needs an organisation", "--from-org"]);
    found.plan().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_may_only_read_plans_and_applies_nothing() {
    let mut found = Move::new(Dialect::Posthawk, Dialect::Mailgun).await;
    let form = [("role", "support"), ("kind", "user")];
    let made = found.target.api.call(Method::POST, "/v1/keys", Payload::Form(&form)).await.unwrap();
    let reading = made["key"]["secret"].as_str().unwrap();
    found.shell = found.shell.with("WAYPOST_TO_KEY", Some(reading));
    found.plan().await;
    let before = found.target().await;
    let ran = found.run(&["apply", "move.plan"]).await.code(5);
    ran.says(&["may read but not change", "--to-key", "0 of ", "waypost migrate rollback"])
        .hides(&[reading]);
    assert_eq!(found.target().await, before);
    found.shell = found.shell.with("WAYPOST_TO_KEY", Some(API_KEY));
    found.run(&["apply", "move.plan"]).await.ok();
    found.run(&["verify", "move.plan"]).await.ok();
    found.run(&["rollback", "move.plan.journal", "--settle", "0s"]).await.ok();
    assert_eq!(found.target().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailgun_account_whose_key_may_only_read_is_not_led_anywhere() {
    let (old, gateway) = (Server::start(), Server::start());
    let api = Api::basic(&old.process.url, API_KEY).unwrap();
    let hooks = format!("/v3/domains/{DOMAIN}/webhooks");
    for (at, form) in [
        ("/v4/domains", vec![("name", DOMAIN)]),
        (&*hooks, vec![("id", "opened"), ("url", "https://one.example/")]),
    ] {
        api.call(Method::POST, at, Payload::Form(&form)).await.unwrap();
    }
    let before = api.get(&hooks).await.unwrap();
    let form = [("role", "support"), ("kind", "user")];
    let made = api.call(Method::POST, "/v1/keys", Payload::Form(&form)).await.unwrap();
    let reading = made["key"]["secret"].as_str().unwrap();
    let shell = Shell::new(&[("WAYPOST_FROM_KEY", reading), ("WAYPOST_INTO_KEY", API_KEY)]);
    let ends = ["--from-url", &old.process.url, "--into", &gateway.process.url];
    // A key that only reads may not be shown the signing key either.
    let key = api.get("/v5/accounts/http_signing_key").await.unwrap();
    let key = ["--signing-key", key["http_signing_key"].as_str().unwrap()];
    let plan = ["plan", "--from", "mailgun", "--allow-private", "--out", "in.plan"];
    shell.run(&[&plan[..], &ends, &key].concat()).await.ok();
    let apply = [&["apply", "in.plan"][..], &ends, &key].concat();
    let ran = shell.run(&apply).await.code(5);
    ran.says(&["may read but not change", "--from-key", " steps are done"]).hides(&[reading]);
    assert_eq!(api.get(&hooks).await.unwrap(), before, "the account is as it was");
    let shell = shell.with("WAYPOST_FROM_KEY", Some(API_KEY));
    shell.run(&apply).await.ok();
    assert_ne!(api.get(&hooks).await.unwrap(), before);
    let back = ["rollback", "in.plan.journal", "--settle", "0s"];
    shell.run(&[&back[..], &ends].concat()).await.ok();
    assert_eq!(api.get(&hooks).await.unwrap(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_does_not_fit_any_more_is_refused_with_a_diff() {
    let found = Move::new(Dialect::Posthawk, Dialect::MailingApi).await;
    for account in [&found.source, &found.target] {
        found.plan().await;
        let names = &account.dialect.names()[..1];
        let id = account.register("https://late.example/", names).await.unwrap();
        let before = (found.source.list().await, found.target().await);
        let ran = found.run(&["apply", "move.plan"]).await.code(5);
        ran.says(&["plan again", &format!("+ {id} https://late.example/"), "nothing was changed"]);
        assert_eq!((found.source.list().await, found.target().await), before);
    }
    // The journal of the refused plan is in nobody's way.
    found.plan().await;
    found.run(&["apply", "move.plan"]).await.ok();
    found.run(&["verify", "move.plan"]).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_changed_since_is_not_overwritten_on_the_way_back() {
    let found = Move::new(Dialect::Posthawk, Dialect::Mailgun).await;
    let before = found.target().await;
    found.plan().await;
    found.run(&["apply", "move.plan"]).await.ok();
    let ours = found.target().await;
    let lists = ours["webhooks"].as_object().unwrap();
    let event = lists.keys().next().unwrap();
    let at = format!("{}/{event}", found.target.path());
    let theirs = [("url", "https://theirs.example/")];
    found.target.api.call(Method::PUT, &at, Payload::Form(&theirs)).await.unwrap();
    let changed = found.target().await;

    let ran = found.run(&["apply", "move.plan"]).await.ok();
    ran.says(&["nothing to do"]);
    let ran = found.run(&["verify", "move.plan"]).await.code(1);
    ran.says(&["BAD", "https://theirs.example/", "put back"]);
    found.run(&["rollback", "move.plan.journal", "--settle", "0s"]).await.ok();
    let left = found.target().await;
    assert_eq!(left["webhooks"][event], changed["webhooks"][event], "theirs stays theirs");
    let there_before = [("url", "https://there.before/")];
    found.target.api.call(Method::PUT, &at, Payload::Form(&there_before)).await.unwrap();
    assert_eq!(found.target().await, before, "and all else is as it was");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_somebody_chose_since_are_not_overwritten_either() {
    let found = Move::new(Dialect::MailStack, Dialect::Posthawk).await;
    found.plan().await;
    found.run(&["apply", "move.plan", "--retire"]).await.ok();
    let listed = found.source.list().await;
    let one = listed.as_array().or_else(|| listed["data"].as_array()).unwrap()[0].clone();
    let at = format!("{}/{}", found.source.path(), one["id"].as_str().unwrap());
    let put = |names: String| json!({"url": one["url"], "eventTypes": names, "enabled": false});
    let theirs = put(Dialect::MailStack.names()[3..5].join(","));
    found.source.api.call(Method::PUT, &at, Payload::Json(&theirs)).await.unwrap();
    found.run(&["rollback", "move.plan.journal", "--settle", "0s"]).await.ok();
    assert_eq!(found.source.active().await, 3, "what was switched off is on again");
    let now = found.source.api.get(&at).await.unwrap();
    assert_eq!(now["eventTypes"], theirs["eventTypes"], "with the events that they chose");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_put_back_is_told_and_the_rest_is() {
    let (old, gateway) = (Server::start(), Server::start());
    let account = Account::at(&old.process.url, Dialect::Mailgun).await;
    account.register("https://one.example/", &["opened", "clicked"]).await;
    let keys = [("WAYPOST_FROM_KEY", API_KEY), ("WAYPOST_INTO_KEY", API_KEY)];
    let shell = Shell::new(&keys);
    let ends = ["--from-url", &account.url, "--into", &gateway.process.url];
    let plan = ["plan", "--from", "mailgun", "--allow-private", "--out", "in.plan"];
    shell.run(&[&plan[..], &ends].concat()).await.ok();
    shell.run(&[&["apply", "in.plan"][..], &ends].concat()).await.ok();
    let at = format!("{}/opened", account.path());
    account.api.call(Method::DELETE, &at, Payload::None).await.unwrap();
    let back = ["rollback", "in.plan.journal", "--settle", "0s"];
    let ran = shell.run(&[&back[..], &ends].concat()).await.code(5);
    ran.says(&["could not be put back", "opened", "it was removed"]);
    let left = account.list().await;
    assert_eq!(left["webhooks"]["clicked"]["urls"][0], "https://one.example/");
}
