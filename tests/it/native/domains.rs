//! A domain's DNS records: kept as given, within bounds, whatever else is changed at the time.

use serde_json::{Value, json};

use super::{DOMAIN, gateway, message, refused};

const PATH: &str = "/waypost/v1/domains/example.com";

fn sending(value: &str) -> Value {
    json!({ "record_type": "TXT", "name": DOMAIN, "value": value })
}

#[tokio::test]
async fn records_and_settings_that_are_changed_at_the_same_moment_are_all_kept() {
    let gateway = gateway().await;
    let receiving = json!({ "record_type": "MX", "priority": 10, "value": "mx.example.net" });
    let bodies = [
        json!({ "receiving_dns_records": [receiving] }),
        json!({ "sending_dns_records": [sending("v=spf1 ~all")] }),
    ];
    let patches = bodies.iter().map(|body| gateway.json("PATCH", PATH, body));
    let login = gateway.form("/v3/domains/example.com/credentials", "login=bob&password=secret");
    let (patched, login) = tokio::join!(futures_util::future::join_all(patches), login);
    assert!(patched.iter().all(|answer| answer.status == 200) && login.status == 200);

    let shown = gateway.get("/v4/domains/example.com").await.json();
    assert_eq!(shown["receiving_dns_records"][0]["value"], "mx.example.net");
    assert_eq!(shown["sending_dns_records"][0]["value"], "v=spf1 ~all");
    let logins = gateway.get("/v3/domains/example.com/credentials").await.json();
    assert_eq!(logins["total_count"], 2);
}

#[tokio::test]
async fn what_was_answered_can_be_given_back_as_it_stands() {
    let gateway = gateway().await;
    let body = json!({ "receiving_dns_records": [], "sending_dns_records": [sending("v=spf1")] });
    let answered = gateway.json("PATCH", PATH, &body).await.json();
    for path in [PATH, "/v4/domains/example.com"] {
        let shown = gateway.get(path).await.json();
        let again = gateway.json("PATCH", PATH, &shown).await;
        assert_eq!((again.status, again.json()), (200, answered.clone()), "{path}");
    }
}

#[tokio::test]
async fn a_domain_that_is_made_anew_reports_nothing_of_the_old_one() {
    let gateway = gateway().await;
    let body = json!({ "sending_dns_records": [sending("v=spf1 include:old.example")] });
    assert_eq!(gateway.json("PATCH", PATH, &body).await.status, 200);
    assert_eq!(gateway.delete("/v3/domains/example.com").await.status, 200);
    refused(&gateway.get(PATH).await, 404, "not_found", None);
    gateway.form("/v4/domains", "name=example.com").await;
    assert_eq!(gateway.get(PATH).await.json()["sending_dns_records"], json!([]));
}

#[tokio::test]
async fn more_records_than_a_domain_can_have_are_refused_and_change_nothing() {
    let gateway = gateway().await;
    let field = Some("sending_dns_records");
    let many = json!({ "sending_dns_records": vec![sending("v"); 51] });
    let answer = gateway.json("PATCH", PATH, &many).await;
    refused(&answer, 400, "invalid", field);
    assert_eq!(message(&answer), "expected at most 50 records, found 51");
    let large = json!({ "sending_dns_records": vec![sending(&"v".repeat(4096)); 20] });
    refused(&gateway.json("PATCH", PATH, &large).await, 400, "invalid", field);
    // One list is good and the other is not: neither is kept.
    let half = json!({ "sending_dns_records": [sending("v")], "receiving_dns_records": [7] });
    let answer = gateway.json("PATCH", PATH, &half).await;
    refused(&answer, 400, "invalid", Some("receiving_dns_records[0]"));
    assert_eq!(gateway.get(PATH).await.json()["sending_dns_records"], json!([]));
}
