//! The configuration as a file: written, read back, and everything that is refused.

use serde_json::{Value, json};
use waypost_compat::Dialect;

use super::{gateway, message, refused, text};
use crate::support::http::Answer;
use crate::support::native::Owner;
use waypost::model::Scope;

const EXPORT: &str = "/waypost/v1/export";
const IMPORT: &str = "/waypost/v1/import";

/// The configuration of a whole account, with an entry of every sort.
fn fixture(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/configuration").join(name)
}

fn with_secrets() -> String {
    std::fs::read_to_string(fixture("with-secrets.json")).unwrap()
}

fn file() -> Value {
    serde_json::from_str(&with_secrets()).unwrap()
}

/// Compares with the file, or rewrites it when `UPDATE=1`.
#[track_caller]
fn golden(name: &str, content: &str) {
    let path = fixture(name);
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        std::fs::write(&path, content).unwrap();
    }
    let on_file = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(on_file == content, "{name}: look at what UPDATE=1 changes\n{content}");
}

/// An export less its last section, the keys, which every account has its own of.
fn but_keys(export: &str) -> &str {
    export.split_once("  \"keys\": [").unwrap().0
}

async fn exported(gateway: &Owner, query: &str) -> String {
    let answer = gateway.get(&format!("{EXPORT}{query}")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.text()
}

async fn imported(gateway: &Owner, query: &str, file: &Value) -> Value {
    let answer = gateway.json("POST", &format!("{IMPORT}{query}"), file).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// An account without anything.
async fn empty() -> Owner {
    let gateway = gateway().await;
    gateway.delete("/v3/domains/example.com").await;
    gateway
}

/// An account that holds what the fixture says.
async fn full() -> Owner {
    let gateway = empty().await;
    imported(&gateway, "", &file()).await;
    gateway
}

fn counts(answer: &Value) -> [u64; 3] {
    ["added", "changed", "removed"].map(|name| answer[name].as_u64().unwrap())
}

#[tokio::test]
async fn a_file_brought_to_an_empty_account_is_what_is_exported_there() {
    let gateway = empty().await;
    let answer = imported(&gateway, "", &file()).await;
    assert_eq!(counts(&answer), [14, 1, 0], "{answer}");
    assert_eq!(answer["new_secrets"], json!([]));
    let export = exported(&gateway, "?secrets=true").await;
    assert_eq!(but_keys(&export), but_keys(&with_secrets()));
    golden(
        "plain.json",
        &format!("{}  \"keys\": []\n}}\n", but_keys(&exported(&gateway, "").await)),
    );
    assert_eq!(exported(&gateway, "?secrets=false").await, exported(&gateway, "").await);
}

#[tokio::test]
async fn what_was_brought_works_as_if_it_had_been_registered() {
    let gateway = full().await;
    let urls = gateway.get("/v3/domains/mg.example.com/webhooks/permanent_fail").await.json();
    assert_eq!(
        urls["webhook"]["urls"],
        json!(["https://z.example.net/bounces", "https://a.example.net/bounces"])
    );
    let domain = gateway.get("/v4/domains/mg.example.com").await.json();
    assert_eq!(domain["domain"]["spam_action"], "tag");
    assert_eq!(domain["receiving_dns_records"][0]["value"], "mxa.example.org");
    let key = gateway.get("/v5/accounts/http_signing_key").await.json();
    assert_eq!(key["http_signing_key"], "key-00112233445566778899aabbccddeeff");
    let sources = gateway.get("/waypost/v1/domains/mg.example.com/sources").await.json();
    let ids: Vec<&str> =
        sources["items"].as_array().unwrap().iter().map(|source| text(&source["id"])).collect();
    assert!(ids.contains(&"src_019c2000000000030000000000000000"), "{ids:?}");
}

#[tokio::test]
async fn without_secrets_there_is_no_secret_in_it() {
    let gateway = full().await;
    let key = json!({ "dialect": "posthawk", "description": "for ci" });
    let key = gateway.json("POST", "/waypost/v1/keys", &key).await.json();
    for query in ["", "?secrets=true"] {
        let export = exported(&gateway, query).await;
        // Keys are listed, and their values kept nowhere.
        assert!(export.contains(text(&key["id"])) && export.contains("for ci"));
        assert!(!export.contains(text(&key["key"])));
        assert!(!export.contains("hash"));
    }
    let plain = exported(&gateway, "").await;
    let head: Value = serde_json::from_str(&plain).unwrap();
    assert_eq!((&head["waypost_export"], &head["secrets"]), (&json!(1), &json!(false)));
    for secret in ["whsec_", "key-00112233", "key-ffeeddcc"] {
        assert!(!plain.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn a_file_that_says_what_is_there_changes_nothing() {
    let gateway = full().await;
    let before = exported(&gateway, "?secrets=true").await;
    gateway.wait(std::time::Duration::from_secs(60));
    for query in ["", "?secrets=true"] {
        let file: Value = serde_json::from_str(&exported(&gateway, query).await).unwrap();
        for query in ["", "?prune=true", "?dry_run=true"] {
            let answer = imported(&gateway, query, &file).await;
            assert_eq!(answer["changes"], json!([]), "{query}");
            assert_eq!(counts(&answer), [0, 0, 0]);
        }
    }
    assert_eq!(exported(&gateway, "?secrets=true").await, before);
}

/// The fixture with one thing or another otherwise, of every sort.
fn edited() -> Value {
    let mut file = file();
    file["account"]["signing_key"] = json!("key-another");
    file["domains"][0]["settings"]["spam_action"] = json!("block");
    file["domains"][0]["settings"]["message_ttl"].take();
    file["domains"][0]["settings"].as_object_mut().unwrap().remove("message_ttl");
    file["domains"][1] = json!({ "name": "new.example.com" });
    file["sources"][2]["enabled"] = json!(false);
    file["sources"].as_array_mut().unwrap().remove(3);
    file["webhooks"].as_array_mut().unwrap().swap(2, 3);
    file["webhooks"][1]["url"] = json!("https://hooks.example.net/moved");
    file["webhooks"][1]["secret"] = json!("whsec_another");
    file["webhooks"][5]["state"] = json!("active");
    file["webhooks"].as_array_mut().unwrap().remove(7);
    file
}

#[tokio::test]
async fn a_dry_run_says_what_would_change_and_changes_nothing() {
    let gateway = full().await;
    let before = exported(&gateway, "?secrets=true").await;
    let dry = imported(&gateway, "?dry_run=true&prune=true", &edited()).await;
    golden("changes.json", &format!("{:#}\n", dry["changes"]));
    assert_eq!(dry["dry_run"], true);
    assert_eq!(exported(&gateway, "?secrets=true").await, before);

    let done = imported(&gateway, "?prune=true", &edited()).await;
    assert_eq!(done["changes"], dry["changes"]);
    assert_eq!(done["dry_run"], false);
    let again = imported(&gateway, "?prune=true", &edited()).await;
    assert_eq!(again["changes"], json!([]));
}

#[tokio::test]
async fn what_the_file_lacks_goes_only_where_that_was_asked_for() {
    let gateway = full().await;
    let lacking = json!({
        "waypost_export": 1,
        "secrets": false,
        "domains": [{ "name": "mg.example.com" }],
        "sources": [],
        "webhooks": [],
    });
    let before = exported(&gateway, "?secrets=true").await;
    assert_eq!(imported(&gateway, "", &lacking).await["changes"], json!([]));
    assert_eq!(exported(&gateway, "?secrets=true").await, before);
    let answer = imported(&gateway, "?prune=true", &lacking).await;
    assert_eq!(counts(&answer), [0, 0, 13]);
    let left: Value = serde_json::from_str(&exported(&gateway, "").await).unwrap();
    assert_eq!(left["domains"].as_array().unwrap().len(), 1);
    assert_eq!((&left["sources"], &left["webhooks"]), (&json!([]), &json!([])));
    assert!(left["keys"].as_array().is_some_and(|keys| !keys.is_empty()), "keys stay");
    // A section that is not there at all is none of the file's business.
    let gateway = full().await;
    let head = json!({ "waypost_export": 1, "secrets": false });
    assert_eq!(imported(&gateway, "?prune=true", &head).await["changes"], json!([]));
}

#[tokio::test]
async fn new_urls_stand_where_the_file_has_them_and_others_keep_their_places() {
    let gateway = empty().await;
    gateway.gateway.domain("o.example.com").await;
    let hooks = "/v3/domains/o.example.com/webhooks";
    let add = "id=opened&url=https://b.example/&url=https://extra.example/";
    assert_eq!(gateway.form(hooks, add).await.status, 200);
    let entry = |url: &str| json!({ "dialect": "mailgun", "domain": "o.example.com", "url": url, "events": ["opened"] });
    let file = |urls: &[&str]| {
        let webhooks: Vec<Value> = urls.iter().map(|url| entry(url)).collect();
        json!({ "waypost_export": 1, "secrets": false, "webhooks": webhooks })
    };
    let stand = async || {
        let webhook = gateway.get(&format!("{hooks}/opened")).await.json();
        webhook["webhook"]["urls"].clone()
    };
    imported(&gateway, "", &file(&["https://a.example/", "https://b.example/"])).await;
    let three = ["https://a.example/", "https://b.example/", "https://extra.example/"];
    assert_eq!(stand().await, json!(three));
    let full = file(&["https://c.example/", "https://b.example/"]);
    let answer = gateway.json("POST", IMPORT, &full).await;
    refused(&answer, 409, "limit_reached", Some("webhooks[1].events"));
    assert_eq!(stand().await, json!(three));
    imported(&gateway, "?prune=true", &full).await;
    assert_eq!(stand().await, json!(["https://c.example/", "https://b.example/"]));
}

#[tokio::test]
async fn secrets_that_the_file_lacks_stay() {
    let gateway = full().await;
    let mut plain: Value = serde_json::from_str(&exported(&gateway, "").await).unwrap();
    plain["webhooks"][1]["description"] = json!("changed");
    plain["sources"][2]["enabled"] = json!(false);
    assert_eq!(counts(&imported(&gateway, "", &plain).await), [0, 2, 0]);
    let export: Value = serde_json::from_str(&exported(&gateway, "?secrets=true").await).unwrap();
    for place in ["/webhooks/1/secret", "/webhooks/1/previous_secret", "/sources/2/secrets"] {
        assert_eq!(export.pointer(place), file().pointer(place), "{place}");
    }
    assert_eq!(export["webhooks"][1]["description"], "changed");
}

#[tokio::test]
async fn what_is_new_and_has_no_secret_is_told() {
    let gateway = empty().await;
    let file = json!({
        "waypost_export": 1,
        "secrets": false,
        "domains": [{ "name": "a.example.com" }],
        "sources": [{ "dialect": "posthawk", "domain": "a.example.com" }],
        "webhooks": [{
            "dialect": "posthawk",
            "domain": "a.example.com",
            "url": "https://r.example.net/",
            "events": ["bounce"],
        }],
    });
    let dry = imported(&gateway, "?dry_run=true", &file).await;
    assert_eq!(dry["new_secrets"][0].get("secret"), None, "drawn for nobody");
    let done = imported(&gateway, "", &file).await;
    assert!(text(&done["new_secrets"][0]["secret"]).starts_with("whsec_"));
    let ingest = text(&done["sources_without_secret"][0]["ingest_url"]);
    let path = ingest.split_once("/ingest/").unwrap().1;
    let answer = gateway.request("POST", &format!("/ingest/{path}"), &[], b"{}").await;
    refused(&answer, 401, "no_secret", None);
    // Entries without ids are about what stands there already.
    let again = imported(&gateway, "?prune=true", &file).await;
    assert_eq!((&again["changes"], &again["new_secrets"]), (&json!([]), &json!([])));
}

/// What becomes of a file with one thing in it that is not as it should be.
async fn spoilt(gateway: &Owner, spoil: impl FnOnce(&mut Value)) -> Answer {
    let mut file = file();
    spoil(&mut file);
    gateway.json("POST", IMPORT, &file).await
}

#[tokio::test]
async fn a_file_that_is_not_as_it_should_be_is_refused_whole_with_the_place() {
    let gateway = full().await;
    let before = exported(&gateway, "?secrets=true").await;
    let bad = |place: &'static str, value: Value| {
        move |file: &mut Value| *file.pointer_mut(place).unwrap() = value
    };
    for (place, value, field) in [
        ("/waypost_export", json!(2), "waypost_export"),
        ("/waypost_export", json!("1"), "waypost_export"),
        ("/secrets", json!("yes"), "secrets"),
        ("/domains", json!({}), "domains"),
        ("/domains/1/name", json!("not a domain"), "domains[1].name"),
        ("/domains/1/name", json!("mg.example.com"), "domains[1].name"),
        ("/webhooks/7/domain", json!("absent.example.com"), "webhooks[7].domain"),
        ("/domains/0/mailgun_id", json!("x"), "domains[0].mailgun_id"),
        ("/domains/0/settings/tracking", json!(5), "domains[0].settings.tracking"),
        ("/domains/0/settings", json!({ "colour": 1 }), "domains[0].settings.colour"),
        ("/sources/0/serves", json!("domain"), "sources[0].serves"),
        ("/sources/0/id", json!("src_1"), "sources[0].id"),
        ("/sources/1/dialect", json!("posthawk"), "sources[1].id"),
        ("/sources/1/dialect", json!("sendmail"), "sources[1].dialect"),
        ("/sources/2/secrets", json!([""]), "sources[2].secrets"),
        ("/webhooks/1/url", json!("ftp://x"), "webhooks[1].url"),
        ("/webhooks/2/url", json!("https://a.example.net/bounces"), "webhooks[3].events"),
        ("/webhooks/7/url", json!("http://x.example"), "webhooks[7].url"),
        ("/webhooks/4/events", json!(["bounce", "opened"]), "webhooks[4].events"),
        ("/webhooks/1/events", json!(["delivered"]), "webhooks[1].events"),
        ("/webhooks/1/events", json!([]), "webhooks[1].events"),
        ("/webhooks/1/signature", json!("token"), "webhooks[1].signature"),
        ("/webhooks/1/state", json!("asleep"), "webhooks[1].state"),
        ("/webhooks/1/previous_secret/until", json!("soon"), "webhooks[1].previous_secret.until"),
        ("/webhooks/1/domain", json!("mg.example.com"), "webhooks[1].id"),
    ] {
        let answer = spoilt(&gateway, bad(place, value.clone())).await;
        let error = &answer.json()["error"];
        assert!((400..=409).contains(&answer.status), "{place} {value}: {answer:?}");
        assert_eq!(error["field"], field, "{place} {value}: {error}");
        assert!(message(&answer).starts_with(field), "{error}");
    }
    let newer = spoilt(&gateway, bad("/waypost_export", json!(2))).await;
    assert!(message(&newer).ends_with("expected version 1, found 2, which a newer Waypost wrote"));
    for add in
        ["/color", "/account/color", "/domains/0/color", "/sources/0/color", "/webhooks/0/color"]
    {
        let (at, _) = add.rsplit_once('/').unwrap();
        let answer = spoilt(&gateway, |file| {
            let entry = if at.is_empty() { file } else { file.pointer_mut(at).unwrap() };
            entry["color"] = json!(1);
        })
        .await;
        assert!(message(&answer).contains("found `color`"), "{add}: {answer:?}");
    }
    let twice = spoilt(&gateway, |file| {
        let again = file["webhooks"][0].clone();
        file["webhooks"].as_array_mut().unwrap().push(again);
    });
    refused(&twice.await, 400, "invalid", Some("webhooks[8].id"));
    let shown = spoilt(&gateway, bad("/secrets", json!(false))).await;
    refused(&shown, 400, "invalid", Some("account.signing_key"));
    refused(&gateway.call("POST", IMPORT, b"{").await, 400, "malformed", None);
    refused(&gateway.call("POST", IMPORT, b"[]").await, 400, "invalid", Some("waypost_export"));
    assert_eq!(exported(&gateway, "?secrets=true").await, before);
}

#[tokio::test]
async fn what_belongs_to_another_account_is_refused_without_telling_whose_it_is() {
    let gateway = full().await;
    let account = gateway.json("POST", "/waypost/v1/accounts", &json!({ "name": "other" })).await;
    let other = gateway.with_key(text(&account.json()["key"]["key"]));
    let mine = exported(&other, "?secrets=true").await;
    let head = json!({ "waypost_export": 1, "secrets": true });
    let part = |section: &str, index: usize| {
        let mut part = head.clone();
        part[section] = json!([file()[section][index]]);
        part
    };
    for (file, field) in [
        (part("domains", 0), "domains[0].name"),
        (part("sources", 0), "sources[0].id"),
        (part("webhooks", 0), "webhooks[0].id"),
    ] {
        for query in ["", "?dry_run=true"] {
            let answer = other.json("POST", &format!("{IMPORT}{query}"), &file).await;
            refused(&answer, 409, "taken", Some(field));
        }
    }
    assert_eq!(exported(&other, "?secrets=true").await, mine);
    // And nobody sees anything of anybody else's.
    assert!(!mine.contains("example.com"), "{mine}");
}

#[tokio::test]
async fn only_whoever_manages_the_whole_account_reads_secrets_or_imports() {
    let gateway = full().await;
    let key = async |dialect, scope, domain| {
        gateway.with_key(&gateway.gateway.key(dialect, scope, domain).await)
    };
    let bound = key(Dialect::Mailgun, Scope::Manage, Some("news.example.com")).await;
    refused(&bound.get(&format!("{EXPORT}?secrets=true")).await, 403, "forbidden", None);
    refused(&bound.json("POST", IMPORT, &file()).await, 403, "forbidden", None);
    // Of its own domain it sees what it sees elsewhere too.
    let part: Value = serde_json::from_str(&exported(&bound, "").await).unwrap();
    assert_eq!(part["domain"], "news.example.com");
    assert_eq!(part.get("account"), None);
    assert_eq!(part["domains"].as_array().unwrap().len(), 1);
    assert_eq!(part["webhooks"].as_array().unwrap().len(), 1);
    assert_eq!(part["keys"].as_array().unwrap().len(), 1);
    // Such a part must not stand for the whole when pruning.
    let pruned = gateway.json("POST", &format!("{IMPORT}?prune=true"), &part).await;
    refused(&pruned, 400, "invalid", Some("domain"));
    assert_eq!(imported(&gateway, "", &part).await["changes"], json!([]));

    for restricted in [
        key(Dialect::Mailgun, Scope::Read, None).await,
        key(Dialect::Posthawk, Scope::Manage, None).await,
    ] {
        refused(&restricted.get(EXPORT).await, 403, "forbidden", None);
        refused(&restricted.json("POST", IMPORT, &file()).await, 403, "forbidden", None);
    }
    refused(&gateway.with_key("nobody").get(EXPORT).await, 401, "unauthorized", None);
    refused(&gateway.declare(IMPORT, 30 << 20).await, 401, "unauthorized", None);
}

#[tokio::test]
async fn a_thousand_domains_are_moved_in_one_step() {
    let gateway = empty().await;
    let names: Vec<String> = (0..1000).map(|number| format!("d{number:04}.example.com")).collect();
    let webhook = |name: &String| {
        ["delivered", "permanent_fail", "complained"].map(|event| {
            let url = format!("https://hooks.example.net/{name}/{event}?padding={:0200}", 0);
            json!({ "dialect": "mailgun", "domain": name, "url": url, "events": [event] })
        })
    };
    let file = json!({
        "waypost_export": 1,
        "secrets": false,
        "domains": names.iter().map(|name| json!({ "name": name })).collect::<Vec<_>>(),
        "webhooks": names.iter().flat_map(webhook).collect::<Vec<_>>(),
    });
    assert!(file.to_string().len() > gateway.settings().body_bytes_max, "beyond --body-limit");
    assert_eq!(counts(&imported(&gateway, "", &file).await), [4000, 0, 0]);
    let export = exported(&gateway, "").await;
    let file: Value = serde_json::from_str(&export).unwrap();
    assert_eq!(imported(&gateway, "?prune=true", &file).await["changes"], json!([]));
    let long = format!("{{\"x\":\"{}\"}}", "x".repeat(33 << 20));
    refused(&gateway.call("POST", IMPORT, long.as_bytes()).await, 413, "too_large", None);
}
