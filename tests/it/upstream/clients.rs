//! Mailgun's own clients with one base URL: they send, and they manage webhooks.

use std::process::Command;

use tempfile::TempDir;

use super::UPSTREAM_KEY;
use super::stand_in::StandIn;
use crate::clients::install;
use crate::support::http::basic;
use crate::support::process::{API_KEY, Process};
use crate::support::skip;

#[tokio::test(flavor = "multi_thread")]
async fn mailgun_js_sends_and_manages_webhooks_through_the_form_data_package() {
    sends(install::node("sending.cjs"), "form-data").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mailgun_js_sends_and_manages_webhooks_through_nodes_own_form_data() {
    sends(install::node("sending.cjs"), "native").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mailgun_js_sends_and_manages_webhooks_through_fetch() {
    sends(install::node("sending.cjs"), "fetch").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mailguns_python_client_sends_and_manages_webhooks() {
    sends(install::python("sending.py"), "sync").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mailguns_asynchronous_python_client_sends_and_manages_webhooks() {
    sends(install::python("sending.py"), "async").await;
}

/// Runs a client's story against a gateway of its own, and looks at what came out behind.
async fn sends(client: Result<Command, String>, story: &str) {
    let mut client = match client {
        Ok(client) => client,
        Err(missing) => return skip(&missing),
    };
    let upstream = StandIn::queueing().await;
    let (data, url) = (TempDir::new().unwrap(), upstream.url());
    let flags = ["--mailgun-upstream", &url, "--mailgun-upstream-key", UPSTREAM_KEY];
    let gateway = Process::start_with(data.path(), &flags);
    client.arg(story).env("WAYPOST_URL", &gateway.url).env("WAYPOST_API_KEY", API_KEY);
    let ran = tokio::task::spawn_blocking(move || install::run(&mut client)).await.unwrap();
    ran.unwrap_or_else(|told| panic!("{told}"));

    let seen = upstream.only();
    assert_eq!(seen.line(), "POST /v3/example.com/messages HTTP/1.1");
    assert_eq!(seen.header("authorization"), Some(basic("api", UPSTREAM_KEY).as_str()));
    let media_type = seen.header("content-type").unwrap();
    assert!(media_type.starts_with("multipart/form-data; boundary="), "{media_type}");
    let body = String::from_utf8(seen.body.clone()).unwrap();
    for part in ["ada@example.net", "bob@example.net", "report.txt", "what is attached"] {
        assert!(body.contains(part), "{part} in {body}");
    }
}
