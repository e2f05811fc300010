//! What goes through, what stays here, and what is left of it on either way.

use super::stand_in::{Conduct, QUEUED, StandIn, json};
use super::{UPSTREAM_KEY, before, counted};
use crate::support::http::basic;
use crate::support::{Gateway, KEY};

#[tokio::test]
async fn a_message_goes_out_under_the_upstreams_key_with_nothing_of_ours_and_its_answer_comes_back()
{
    let answer = "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nX-RateLimit-Limit: 300\r\n\
        X-Mailgun-Key-Id: 76543210-fedcba98\r\nSet-Cookie: a=b\r\nStrict-Transport-Security: max-age=9\r\n\
        Connection: close, X-Hop\r\nX-Hop: 1\r\nContent-Length: 2\r\n\r\n{}";
    let upstream = StandIn::start(Conduct::Answer(answer.to_owned())).await;
    let gateway = before(&upstream).await;
    let request = format!(
        "POST /v3/example.com/messages HTTP/1.1\r\nHost: waypost.internal\r\n\
         Authorization: {}\r\nContent-Type: multipart/form-data; boundary=\"X\"\r\nUser-Agent: sdk/1\r\n\
         Accept: */*\r\nCookie: session=1\r\nX-API-Key: k\r\nX-MailStack-Org: o\r\n\
         X-Forwarded-For: 10.0.0.1\r\nForwarded: for=10.0.0.1\r\nVia: 1.1 proxy\r\n\
         X-Real-IP: 10.0.0.1\r\nProxy-Authorization: Basic eDp5\r\nTE: trailers\r\n\
         Connection: close, X-Secret\r\nX-Secret: 1\r\nX-Mailgun-Trace: t\r\n\
         Content-Length: 5\r\n\r\n--X--",
        basic("api", KEY)
    );
    let answer = gateway.send(request.as_bytes()).await;

    let seen = upstream.only();
    assert_eq!(seen.line(), "POST /v3/example.com/messages HTTP/1.1");
    let expected = [
        "accept",
        "authorization",
        "content-length",
        "content-type",
        "host",
        "user-agent",
        "x-mailgun-trace",
    ];
    assert_eq!(seen.names(), expected);
    assert_eq!(seen.header("authorization"), Some(basic("api", UPSTREAM_KEY).as_str()));
    assert_eq!(seen.header("host"), Some(upstream.address.to_string().as_str()));
    assert_eq!(seen.header("content-type"), Some("multipart/form-data; boundary=\"X\""));
    assert_eq!(seen.body, b"--X--");

    assert_eq!((answer.status, answer.text().as_str()), (202, "{}"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("x-ratelimit-limit"), Some("300"));
    assert_eq!(answer.header("content-length"), Some("2"));
    assert_eq!(answer.header("x-mailgun-key-id"), Some("01234567-89abcdef"), "the caller's own");
    for gone in ["set-cookie", "strict-transport-security", "x-hop"] {
        assert_eq!(answer.header(gone), None, "{gone}");
    }
    assert_eq!(counted(&gateway, "waypost_upstream_requests_total{status=\"2xx\"}").await, 1);
}

#[tokio::test]
async fn the_path_that_was_parsed_is_sent_and_the_query_as_it_came() {
    for (asked, sent) in [
        ("/v3/example.com/messages", "POST /v3/example.com/messages"),
        ("//v3//%65xample.com/messages%2Emime/", "POST /v3/example.com/messages.mime"),
        ("/v3/a.io/tags/a%20b%3Fc%23d", "POST /v3/a.io/tags/a%20b%3Fc%23d"),
        ("/v3/a.io/bounces/bob+x@b.io", "POST /v3/a.io/bounces/bob%2Bx%40b.io"),
        ("/v1/analytics/logs?q=%2F..%00&&x", "POST /v1/analytics/logs?q=%2F..%00&&x"),
    ] {
        let upstream = StandIn::queueing().await;
        let gateway = before(&upstream).await;
        assert_eq!(gateway.mailgun("POST", asked, "").await.status, 200, "{asked}");
        assert_eq!(upstream.only().line(), format!("{sent} HTTP/1.1"));
    }
}

#[tokio::test]
async fn every_status_and_body_is_answered_as_it_came_and_no_redirect_is_followed() {
    for (status, body) in [
        ("200 OK", QUEUED),
        ("301 Moved Permanently", ""),
        ("400 Bad Request", r#"{"message":"from parameter is missing"}"#),
        ("403 Forbidden", r#"{"message":"Forbidden"}"#),
        ("404 Not Found", r#"{"message":"Domain not found"}"#),
        ("429 Too Many Requests", "{}"),
        ("503 Service Unavailable", "later"),
    ] {
        let answer = json(status, body).replacen("\r\n", "\r\nLocation: /elsewhere\r\n", 1);
        let upstream = StandIn::start(Conduct::Answer(answer)).await;
        let gateway = before(&upstream).await;
        let answer = gateway.mailgun("GET", "/v3/a.io/events", "").await;
        assert_eq!((answer.status_line.as_str(), answer.text().as_str()), (status, body));
        assert_eq!(upstream.connections(), 1);
        let class = format!("waypost_upstream_requests_total{{status=\"{}xx\"}}", &status[..1]);
        assert_eq!(counted(&gateway, &class).await, 1, "{status}");
    }
}

#[tokio::test]
async fn an_answer_in_chunks_or_without_a_length_comes_whole() {
    for framing in
        ["Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", "\r\nabcde"]
    {
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n{framing}");
        let upstream = StandIn::start(Conduct::Answer(answer)).await;
        let gateway = before(&upstream).await;
        let answer = gateway.mailgun("GET", "/v3/routes", "").await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "abcde"), "{framing:?}");
    }
}

#[tokio::test]
async fn head_is_asked_as_get_and_answered_without_a_body() {
    let upstream = StandIn::queueing().await;
    let gateway = before(&upstream).await;
    let answer = gateway.mailgun("HEAD", "/v3/routes", "").await;
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    assert_eq!(upstream.only().line(), "GET /v3/routes HTTP/1.1");
}

/// Calls that Waypost answers, some of them in a spelling that no route has.
const OURS: [(&str, &str); 27] = [
    ("GET", "/v4/domains"),
    ("POST", "/v3/domains"),
    ("GET", "/v4/domains/example.com"),
    ("GET", "/v3/%64omains/example.com"),
    ("PATCH", "/v3/domains/example.com"),
    ("GET", "/v3/domains/example.com/credentials"),
    ("PUT", "/v3/domains/example.com/credentials/bob"),
    ("GET", "/v3/domains/example.com/tracking"),
    ("PUT", "/v3/domains/example.com/verify"),
    ("GET", "/v3/domains/example.com/webhooks"),
    ("POST", "/v3/domains/example.com/webhooks"),
    ("GET", "/v3/domains/example.com/webhooks/nothing"),
    ("GET", "/v3/domains/example.com/webhooks/clicked/deeper"),
    ("GET", "/v4/domains/example.com/webhooks/clicked"),
    ("GET", "/v5/domains/example.com/webhooks"),
    ("GET", "/v1/domains/example.com/webhooks"),
    ("GET", "/v3/DOMAINS/example.com/%57ebhooks"),
    ("GET", "/v1/webhooks"),
    ("GET", "/v1/webhooks/a/b"),
    ("GET", "/v1/web%68ooks/a/b"),
    ("GET", "/v1/keys"),
    ("POST", "/v1/keys"),
    ("DELETE", "/v1/keys/key_1"),
    ("POST", "/v1/%6Beys"),
    ("GET", "/v5/accounts/http_signing_key"),
    ("POST", "/v5/accounts/http%5Fsigning_key"),
    ("GET", "/waypost/v1/keys"),
];

#[tokio::test]
async fn what_waypost_answers_stays_here_and_so_do_all_webhooks() {
    let upstream = StandIn::queueing().await;
    let gateway = before(&upstream).await;
    gateway.domain("example.com").await;
    for (method, path) in OURS {
        let answer = gateway.mailgun(method, path, "").await;
        assert!(!answer.text().contains("Queued"), "{method} {path}: {}", answer.text());
    }
    for path in ["/v3", "/v9/routes", "/v3x/a.io/messages", "/", "/healthz", "/api/v1/webhooks"] {
        assert!(!gateway.mailgun("GET", path, "").await.text().contains("Queued"), "{path}");
    }
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn what_waypost_would_answer_empty_or_refuse_goes_to_the_upstream() {
    let calls = [
        ("GET", "/v1/dkim/keys"),
        ("POST", "/v1/dkim/keys"),
        ("POST", "/v1/keys/public"),
        ("GET", "/v4/domains/example.com/keys"),
        ("PUT", "/v4/domains/example.com/keys/s1/activate"),
        ("GET", "/v1/dmarc/records/example.com"),
        ("GET", "/v2/x509/email.example.com/status"),
        ("GET", "/v3/example.com/bounces"),
        ("POST", "/v3/example.com/unsubscribes"),
        ("GET", "/v3/example.com/complaints/bob@example.org"),
        ("DELETE", "/v3/example.com/whitelists/bob@example.org"),
        ("GET", "/v3/example.com/events"),
        ("GET", "/v3/domains/example.com/limits/tag"),
        ("GET", "/v5/accounts/subaccounts"),
    ];
    let upstream = StandIn::queueing().await;
    let gateway = before(&upstream).await;
    gateway.domain("example.com").await;
    for (method, path) in calls {
        let answer = gateway.mailgun(method, path, "").await;
        assert_eq!((answer.status, answer.text().as_str()), (200, QUEUED), "{method} {path}");
    }
    assert_eq!(upstream.connections(), calls.len());
}

#[tokio::test]
async fn without_an_upstream_a_path_is_named_with_what_to_do() {
    let gateway = Gateway::start().await;
    let answer = gateway.mailgun("POST", "/v3/example.com/messages", "to=bob").await;
    assert_eq!(answer.status_line, "404 Not Found");
    assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
    let message = answer.json()["message"].as_str().unwrap().to_owned();
    for word in ["POST /v3/example.com/messages", "--mailgun-upstream", "new provider"] {
        assert!(message.contains(word), "{message}");
    }
}
