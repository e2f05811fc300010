//! `/waypost/v1`: sources, keys, direct ingest, events, deliveries, and who sees what of them.

mod account;
mod configuration;
mod deliveries;
mod direct_ingest;
mod domains;
mod endpoints;
mod events;
mod keys;
mod mapping;
mod register;
mod sources;
mod surface;
mod tenants;
mod webhooks;

use serde_json::Value;

use crate::support::http::Answer;
use crate::support::native::Owner;

const DOMAIN: &str = "example.com";
const SOURCES: &str = "/waypost/v1/domains/example.com/sources";
const EVENTS: &str = "/waypost/v1/domains/example.com/events";

async fn gateway() -> Owner {
    Owner::of_domain(DOMAIN).await
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("expected a text, found {value}"))
}

/// The status of an answer and the code and field of its error.
#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str, field: Option<&str>) {
    let error = &answer.json()["error"];
    let found = (answer.status, error["code"].as_str(), error["field"].as_str());
    assert_eq!(found, (status, Some(code), field), "{answer:?}");
}

fn message(answer: &Answer) -> String {
    text(&answer.json()["error"]["message"]).to_owned()
}

fn items(answer: &Answer) -> Vec<Value> {
    let json = answer.json();
    json["items"].as_array().unwrap_or_else(|| panic!("{answer:?}")).clone()
}
