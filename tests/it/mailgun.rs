//! Mailgun's API beyond what transcripts show: races, strangers, and arbitrary input.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use waypost::clock::Clock;
use waypost::config::Settings;
use waypost::model::{AccountId, Scope};
use waypost_compat::Dialect;

use crate::support::http::basic;
use crate::support::{Gateway, KEY, account, add_domain};

const HOOKS: &str = "/v3/domains/example.com/webhooks";

#[tokio::test(flavor = "multi_thread")]
async fn of_many_clients_that_create_at_once_exactly_one_does() {
    let gateway = Gateway::start().await;
    gateway.domain("example.com").await;
    let calls = (0..8).map(|n| {
        let form = format!("id=clicked&url=https%3A%2F%2Fa.example%2F{n}");
        let gateway = &gateway;
        async move { gateway.mailgun("POST", HOOKS, &form).await.status }
    });
    let mut statuses = futures_util::future::join_all(calls).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400, 400, 400, 400, 400, 400, 400]);
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_are_changed_at_the_same_moment_are_all_kept() {
    let gateway = Gateway::start().await;
    gateway.domain("example.com").await;
    let forms = [
        ("/v3/domains/example.com/tracking/open", "active=yes"),
        ("/v3/domains/example.com/tracking/click", "active=htmlonly"),
        ("/v3/domains/example.com/tracking/unsubscribe", "active=true&text_footer=bye"),
        ("/v3/domains/example.com/connection", "require_tls=1"),
        ("/v3/domains/example.com/web_prefix", "web_prefix=links"),
        ("/v4/domains/example.com", "spam_action=tag&wildcard=true"),
    ];
    let calls = forms.map(|(path, form)| gateway.mailgun("PUT", path, form));
    for answer in futures_util::future::join_all(calls).await {
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let tracking = gateway.mailgun("GET", "/v3/domains/example.com/tracking", "").await.json();
    assert_eq!(tracking["tracking"]["open"]["active"], true);
    assert_eq!(tracking["tracking"]["click"]["active"], "htmlonly");
    assert_eq!(tracking["tracking"]["unsubscribe"]["text_footer"], "bye");
    let domain = gateway.mailgun("GET", "/v4/domains/example.com", "").await.json();
    assert_eq!(domain["domain"]["require_tls"], true);
    assert_eq!(domain["domain"]["web_prefix"], "links");
    assert_eq!(domain["domain"]["spam_action"], "tag");
    assert_eq!(domain["domain"]["wildcard"], true);
}

#[tokio::test]
async fn nobody_sees_another_accounts_domains_webhooks_or_keys() {
    let gateway = Gateway::start().await;
    let other = AccountId::from_bytes([7; 16]);
    account(&gateway.app, other, "their-key").await;
    add_domain(&gateway.app, other, "theirs.example").await;
    let theirs = "/v3/domains/theirs.example/webhooks";
    let form = "id=clicked&url=https%3A%2F%2Fa.example";
    assert_eq!(gateway.mailgun_as("their-key", "POST", theirs, form).await.status, 200);
    let both = format!("{form}&event_types=opened");
    let made = gateway.mailgun_as("their-key", "POST", "/v1/webhooks", &both).await.json();
    let id = made["webhook_id"].as_str().unwrap().to_owned();
    let keys = gateway.mailgun_as("their-key", "GET", "/v1/keys", "").await.json();
    let key = keys["items"][0]["id"].as_str().unwrap().to_owned();
    let calls = [
        ("GET", theirs.to_owned()),
        ("POST", theirs.to_owned()),
        ("GET", format!("{theirs}/clicked")),
        ("PUT", format!("{theirs}/clicked")),
        ("DELETE", format!("{theirs}/clicked")),
        ("PUT", format!("{theirs}/clicked/test")),
        ("DELETE", "/v4/domains/theirs.example/webhooks?url=https://a.example".to_owned()),
        ("GET", "/v4/domains/theirs.example".to_owned()),
        ("PUT", "/v4/domains/theirs.example".to_owned()),
        ("DELETE", "/v3/domains/theirs.example".to_owned()),
        ("PUT", "/v3/domains/theirs.example/tracking/open".to_owned()),
        ("GET", "/v3/domains/theirs.example/credentials".to_owned()),
        ("PUT", "/v3/domains/theirs.example/credentials/postmaster".to_owned()),
        ("DELETE", "/v3/domains/theirs.example/credentials".to_owned()),
        ("GET", "/v4/domains/theirs.example/keys".to_owned()),
        ("PUT", "/v4/domains/theirs.example/keys/s1/activate".to_owned()),
        ("POST", "/v1/dkim/keys?signing_domain=theirs.example".to_owned()),
        ("GET", "/v1/dmarc/records/theirs.example".to_owned()),
        ("POST", "/v2/x509/email.theirs.example".to_owned()),
        ("GET", "/v3/theirs.example/bounces".to_owned()),
        ("POST", "/v3/theirs.example/unsubscribes".to_owned()),
        ("GET", format!("/v1/webhooks/{id}")),
        ("PUT", format!("/v1/webhooks/{id}")),
        ("DELETE", format!("/v1/webhooks/{id}")),
        ("DELETE", format!("/v1/webhooks?webhook_ids={id}")),
        ("DELETE", format!("/v1/keys/{key}")),
    ];
    for (method, path) in calls {
        let form = "id=clicked&url=https%3A%2F%2Fb.example&event_types=opened&active=yes";
        let answer = gateway.mailgun(method, &path, form).await;
        assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text());
    }
    assert_eq!(gateway.mailgun("GET", "/v4/domains", "").await.json()["total_count"], 0);
    assert_eq!(gateway.mailgun("GET", "/v1/keys", "").await.json()["total_count"], 1);
    let kept = gateway.mailgun_as("their-key", "GET", theirs, "").await;
    assert_eq!(kept.json()["webhooks"]["clicked"]["urls"][0], "https://a.example");
}

#[tokio::test]
async fn a_key_stops_opening_anything_when_it_expires_or_is_deleted() {
    let clock = Clock::manual(waypost::model::Timestamp::from_millis(1_740_437_043_000));
    let gateway = Gateway::with(Settings::default(), clock.clone(), |app| app).await;
    let form = "role=admin&expiration=60";
    let made = gateway.mailgun("POST", "/v1/keys", form).await.json();
    let secret = made["key"]["secret"].as_str().unwrap().to_owned();
    assert_eq!(gateway.mailgun_as(&secret, "GET", "/v4/domains", "").await.status, 200);
    clock.advance(std::time::Duration::from_secs(60));
    assert_eq!(gateway.mailgun_as(&secret, "GET", "/v4/domains", "").await.status, 401);
    let made = gateway.mailgun("POST", "/v1/keys", "role=admin").await.json();
    let (id, secret) = (&made["key"]["id"], made["key"]["secret"].as_str().unwrap());
    let path = format!("/v1/keys/{}", id.as_str().unwrap());
    assert_eq!(gateway.mailgun("DELETE", &path, "").await.status, 200);
    assert_eq!(gateway.mailgun_as(secret, "GET", "/v4/domains", "").await.status, 401);
}

#[tokio::test]
async fn the_key_id_header_names_new_style_keys_only() {
    let gateway = Gateway::start().await;
    let known = gateway.mailgun("GET", "/v4/domains", "").await;
    assert_eq!(known.header("x-mailgun-key-id"), Some("01234567-89abcdef"));
    let old = gateway.key(Dialect::Mailgun, Scope::Manage, None).await;
    let old = gateway.mailgun_as(&old, "GET", "/v4/domains", "").await;
    assert_eq!((old.status, old.header("x-mailgun-key-id")), (200, None));
    let wrong = KEY.replace("89abcdef", "89abcde0");
    let refused = gateway.mailgun_as(&wrong, "GET", "/v4/domains", "").await;
    assert_eq!((refused.status, refused.header("x-mailgun-key-id")), (401, None));
}

/// A path of the API, or one of its words in any order.
fn path() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("v1".to_owned()),
        Just("v3".to_owned()),
        Just("v4".to_owned()),
        Just("v5".to_owned()),
        Just("domains".to_owned()),
        Just("example.com".to_owned()),
        Just("webhooks".to_owned()),
        Just("clicked".to_owned()),
        Just("test".to_owned()),
        Just("keys".to_owned()),
        Just("tracking".to_owned()),
        Just("credentials".to_owned()),
        Just("accounts".to_owned()),
        Just("dkim".to_owned()),
        Just("x509".to_owned()),
        Just("bounces".to_owned()),
        "[%a-zA-Z0-9._~!$&'()*+,;=:@-]{0,12}",
    ];
    let real = prop_oneof![
        Just("/v3/domains/example.com/webhooks".to_owned()),
        Just("/v3/domains/example.com/webhooks/clicked".to_owned()),
        Just("/v3/domains/example.com/webhooks/clicked/test".to_owned()),
        Just("/v4/domains/example.com/webhooks".to_owned()),
        Just("/v4/domains".to_owned()),
        Just("/v4/domains/example.com".to_owned()),
        Just("/v3/domains/example.com/tracking/unsubscribe".to_owned()),
        Just("/v3/domains/example.com/credentials".to_owned()),
        Just("/v3/domains/example.com/credentials/postmaster".to_owned()),
        Just("/v3/domains/example.com/connection".to_owned()),
        Just("/v1/dkim/keys".to_owned()),
        Just("/v3/example.com/bounces".to_owned()),
        Just("/v2/x509/email.example.com/status".to_owned()),
        Just("/v1/webhooks".to_owned()),
        Just("/v1/webhooks/0123456789abcdef01234567".to_owned()),
        Just("/v1/keys".to_owned()),
    ];
    let made_up =
        proptest::collection::vec(part, 0..6).prop_map(|parts| format!("/{}", parts.join("/")));
    prop_oneof![real, made_up]
}

/// A request of hostile make: real words of the API in impossible combinations, with bytes that no
/// client would send.
fn request() -> impl Strategy<Value = Vec<u8>> {
    let method = prop_oneof![
        Just("GET"),
        Just("POST"),
        Just("PUT"),
        Just("DELETE"),
        Just("PATCH"),
        Just("OPTIONS"),
        Just("HEAD"),
    ];
    let content_type = prop_oneof![
        Just("application/x-www-form-urlencoded".to_owned()),
        Just("multipart/form-data; boundary=X".to_owned()),
        Just("application/json".to_owned()),
        "[ -~]{0,40}",
    ];
    let field = "(url|id|event_types|name|limit|webhook_ids|active|role)(\\[[0-9]?\\])?=[%a-z0-9:/.,]{0,30}";
    let body = prop_oneof![
        proptest::collection::vec(field, 0..6).prop_map(|fields| fields.join("&").into_bytes()),
        proptest::collection::vec(any::<u8>(), 0..120),
        proptest::collection::vec("\"(url|id|name|active|login|self)(\\[\\])?\":(null|true|-?[0-9]{1,30}|\"[ -~]{0,9}\"|\\[(\"a\",){0,3}[01]?\\]|\\{\\})", 0..4)
            .prop_map(|fields| format!("{{{}}}", fields.join(",")).into_bytes()),
        "(--X(--)?\r\n|Content-Disposition: form-data; name=\"?url\"?\r\n|\r\n|[ -~]{0,20}){0,8}"
            .prop_map(String::into_bytes),
    ];
    let query = "[%a-z0-9=&,\\[\\]]{0,30}";
    (method, path(), query, content_type, body, any::<bool>()).prop_map(
        |(method, path, query, content_type, body, known)| {
            let key = if known { KEY } else { "nobody" };
            let head = format!(
                "{method} {path}?{query} HTTP/1.1\r\nHost: waypost\r\nAuthorization: {}\r\n\
                 Content-Type: {content_type}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                basic("api", key),
                body.len()
            );
            [head.into_bytes(), body].concat()
        },
    )
}

/// Bodies that would be a burden if all of one were read, or read into memory as it nests.
#[tokio::test]
async fn a_json_body_of_any_depth_or_length_is_refused_at_once() {
    let gateway = Gateway::start().await;
    gateway.domain("example.com").await;
    let nested = "[".repeat(1_000_000);
    let bodies = [
        format!("{{\"a\":{nested}"),
        format!("{{\"{}\":[{}1]}}", "n".repeat(500_000), "1,".repeat(200_000)),
        format!("{{\"a\":[{}1]}}", "1,".repeat(500_000)),
        format!("{{{}\"b\":1}}", "\"a\":1,".repeat(100_000)),
        format!("\"{}\"", "t".repeat(1_000_000)),
        nested,
    ];
    for body in bodies {
        let request = format!(
            "PUT /v3/domains/example.com/connection HTTP/1.1\r\nHost: waypost\r\n\
             Authorization: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{body}",
            basic("api", KEY),
            body.len()
        );
        let answer = gateway.send(request.as_bytes()).await;
        assert_eq!(answer.status, 400, "{}", &body[..20]);
        assert!(answer.text().len() < 1000, "{}", answer.text());
    }
}

#[test]
fn no_request_gets_a_server_error() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let gateway = runtime.block_on(Gateway::start());
    runtime.block_on(gateway.domain("example.com"));
    let config = Config { cases: 512, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&request(), |request| {
        let answer = runtime.block_on(gateway.send(&request));
        prop_assert!(answer.status < 500, "{}", answer.status_line);
        Ok(())
    });
    outcome.unwrap();
    runtime.block_on(gateway.stop());
}
