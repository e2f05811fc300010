//! Every answer's bytes: fields in their order, null and absent where they have always been.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::*;

/// Reads a text as a `T` and writes it again.
#[track_caller]
fn check<T: Serialize + DeserializeOwned>(text: &str) {
    let read: T = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(serde_json::to_string(&read).unwrap(), text);
}

macro_rules! id {
    ($prefix:literal) => {
        concat!("\"", $prefix, "_00112233445566778899aabbccddeeff\"")
    };
}

const AT: &str = "\"2026-01-15T10:30:00.250Z\"";

#[test]
fn accounts_and_keys() {
    let account = format!(r#""id":{},"name":"main""#, id!("acc"));
    check::<Account>(&format!(r#"{{{account},"created_at":{AT}}}"#));
    check::<OwnAccount>(&format!(r#"{{{account},"public_url":"http://a","created_at":{AT}}}"#));
    let key = |dialect: &str, rest: &str| {
        let (id, nulls) = (id!("key"), r#""description":null"#);
        format!(
            r#"{{"id":{id},"dialect":"{dialect}","domain":null,"scope":"manage",{nulls},"created_at":{AT},"expires_at":null{rest}}}"#
        )
    };
    check::<Items<Key>>(&format!(r#"{{"items":[{}]}}"#, key("mailgun", "")));
    check::<Key>(&key("mailstack", r#","org":"org_1""#));
    let issued = key("mailstack", r#","org":"org_1","key":"mst_1""#);
    check::<IssuedKey>(&issued);
    check::<CreatedAccount>(&format!(r#"{{{account},"created_at":{AT},"key":{issued}}}"#));
}

#[test]
fn sources_and_webhooks() {
    let nouns = r#""domain":"a.io","dialect":"posthawk""#;
    check::<Source>(&format!(
        r#"{{"id":{},{nouns},"serves":"all","ingest_url":"http://a/ingest/1","enabled":true,"has_secret":false,"secret_count":0,"created_at":{AT}}}"#,
        id!("src")
    ));
    let webhook = |rest: &str| {
        format!(
            r#"{{"id":{},{nouns},"url":"https://r.io/","events":["*"],"kinds":["opened"],"state":"active","signature":"body","description":null,"created_at":{AT},"updated_at":{AT}{rest}}}"#,
            id!("whk")
        )
    };
    check::<Page<Webhook>>(&format!(r#"{{"items":[{}],"next":null}}"#, webhook("")));
    check::<CreatedWebhook>(&webhook(""));
    check::<CreatedWebhook>(&webhook(r#","secret":"whsec_1""#));
}

#[test]
fn deliveries_and_events() {
    let delivery = |attempts: &str| {
        format!(
            r#"{{"id":{},"event_id":{},"domain":null,"webhook_id":{},"endpoint_id":{},"url":"https://r.io/","dialect":"mailgun","kind":null,"state":"dead","attempts":{attempts},"attempt_count":1,"last_status":503,"last_error":null,"next_attempt_at":null,"created_at":{AT},"replay_of":null}}"#,
            id!("dlv"),
            id!("evt"),
            id!("whk"),
            id!("ept")
        )
    };
    check::<DeliverySummary>(&delivery("1"));
    let attempt = format!(
        r#"{{"id":{},"at":{AT},"duration_ms":3,"status":null,"error":"dns","retry_after_s":null,"address":"[::1]:443","excerpt":"","lost":["x"]}}"#,
        id!("att")
    );
    check::<DeliveryDetail>(&delivery(&format!("[{attempt}]")));
    check::<Replayed>(&format!(r#"{{"id":{}}}"#, id!("dlv")));
    let event = |rest: &str| {
        format!(
            r#"{{"id":{},"domain":"a.io","source":null,"also_by":[],"dialect":"wistfare","kind":"bounced","name":"email.bounced","provider_id":null,"recipient":null,"message_id":null,"occurred_at":null,"received_at":{AT},"duplicates":0,"body_bytes":2{rest}}}"#,
            id!("evt")
        )
    };
    check::<Event>(&event(""));
    check::<EventDetail>(&event(&format!(r#","deliveries":[{}]"#, delivery("0"))));
}

#[test]
fn endpoints() {
    let endpoint = |rate: &str, health: &str| {
        format!(
            r#"{{"id":{},"url":"https://r.io/","domain":"a.io","dialect":"mailgun","webhooks":[{}],"state":"resting","rate":{rate},"concurrency":2,"paused":false,"limits":{{"rate":{rate},"concurrency":2}},"health":{{{health}}},"waiting":3,"waiting_more":true,"oldest_waiting_at":{AT}}}"#,
            id!("ept"),
            id!("whk")
        )
    };
    let failure = format!(
        r#"{{"at":{AT},"delivery_id":{},"status":null,"error":"dns","excerpt":"no such host"}}"#,
        id!("dlv")
    );
    let open = format!(
        r#""failures":12,"first_failure_at":{AT},"last_failure":{failure},"breaker":"half_open","open_since":{AT},"next_probe_at":{AT}"#
    );
    let well = r#""failures":0,"first_failure_at":null,"last_failure":null,"breaker":"closed","open_since":null,"next_probe_at":null"#;
    check::<Endpoint>(&endpoint("2.5", &open));
    check::<Page<Endpoint>>(&format!(r#"{{"items":[{}],"next":null}}"#, endpoint("null", well)));
}

#[test]
fn receipts_errors_and_probes() {
    let id = id!("evt");
    check::<Receipt>(&format!(r#"{{"id":{id},"status":"duplicate"}}"#));
    let error = r#"{"code":"invalid","message":"no","field":"x.y"}"#;
    let items = format!(
        r#""items":[{{"index":0,"id":{id},"status":"accepted"}},{{"index":1,"status":"rejected","error":{error}}}]"#
    );
    check::<Items<BatchItem>>(&format!("{{{items}}}"));
    check::<RefusedBatch>(&format!(r#"{{"error":{{"code":"a","message":"b"}},{items}}}"#));
    check::<ErrorAnswer>(&format!(r#"{{"error":{error}}}"#));
    check::<Health>(r#"{"status":"ready"}"#);
}

#[test]
fn domains_and_names() {
    let (receiving, sending) = (
        r#"{"is_active":true,"cached":[],"priority":"10","record_type":"MX","valid":"unknown","value":"mx"}"#,
        r#"{"is_active":true,"cached":["v"],"name":"n","record_type":"TXT","valid":"valid","value":"v"}"#,
    );
    check::<Domain>(&format!(
        r#"{{"domain":{{"name":"a.io","id":"00","created_at":{AT}}},"receiving_dns_records":[{receiving}],"sending_dns_records":[{sending}]}}"#
    ));
    let names = r#"{"kind":"opened","mailgun":"opened","posthawk":"email.opened","mailstack":"Opened","wistfare":null,"mailingapi":"opened"}"#;
    check::<KindNames>(names);
}

#[test]
fn imports() {
    let change = r#"{"action":"change","kind":"webhook","name":"w","about":"of a.io","fields":[{"field":"url","from":null,"to":["x"]},{"field":"secret","secret":true}]}"#;
    check::<ImportReport>(&format!(
        r#"{{"dry_run":true,"added":1,"changed":1,"removed":0,"changes":[{{"action":"add","kind":"domain","name":"a.io"}},{change}],"new_secrets":[{{"webhook":{},"dialect":"posthawk","domain":null,"url":"https://r.io/"}}],"sources_without_secret":[{{"source":{},"ingest_url":"http://a"}}]}}"#,
        id!("whk"),
        id!("src")
    ));
}

/// A reader of an older version gets along with what a newer one added.
#[track_caller]
fn reads<T: DeserializeOwned + Debug>(text: &str, expected: &str) {
    let read = serde_json::from_str::<T>(text).unwrap();
    assert!(format!("{read:?}").contains(expected), "{read:?}");
}

#[test]
fn new_fields_and_words_do_not_make_an_old_client_fail() {
    let id = id!("evt");
    let text = format!(r#"{{"id":{id},"status":"parked","until":1}}"#);
    reads::<Receipt>(&text, r#"Unknown("parked")"#);
    reads::<Page<Receipt>>(&format!(r#"{{"items":[{text}],"total":1}}"#), "next: None");
    reads::<KindNames>(r#"{"kind":"held","ses":null}"#, r#"Unknown("ses"): None"#);
}
