//! Two accounts, a key of each dialect for each account and for each domain: every endpoint, with
//! everybody's key and everybody else's ids.

use waypost::model::{DeliveryId, WebhookScope};
use waypost::store::{DeliveryFilter, Page};
use waypost_compat::{Dialect, Provider, Secret};

use super::{Owner, World, base, body};
use crate::support::http::basic;
use crate::support::provider::delivered;

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

#[tokio::test(flavor = "multi_thread")]
async fn no_key_reads_changes_tests_replays_or_rotates_what_belongs_to_another() {
    let world = World::new().await;
    let owners = everybody(&world).await;
    let deliveries = deliveries(&world, &owners).await;
    let before = everything(&world, &owners).await;
    let mut tries = 0;
    for thief in &owners {
        for (victim, delivery) in owners.iter().zip(&deliveries) {
            if may(thief, victim) {
                continue;
            }
            for (method, path) in requests(thief, victim, *delivery) {
                let mut headers = thief.credentials();
                let (media_type, body) = body(thief.dialect);
                headers.push(("content-type", media_type.to_owned()));
                let (status, text) = world.call(method, &path, &headers, body).await;
                let what = format!("{} key: {method} {path}: {status} {text}", thief.dialect);
                assert!((400..500).contains(&status), "{what}");
                assert!(!text.contains(&victim.mark), "{what}");
                let secret = victim.webhook.secret.as_ref().map(Secret::expose).unwrap();
                assert!(!text.contains(secret), "{what}");
                tries += 1;
            }
        }
    }
    assert!(tries > 5_000, "{tries} tries");
    assert_eq!(everything(&world, &owners).await, before, "nothing of it has happened");
    assert_eq!(world.tested.lock().unwrap().as_slice(), [], "nobody was called");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_shows_all_that_is_ones_own_and_nothing_else() {
    let world = World::new().await;
    let owners = everybody(&world).await;
    for owner in owners.iter().filter(|owner| owner.dialect != Dialect::Mailgun) {
        let path = base(owner.dialect);
        let (status, text) = world.call("GET", path, &owner.credentials(), "").await;
        assert_eq!(status, 200, "{text}");
        for other in &owners {
            assert_eq!(text.contains(&other.mark), other.mark == owner.mark, "{text}");
        }
        // And what was refused to all others is done for its owner.
        let path = format!("{path}/{}", owner.written(owner.webhook.id));
        let (status, text) = world.call("DELETE", &path, &owner.credentials(), "").await;
        assert!((200..300).contains(&status), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_opens_nothing_once_its_domain_is_gone() {
    let world = World::new().await;
    for dialect in Dialect::ALL.into_iter().filter(|dialect| *dialect != Dialect::Mailgun) {
        let owner = world.owner(world.accounts[1], dialect, Some("b.example")).await;
        let before = world.call("GET", base(dialect), &owner.credentials(), "").await;
        assert_eq!(before.0, 200, "{}", before.1);
        let domain = "b.example".parse().unwrap();
        world.gateway.store.remove_domain(owner.account, &domain).await.unwrap();
        for method in ["GET", "POST"] {
            let after = world.call(method, base(dialect), &owner.credentials(), "{}").await;
            assert_eq!(after.0, 401, "{}", after.1);
        }
        crate::support::add_domain(&world.gateway.app, owner.account, "b.example").await;
    }
}

/// A key and a webhook for each account, each dialect, and each reach.
async fn everybody(world: &World) -> Vec<Owner> {
    let mut owners = Vec::new();
    for account in world.accounts {
        for dialect in Dialect::ALL {
            for domain in [None, Some(account.2)] {
                owners.push(world.owner(account, dialect, domain).await);
            }
        }
    }
    owners
}

/// One delivery to each owner's webhook.
async fn deliveries(world: &World, owners: &[Owner]) -> Vec<Option<DeliveryId>> {
    for (_, key, domain) in world.accounts {
        let event = delivered(Provider::Mailgun, domain).to_string();
        let path = format!("/waypost/v1/domains/{domain}/events");
        let headers = vec![("authorization", basic("api", key))];
        let (status, text) = world.call("POST", &path, &headers, &event).await;
        assert_eq!(status, 200, "{text}");
    }
    let mut found = Vec::new();
    for owner in owners {
        let filter =
            DeliveryFilter { webhook: Some(owner.webhook.id), ..DeliveryFilter::default() };
        let page = Page { after: None, limit: 2 };
        let store = &world.gateway.store;
        let items = store.deliveries(owner.account, &filter, &page).await.unwrap().items;
        found.push(items.first().map(|delivery| delivery.id));
    }
    assert!(found.iter().all(Option::is_some), "every webhook is owed a delivery");
    found
}

/// Whether something is one's own: of the same account, dialect and reach. Mailgun's keys for a
/// whole account manage the webhooks of its domains too, and there is no second one here.
fn may(thief: &Owner, victim: &Owner) -> bool {
    let same = thief.account == victim.account && thief.dialect == victim.dialect;
    let whole_account = thief.dialect == Dialect::Mailgun && thief.domain.is_none();
    same && (thief.domain == victim.domain || whole_account)
}

/// Everything that a client could try on what belongs to another.
fn requests(
    thief: &Owner,
    victim: &Owner,
    delivery: Option<DeliveryId>,
) -> Vec<(&'static str, String)> {
    let mut requests = Vec::new();
    let base = base(thief.dialect);
    let ids = [thief.written(victim.webhook.id), victim.written(victim.webhook.id)];
    for id in &ids {
        for below in ["", "/test", "/rotate-secret", "/deliveries"] {
            requests.extend(METHODS.map(|method| (method, format!("{base}/{id}{below}"))));
        }
    }
    let delivery = delivery.unwrap();
    for id in [delivery.uuid(), delivery.to_string(), victim.webhook.id.uuid()] {
        requests.push(("POST", format!("{base}/deliveries/{id}/replay")));
    }
    if thief.dialect == Dialect::Mailgun {
        requests.push(("GET", format!("{base}?webhook_ids={}", ids[0])));
        requests.push(("DELETE", format!("{base}?webhook_ids={}", ids[0])));
    }
    // Within one account, a Mailgun key is the owner's and opens the native API.
    if thief.account != victim.account {
        for path in [
            format!("/v3/domains/{}/webhooks/delivered", victim.home),
            format!("/v4/domains/{}/webhooks", victim.home),
            format!("/waypost/v1/deliveries/{delivery}"),
            format!("/waypost/v1/deliveries/{delivery}/replay"),
        ] {
            requests.extend(METHODS.map(|method| (method, path.clone())));
        }
    }
    requests
}

/// All that could have been changed.
async fn everything(world: &World, owners: &[Owner]) -> Vec<String> {
    let store = &world.gateway.store;
    let mut all = Vec::new();
    for owner in owners {
        let scope: &WebhookScope = &owner.webhook.scope;
        for webhook in store.webhooks(scope).await.unwrap().iter() {
            let secret = webhook.secret.as_ref().map(Secret::expose);
            all.push(format!("{webhook:?} {secret:?}"));
        }
    }
    for (account, ..) in world.accounts {
        let page = Page { after: None, limit: 1000 };
        let filter = DeliveryFilter::default();
        let listed = store.deliveries(account, &filter, &page).await.unwrap();
        all.push(format!("{:?}", listed.items));
    }
    all
}
