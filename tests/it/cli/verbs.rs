//! The verbs that are clients of a running server, from a domain to a replayed delivery.

use tempfile::TempDir;

use super::{Ran, assert_refused, run, run_with};
use crate::support::process::{API_KEY, Process};
use crate::support::receiver::Receiver;

const DOMAIN: &str = "verbs.example.com";

/// An event as MailingAPI posts it.
const SENT: &[u8] = br#"{"id":"evt_1","type":"delivered","timestamp":"2024-01-15T10:30:00Z",
    "data":{"message_id":"msg_1","to":"user@example.com","subject":"Hi"}}"#;

/// Runs a verb against a gateway.
struct Cli<'a> {
    url: &'a str,
}

impl Cli<'_> {
    fn run(&self, arguments: &[&str]) -> Ran {
        run(&[arguments, &["--url", self.url, "--api-key", API_KEY]].concat())
    }

    /// What a verb that works prints.
    #[track_caller]
    fn ok(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(0), "{arguments:?}: {}", ran.err);
        ran.out
    }

    #[track_caller]
    fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let out = self.ok(&[arguments, &["--json"]].concat());
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {out}"))
    }
}

#[test]
fn an_account_is_added_with_a_key_that_opens_it_alone() {
    let data = TempDir::new().unwrap();
    let gateway = Process::start(data.path());
    let cli = Cli { url: &gateway.url };
    let made = cli.json(&["account", "add", "second"]);
    assert!(cli.ok(&["account", "list"]).contains("second"));
    let key = made["key"]["key"].as_str().unwrap();
    let with_it = ["--url", &gateway.url, "--api-key", key];
    let shown = run(&[&["account", "show", "--json"], &with_it[..]].concat());
    assert!(shown.out.contains(made["id"].as_str().unwrap()), "{}{}", shown.out, shown.err);
    let refused = run(&[&["account", "list"], &with_it[..]].concat());
    assert_refused(&refused, 5, &["the account that the server was first started with"]);
}

#[test]
fn domains_come_and_go() {
    let data = TempDir::new().unwrap();
    let gateway = Process::start(data.path());
    let cli = Cli { url: &gateway.url };
    assert_eq!(cli.ok(&["domain", "list"]), "none\n");
    assert_eq!(cli.ok(&["domain", "add", DOMAIN]), format!("added {DOMAIN}\n"));
    let list = cli.ok(&["domain", "list"]);
    assert!(list.starts_with("DOMAIN ") && list.contains(DOMAIN), "{list}");
    assert!(cli.ok(&["domain", "show", DOMAIN]).contains("state"));
    assert_eq!(cli.json(&["domain", "show", DOMAIN])["domain"]["name"], DOMAIN);
    cli.ok(&["domain", "remove", DOMAIN]);
    assert_refused(&cli.run(&["domain", "show", DOMAIN]), 4, &["404"]);
}

#[test]
fn dns_records_are_shown_and_set_from_a_file_or_standard_input() {
    let data = TempDir::new().unwrap();
    let gateway = Process::start(data.path());
    let cli = Cli { url: &gateway.url };
    cli.ok(&["domain", "add", DOMAIN]);
    assert_eq!(cli.ok(&["domain", "dns", DOMAIN]), "none\n");

    let records = br#"{"receiving_dns_records": [
        {"record_type": "MX", "priority": "10", "value": "mxa.mailgun.org"}]}"#;
    let set = ["domain", "dns", DOMAIN, "--file", "-", "--url", cli.url, "--api-key", API_KEY];
    let set = run_with(&set, records);
    assert_eq!(set.code, Some(0), "{}", set.err);
    let shown = cli.ok(&["domain", "dns", DOMAIN]);
    let row = shown.lines().nth(1).unwrap().split_whitespace().collect::<Vec<_>>();
    assert_eq!(row, ["receiving", "MX", "-", "10", "mxa.mailgun.org", "unknown"], "{shown}");

    // What was shown can be put into a file, edited, and given back.
    let file = data.path().join("records.json");
    let mut answer = cli.json(&["domain", "dns", DOMAIN]);
    answer["receiving_dns_records"][0]["value"] = "mx.example.net".into();
    std::fs::write(&file, answer.to_string()).unwrap();
    let file = file.to_str().unwrap();
    assert!(cli.ok(&["domain", "dns", DOMAIN, "--file", file]).contains("mx.example.net"));

    std::fs::write(file, "MX 10 mx.example.net").unwrap();
    assert_refused(
        &cli.run(&["domain", "dns", DOMAIN, "--file", file]),
        1,
        &["expected JSON", file],
    );
    assert_refused(&cli.run(&["domain", "dns", DOMAIN, "--file", "/no/such"]), 1, &["/no/such"]);
}

#[test]
fn a_key_is_shown_once_and_opens_nothing_once_removed() {
    let data = TempDir::new().unwrap();
    let gateway = Process::start(data.path());
    let cli = Cli { url: &gateway.url };
    let made = cli.json(&["key", "add", "mailgun", "--description", "for ci"]);
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    let list = cli.ok(&["key", "list"]);
    assert!(list.contains(id) && list.contains("for ci") && !list.contains(key), "{list}");
    let with_it = ["domain", "list", "--url", &gateway.url, "--api-key", key];
    assert_eq!(run(&with_it).code, Some(0));
    cli.ok(&["key", "remove", id]);
    assert_refused(&run(&with_it), 5, &["WAYPOST_API_KEY"]);
}

#[test]
fn webhooks_are_added_changed_and_removed() {
    let data = TempDir::new().unwrap();
    let gateway = Process::start(data.path());
    let cli = Cli { url: &gateway.url };
    cli.ok(&["domain", "add", DOMAIN]);
    let (one, two) = ("https://a.example.com/x?y=1", "https://b.example.com/");
    cli.ok(&["webhook", "add", DOMAIN, "opened", one, two]);
    let list = cli.ok(&["webhook", "list", DOMAIN]);
    let urls: Vec<_> = list.lines().map(|row| row.split_whitespace().nth(1).unwrap()).collect();
    assert_eq!(urls, ["URL", one, two], "{list}");
    assert_eq!(
        cli.ok(&["webhook", "show", DOMAIN, "opened"]),
        format!("opened  {one}\nopened  {two}\n")
    );
    assert_refused(&cli.run(&["webhook", "add", DOMAIN, "opened", one]), 5, &["already exists"]);
    cli.ok(&["webhook", "set", DOMAIN, "opened", two]);
    assert_eq!(cli.ok(&["webhook", "show", DOMAIN, "opened"]), format!("opened  {two}\n"));
    cli.ok(&["webhook", "remove", DOMAIN, "opened"]);
    assert_refused(&cli.run(&["webhook", "show", DOMAIN, "opened"]), 4, &["Webhook not found"]);
}

#[test]
fn sources_are_added_changed_and_removed_without_showing_their_secret() {
    let data = TempDir::new().unwrap();
    let gateway = Process::start(data.path());
    let cli = Cli { url: &gateway.url };
    cli.ok(&["domain", "add", DOMAIN]);
    let made = cli.run(&["source", "add", DOMAIN, "posthawk"]);
    assert!(made.err.contains("until it has a secret"), "{}", made.err);
    let id = cli.json(&["source", "list", DOMAIN])["items"][0]["id"].as_str().unwrap().to_owned();
    cli.ok(&["source", "set", DOMAIN, &id, "--secret", "whsec_0123456789"]);
    let again = ["--secret", "whsec_9876543210", "--keep-previous"];
    let both = cli.json(&[&["source", "set", DOMAIN, &id], &again[..]].concat());
    assert_eq!(both["secret_count"], 2);
    let off = cli.json(&["source", "set", DOMAIN, &id, "--enabled", "false"]);
    assert_eq!(off["enabled"], false);
    let shown = cli.ok(&["source", "show", DOMAIN, &id]);
    assert!(shown.contains(&format!("/ingest/{id}")) && !shown.contains("0123456789"), "{shown}");
    cli.ok(&["source", "remove", DOMAIN, &id]);
    assert_eq!(cli.ok(&["source", "list", DOMAIN]), "none\n");
}

#[test]
fn a_source_for_all_domains_needs_no_domain_to_be_named() {
    let data = TempDir::new().unwrap();
    let gateway = Process::start(data.path());
    let cli = Cli { url: &gateway.url };
    cli.ok(&["domain", "add", DOMAIN]);
    let wide = ["source", "add", "--all-domains", "mailgun", "--serves", "account"];
    let wide = cli.json(&[&wide[..], &["--secret", "whsec_0123456789"]].concat());
    let id = wide["id"].as_str().unwrap();
    cli.ok(&["source", "add", DOMAIN, "mailgun", "--serves", "domain"]);
    let list = cli.ok(&["source", "list"]);
    let line = |word: &str| list.lines().any(|line| line.split_whitespace().any(|w| w == word));
    assert!(line("SERVES") && line("account") && line("domain") && line(DOMAIN), "{list}");
    assert_eq!(cli.ok(&["source", "list", DOMAIN]).lines().count(), 2);
    assert_eq!(cli.json(&["source", "set", id, "--serves", "all"])["serves"], "all");
    assert!(cli.ok(&["source", "show", id]).contains("all"));
    assert_eq!(cli.ok(&["event", "list", "--source", id]), "none\n");
    cli.ok(&["source", "remove", id]);
    assert_refused(&cli.run(&["source", "show", id]), 4, &["there is no source"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_sent_by_hand_is_delivered_listed_and_replayed() {
    let data = TempDir::new().unwrap();
    let gateway = Process::start(data.path());
    let receiver = Receiver::start().await;
    let cli = Cli { url: &gateway.url };
    cli.ok(&["domain", "add", DOMAIN]);
    cli.ok(&["webhook", "add", DOMAIN, "delivered", &receiver.url]);
    let send = ["event", "send", DOMAIN, "--dialect", "mailingapi"];
    let sent = run_with(&[&send[..], &["--url", cli.url, "--api-key", API_KEY]].concat(), SENT);
    assert_eq!(sent.code, Some(0), "{}", sent.err);
    let got = receiver.nth(0).await.json();
    assert_eq!(got["event-data"]["recipient"], "user@example.com");

    let events = cli.json(&["event", "list", "--domain", DOMAIN]);
    let event = events["items"][0]["id"].as_str().unwrap();
    assert!(cli.ok(&["event", "show", event]).contains("user@example.com"));
    assert_eq!(cli.ok(&["event", "show", event, "--body"]).as_bytes(), SENT);
    assert_eq!(cli.ok(&["event", "list", "--kind", "opened"]), "none\n");

    let deliveries = cli.json(&["delivery", "list", "--domain", DOMAIN]);
    let delivery = deliveries["items"][0]["id"].as_str().unwrap();
    assert!(cli.ok(&["delivery", "show", delivery]).contains(event));
    assert!(cli.ok(&["delivery", "replay", delivery]).contains("replayed as dlv_"));
    let again = receiver.nth(1).await.json();
    assert_eq!(again["event-data"], got["event-data"]);
    assert_eq!(cli.json(&["delivery", "list"])["items"].as_array().unwrap().len(), 2);
}

#[test]
fn endpoints_are_listed_limited_paused_and_resumed() {
    let data = TempDir::new().unwrap();
    let gateway = Process::start(data.path());
    let cli = Cli { url: &gateway.url };
    cli.ok(&["domain", "add", DOMAIN]);
    assert_eq!(cli.ok(&["endpoint", "list"]), "none\n");
    cli.ok(&["webhook", "add", DOMAIN, "delivered", "https://a.example/hook"]);
    let listed = cli.json(&["endpoint", "list"]);
    let id = listed["items"][0]["id"].as_str().unwrap();
    let shown = cli.json(&["endpoint", "set", id, "--rate", "0.5", "--concurrency", "2"]);
    assert_eq!((&shown["rate"], &shown["concurrency"]), (&0.5.into(), &2.into()));
    assert_eq!(cli.json(&["endpoint", "pause", id])["state"], "paused");
    let table = cli.ok(&["endpoint", "list", "--domain", DOMAIN]);
    assert!(table.contains("paused") && table.contains("https://a.example/hook"), "{table}");
    assert_eq!(cli.json(&["endpoint", "resume", id])["state"], "active");
    let cleared = cli.json(&["endpoint", "set", id, "--rate", "none"]);
    assert!(cleared["rate"].is_null() && cleared["concurrency"] == 2, "{cleared}");
    assert!(cli.ok(&["endpoint", "show", id]).contains("health.breaker"));
    assert_refused(&cli.run(&["endpoint", "show", "ept_1"]), 4, &["there is no endpoint"]);
    assert_refused(&cli.run(&["endpoint", "set", id]), 2, &["--rate"]);
}
