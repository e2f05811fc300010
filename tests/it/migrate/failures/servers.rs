//! Servers that are busy, broken, silent, somewhere else, or of another size than thought.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::time::Instant;
use waypost::client::api::Api;
use waypost_compat::Dialect;

use super::super::proxy::{Act, Proxy, answer};
use super::super::{DOMAIN, Server, Shell};
use super::Move;
use crate::support::mailgun::{Mood, StandIn};
use crate::support::process::API_KEY;

/// A Mailgun account that is led through a gateway and given back.
struct TakeOver {
    account: StandIn,
    gateway: Server,
    shell: Shell,
}

impl TakeOver {
    async fn new(domains: &[&str]) -> Self {
        let account = StandIn::start(API_KEY, "signing", domains).await;
        let shell = Shell::new(&[("WAYPOST_FROM_KEY", API_KEY), ("WAYPOST_INTO_KEY", API_KEY)]);
        Self { account, gateway: Server::start(), shell }
    }

    async fn run(&self, arguments: &[&str]) -> super::Ran {
        let ends = ["--from-url", &self.account.url, "--into", &self.gateway.process.url];
        self.shell.run(&[arguments, &ends].concat()).await.hides(&[API_KEY])
    }
}

const PLAN: [&str; 6] = ["plan", "--from", "mailgun", "--allow-private", "--out", "in.plan"];
const ROLLBACK: [&str; 4] = ["rollback", "in.plan.journal", "--settle", "0s"];

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_429_is_sat_out() {
    let found = TakeOver::new(&[DOMAIN]).await;
    found.account.list(DOMAIN, "opened", &["https://one.example/".to_owned()]);
    let before = found.account.webhooks();
    for arguments in [&PLAN[..], &["apply", "in.plan"], &ROLLBACK] {
        found.account.is(Mood::Busy(3));
        let ran = found.run(arguments).await.ok();
        ran.says(&["(429)", "trying again"]);
    }
    assert_eq!(found.account.webhooks(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_that_lasts_ends_the_run_with_the_time_to_come_back() {
    let found = Move::new(Dialect::Posthawk, Dialect::MailingApi).await;
    for (headers, body) in [
        (&[("retry-after", "3600")][..], "{}"),
        (&[], r#"{"retry-seconds": 3600}"#),
        (
            &[
                ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
                ("retry-after", "Sun, 06 Nov 1994 09:49:37 GMT"),
            ],
            "{}",
        ),
    ] {
        let storm = Proxy::answering(429, headers, body).await;
        let ends = found.through("--to-url", &storm.url);
        let ran = found.run_between(&found.planning(), &ends).await.code(1);
        ran.says(&["(429)", "asks for 3600 s", "run the same command again", "--patience"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_fails_half_of_the_time_is_taken_over_and_given_back() {
    let found = TakeOver::new(&[DOMAIN, "other.example"]).await;
    let urls = ["https://one.example/".to_owned(), "https://two.example/".to_owned()];
    found.account.list(DOMAIN, "opened", &urls);
    found.account.list("other.example", "delivered", &urls[..1]);
    found.account.entry("https://one.example/", &["delivered"]);
    let before = found.account.webhooks();
    found.account.is(Mood::Flaky);
    found.run(&PLAN).await.ok();
    found.run(&["apply", "in.plan"]).await.ok().says(&["(500)", "trying again"]);
    let during = found.account.webhooks();
    assert!(urls.iter().all(|url| !during.contains(url)), "{during}");
    found.run(&["verify", "in.plan"]).await.ok();
    found.run(&ROLLBACK).await.ok();
    assert_eq!(found.account.webhooks(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_fails_half_of_the_time_gets_each_webhook_once() {
    for to in [Dialect::MailingApi, Dialect::Wistfare] {
        let found = Move::new(Dialect::Posthawk, to).await;
        let calls = AtomicUsize::new(0);
        let failed = || answer(500, &[], String::new());
        let flaky = Proxy::before(&found.target.url, move |_| {
            // By a hash of its number: an even beat would meet the same call each time.
            let number = calls.fetch_add(1, Ordering::SeqCst);
            match number.wrapping_mul(2_654_435_761) >> 11 & 3 {
                1 => Act::Answer(failed()),
                3 => Act::Afterwards(Box::new(move |_| failed())),
                _ => Act::Pass,
            }
        })
        .await;
        let ends = found.through("--to-url", &flaky.url);
        let before = found.target().await;
        let out = ["--out", "move.plan"];
        let ran = found.run_between(&[&found.planning()[..], &out].concat(), &ends).await;
        assert!([0, 3].contains(&ran.code), "{}", ran.err);
        found.run_between(&["apply", "move.plan"], &ends).await.ok();
        let listed = found.target().await.to_string();
        for name in ["one", "two", "three"] {
            let url = format!("https://{name}.example/hook");
            assert_eq!(listed.matches(&url).count(), 1, "{to}: {listed}");
        }
        found.run_between(&["verify", "move.plan"], &ends).await.ok();
        found.run_between(&["rollback", "move.plan.journal"], &ends).await.ok();
        assert_eq!(found.target().await, before, "{to}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_in_the_middle_says_how_far_it_came_and_both_ways_are_open() {
    let found = Move::new(Dialect::Posthawk, Dialect::MailingApi).await;
    let (made, full) = (AtomicUsize::new(0), Arc::new(AtomicBool::new(true)));
    let is_full = Arc::clone(&full);
    let picky = Proxy::before(&found.target.url, move |head| {
        let refuses = head.method == Method::POST
            && made.fetch_add(1, Ordering::SeqCst) > 0
            && is_full.load(Ordering::SeqCst);
        let body = r#"{"error":{"message":"too many webhooks"}}"#;
        if refuses { Act::Answer(answer(400, &[], body.to_owned())) } else { Act::Pass }
    })
    .await;
    let ends = found.through("--to-url", &picky.url);
    let before = found.target().await;
    found.plan().await;
    for _ in 0..2 {
        let ran = found.run_between(&["apply", "move.plan"], &ends).await.code(5);
        ran.says(&["too many webhooks", "1 of 3 steps are done", "the same command goes on"]);
    }
    found.run(&["verify", "move.plan"]).await.code(1).says(&["not carried out", "migrate apply"]);
    found.run_between(&["rollback", "move.plan.journal"], &ends).await.ok();
    assert_eq!(found.target().await, before, "half of a move is rolled back");
    found.run_between(&["apply", "move.plan"], &ends).await.code(5);
    full.store(false, Ordering::SeqCst);
    found.run_between(&["apply", "move.plan"], &ends).await.ok();
    found.run(&["verify", "move.plan"]).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_no_api_is_told_by_what_it_sent() {
    let found = Move::new(Dialect::Posthawk, Dialect::MailingApi).await;
    let page = "<!doctype html>\n<html><head><title>Welcome to nginx!</title></head></html>";
    for (status, code) in [(200, 1), (404, 4)] {
        let site = Proxy::answering(status, &[("content-type", "text/html")], page).await;
        let ends = found.through("--from-url", &site.url);
        let ran = found.run_between(&found.planning(), &ends).await.code(code);
        ran.says(&["a web page: Welcome to nginx!", "--from-url", "base URL"]);
    }
    let moved = Proxy::answering(301, &[("location", "https://api.example/")], "").await;
    let ends = found.through("--from-url", &moved.url);
    let ran = found.run_between(&found.planning(), &ends).await.code(5);
    ran.says(&["moved to https://api.example/", "--from-url"]);
    let other = Proxy::answering(200, &[], r#"{"hello": "world"}"#).await;
    let ends = found.through("--to-url", &other.url);
    let ran = found.run_between(&found.planning(), &ends).await.code(1);
    ran.says(&["expected a list of webhooks", "--to-url"]);
    let ends = found.through("--to-url", &format!("http://api:{API_KEY}@127.0.0.1:1"));
    let ran = found.run_between(&found.planning(), &ends).await.code(2);
    ran.says(&["--to-url", "a key has a flag of its own"]).hides(&[API_KEY]);
    // An SDK's base URL, version and all, is taken as it is written.
    let ends = found.through("--from-url", &format!("{}/v1/", found.source.url));
    let ran = found.run_between(&found.planning(), &ends).await;
    assert!([0, 3].contains(&ran.code), "{}", ran.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_silent_or_away_is_not_waited_for_without_end() {
    let found = Move::new(Dialect::Posthawk, Dialect::MailingApi).await;
    let silent = Proxy::before("http://127.0.0.1:9", |_| Act::Silence).await;
    let ends = found.through("--to-url", &silent.url);
    let patience = [&found.planning()[..], &["--patience", "1s"]].concat();
    let ran = found.run_between(&patience, &ends).await.code(6);
    ran.says(&["did not answer within 1 seconds", "--to-url", "--patience"]);

    let broken = Proxy::answering(503, &[], "").await;
    let ends = found.through("--to-url", &broken.url);
    let ran = found.run_between(&patience, &ends).await.code(6);
    ran.says(&["(503)", "run the same command again"]);

    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let ends = found.through("--to-url", &format!("http://{free}"));
    let began = Instant::now();
    let ran = found.run_between(&found.planning(), &ends).await.code(6);
    ran.says(&["cannot reach", "--to-url"]);
    // With all of its patience, two minutes, it would hardly be at half of it by now.
    assert!(began.elapsed() < Duration::from_secs(60), "a typo is told soon");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_of_250_domains_is_read_to_its_last_page() {
    let names: Vec<String> = (0..250).map(|number| format!("d{number:03}.example")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let found = TakeOver::new(&names).await;
    found.account.list("d249.example", "opened", &["https://last.example/".to_owned()]);
    let before = found.account.webhooks();
    found.run(&PLAN).await.ok().says(&["d249.example"]);
    found.run(&["apply", "in.plan"]).await.ok();
    let inside = Api::basic(&found.gateway.process.url, API_KEY).unwrap();
    let count = inside.get("/v4/domains?limit=1").await.unwrap();
    assert_eq!(count["total_count"], 250);
    let list = inside.get("/v3/domains/d249.example/webhooks").await.unwrap();
    assert_eq!(
        list.pointer("/webhooks/opened/urls/0"),
        Some(&Value::from("https://last.example/"))
    );
    found.run(&ROLLBACK).await.ok();
    assert_eq!(found.account.webhooks(), before);
    let typo = [&PLAN[..], &["--domain", "d2499.example"]].concat();
    found.run(&typo).await.code(4).says(&["did you mean d249.example?", "and 230 more"]);
}
