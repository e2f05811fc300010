//! Whose requests pass, and whose do not.

use waypost::model::{AccountId, Scope};
use waypost_compat::Dialect;

use super::before;
use super::stand_in::StandIn;
use crate::support::http::basic;
use crate::support::{Gateway, KEY, account, add_domain};

/// Whether a request of this key passed, and what its caller was told.
async fn asked(gateway: &Gateway, upstream: &StandIn, key: &str, call: &str) -> (bool, u16) {
    let (method, path) = call.split_once(' ').unwrap();
    let count = upstream.connections();
    let answer = gateway.mailgun_as(key, method, path, "").await;
    let passed = upstream.connections() > count;
    let told = answer.text();
    assert_eq!(passed && method != "HEAD", told.contains("Queued"), "{call}: {told}");
    (passed, answer.status)
}

#[tokio::test]
async fn a_key_passes_what_its_scope_and_its_domain_allow() {
    let upstream = StandIn::queueing().await;
    let gateway = before(&upstream).await;
    gateway.domain("a.io").await;
    let cases = [
        (Scope::Manage, None, "DELETE /v3/routes/1", 200),
        (Scope::Manage, None, "TRACE /v3/routes", 405),
        (Scope::Manage, Some("a.io"), "POST /v3/A.io/messages", 200),
        (Scope::Manage, Some("a.io"), "GET /v3/%61.io/events", 200),
        (Scope::Manage, Some("a.io"), "GET /v3/b.io/events", 404),
        (Scope::Manage, Some("a.io"), "GET /v3/domains/b.io/ips", 404),
        (Scope::Manage, Some("a.io"), "GET /v3/a.io/../b.io/events", 400),
        (Scope::Manage, Some("a.io"), "GET /v3/a.io%2F..%2Fb.io/events", 400),
        (Scope::Manage, Some("a.io"), "GET /v3/lists", 403),
        (Scope::Manage, Some("a.io"), "GET /v3/lists/a.io", 403),
        (Scope::Read, None, "GET /v3/a.io/events", 200),
        (Scope::Read, None, "HEAD /v3/a.io/events", 200),
        (Scope::Read, None, "POST /v3/a.io/messages", 403),
        (Scope::Read, Some("a.io"), "GET /v3/b.io/events", 404),
        (Scope::Send, None, "POST /v3/a.io/messages", 200),
        (Scope::Send, None, "POST /v3/a.io/messages.mime", 200),
        (Scope::Send, None, "GET /v3/a.io/events", 401),
        (Scope::Send, None, "POST /v3/lists/messages", 401),
        (Scope::Send, Some("a.io"), "POST /v3/a.io/messages", 200),
        (Scope::Send, Some("a.io"), "POST /v3/b.io/messages", 401),
        (Scope::Send, Some("a.io"), "PUT /v3/a.io/messages", 401),
        (Scope::Send, None, "GET /v3/domains/a.io/webhooks", 401),
    ];
    for (scope, domain, call, expected) in cases {
        let key = gateway.key(Dialect::Mailgun, scope, domain).await;
        let (passed, status) = asked(&gateway, &upstream, &key, call).await;
        let case = format!("{scope:?} {domain:?} {call}");
        assert_eq!(status, expected, "{case}");
        assert_eq!(passed, expected == 200, "{case}");
    }
}

#[tokio::test]
async fn nothing_of_another_account_of_another_dialect_or_of_nobody_passes() {
    let upstream = StandIn::queueing().await;
    let gateway = before(&upstream).await;
    let other = AccountId::from_bytes([7; 16]);
    account(&gateway.app, other, "their-key").await;
    add_domain(&gateway.app, other, "theirs.example").await;
    let posthawk = gateway.key(Dialect::Posthawk, Scope::Manage, None).await;
    for call in ["POST /v3/theirs.example/messages", "GET /v3/routes", "GET /v1/dkim/keys"] {
        for (key, expected) in [("their-key", None), (&*posthawk, Some(401)), ("no", Some(401))] {
            let (passed, status) = asked(&gateway, &upstream, key, call).await;
            assert!(!passed && status != 502, "{key} {call}");
            assert!(expected.is_none_or(|expected| expected == status), "{key} {call}: {status}");
        }
    }
    let told = gateway.mailgun_as("their-key", "POST", "/v3/theirs.example/messages", "").await;
    assert_eq!(told.status, 404);
    assert!(told.text().contains("first account"), "{}", told.text());

    let refused = gateway.mailgun_as("no", "POST", "/v3/a.io/messages", "").await;
    assert_eq!((refused.status, refused.text().as_str()), (401, "Forbidden"));
    let authorization = [
        String::new(),
        format!("Authorization: {}\r\n", basic("admin", KEY)),
        format!("Authorization: Bearer {KEY}\r\n"),
        format!("X-API-Key: {KEY}\r\n"),
    ];
    for (header, expected) in authorization.iter().zip([404, 401, 404, 404]) {
        let request = format!(
            "POST /v3/a.io/messages HTTP/1.1\r\nHost: waypost\r\n{header}Content-Length: 0\r\n\
             Connection: close\r\n\r\n"
        );
        assert_eq!(gateway.send(request.as_bytes()).await.status, expected, "{header}");
    }
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn a_subaccount_is_named_by_keys_that_manage_the_whole_account_alone() {
    let upstream = StandIn::queueing().await;
    let gateway = before(&upstream).await;
    for (scope, domain, expected) in [
        (Scope::Manage, None, 200),
        (Scope::Manage, Some("a.io"), 403),
        (Scope::Read, None, 403),
        (Scope::Send, None, 403),
    ] {
        let key = gateway.key(Dialect::Mailgun, scope, domain).await;
        let method = if scope == Scope::Read { "GET" } else { "POST" };
        let request = format!(
            "{method} /v3/a.io/messages HTTP/1.1\r\nHost: waypost\r\nAuthorization: {}\r\n\
             X-Mailgun-On-Behalf-Of: sub1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            basic("api", &key)
        );
        assert_eq!(gateway.send(request.as_bytes()).await.status, expected, "{scope:?} {domain:?}");
    }
    assert_eq!(upstream.only().header("x-mailgun-on-behalf-of"), Some("sub1"));
}

#[tokio::test]
async fn a_segment_that_another_server_could_read_otherwise_is_400() {
    let upstream = StandIn::queueing().await;
    let gateway = before(&upstream).await;
    let none = Gateway::start().await;
    for segment in
        [".", "..", "%2e%2E", "a%2Fb", "%5C", "a\\b", "%25", "%252F", "%00", "%0a", "%7f"]
    {
        for gateway in [&gateway, &none] {
            let answer = gateway.mailgun("GET", &format!("/v3/a.io/{segment}"), "").await;
            assert_eq!(answer.status, 400, "{segment}");
            let message = answer.json()["message"].as_str().unwrap().to_owned();
            assert!(message.starts_with("Invalid path: expected"), "{message}");
        }
    }
    assert_eq!(upstream.connections(), 0);
}
