//! What is no endpoint, and what needs no key.

use waypost_compat::Provider;

use super::{EVENTS, gateway, refused, text};
use crate::support::provider::delivered;

#[tokio::test]
async fn what_is_no_endpoint_is_answered_in_the_native_shape() {
    let gateway = gateway().await;
    refused(&gateway.get("/waypost/v1/nothing").await, 404, "no_such_endpoint", None);
    let put = gateway.call("PUT", "/waypost/v1/keys", b"").await;
    refused(&put, 405, "method_not_allowed", None);
}

#[tokio::test]
async fn probes_and_monitors_need_no_key() {
    let gateway = gateway().await;
    gateway.json("POST", EVENTS, &delivered(Provider::Mailgun, "1")).await;
    let nobody = format!("/ingest/src_{}", "0".repeat(32));
    gateway.request("POST", &nobody, &[], b"{}").await;
    for (path, status) in [("/healthz", "ok"), ("/readyz", "ready")] {
        let answer = gateway.request("GET", path, &[], b"").await;
        assert_eq!((answer.status, text(&answer.json()["status"])), (200, status));
    }
    let metrics = gateway.request("GET", "/metrics", &[], b"").await;
    let metrics = metrics.text();
    for expected in [
        "waypost_store_events 1",
        "waypost_events_total{dialect=\"mailgun\",outcome=\"accepted\"} 1",
        "waypost_events_refused_total{reason=\"no_source\"} 1",
    ] {
        assert!(metrics.lines().any(|line| line == expected), "{expected} in\n{metrics}");
    }
}
