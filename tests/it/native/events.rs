//! The list of events: its order, its pages, its filters.

use std::time::Duration;

use serde_json::json;
use waypost_compat::Provider;

use super::{EVENTS, gateway, items, refused, text};
use crate::support::provider::delivered;

#[tokio::test]
async fn a_listing_is_newest_first_and_its_pages_join() {
    let gateway = gateway().await;
    let mut taken = Vec::new();
    for id in 0..5 {
        let event = delivered(Provider::Mailgun, &id.to_string());
        let answer = gateway.json("POST", EVENTS, &event).await.json();
        taken.push(text(&answer["id"]).to_owned());
        gateway.wait(Duration::from_millis(1));
    }
    taken.reverse();
    let mut listed = Vec::new();
    let mut path = "/waypost/v1/events?limit=2".to_owned();
    loop {
        let page = gateway.get(&path).await;
        assert!(items(&page).len() <= 2);
        listed.extend(items(&page).iter().map(|event| text(&event["id"]).to_owned()));
        let Some(next) = page.json()["next"].as_str().map(str::to_owned) else { break };
        path = format!("/waypost/v1/events?limit=2&cursor={next}");
    }
    assert_eq!(listed, taken);
}

#[tokio::test]
async fn filters_narrow_and_nonsense_is_refused() {
    let gateway = gateway().await;
    let mut opened = delivered(Provider::Mailgun, "2");
    opened["event"] = json!("opened");
    opened["recipient"] = json!("other@example.com");
    let events = json!([delivered(Provider::Mailgun, "1"), opened]);
    gateway.json("POST", EVENTS, &events).await;
    let names = async |query: &str| {
        let page = gateway.get(&format!("/waypost/v1/events?{query}")).await;
        let names = items(&page);
        names.iter().map(|event| text(&event["name"]).to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("kind=opened").await, ["opened"]);
    assert_eq!(names("recipient=user@example.com").await, ["delivered"]);
    assert_eq!(names("domain=example.com&kind=clicked").await, Vec::<String>::new());
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("cursor=evt_", "cursor"),
        ("kind=teleported", "kind"),
        ("domain=-", "domain"),
        ("status=dead", "status"),
    ] {
        let answer = gateway.get(&format!("/waypost/v1/events?{query}")).await;
        refused(&answer, 400, "invalid", Some(field));
    }
}
