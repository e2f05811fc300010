//! A store to try things on, and the values to try them with.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tempfile::TempDir;
use waypost::model::*;
use waypost::store::{
    Added, Ask, Claimed, Claims, Decision, DeliveryFilter, Embedded, EmbeddedOptions, Enqueued,
    EventFilter, Page, Queue, Store,
};
use waypost_compat::{Dialect, Kind, Provider, Secret};

/// When tests begin: 2026-02-03T19:26:38Z.
pub(crate) const T0: Timestamp = Timestamp::from_millis(1_770_146_798_000);
/// Long enough for any test.
pub(crate) const LEASE: Duration = Duration::from_secs(60);

static NUMBERS: AtomicU64 = AtomicU64::new(1);

/// A number that no other call in this process returned.
pub(crate) fn unique() -> u64 {
    NUMBERS.fetch_add(1, Ordering::Relaxed)
}

/// A store in a directory of its own.
pub(crate) struct Bench {
    dir: TempDir,
    store: Option<Arc<dyn Store>>,
    options: EmbeddedOptions,
}

impl Bench {
    /// The store on sled.
    pub(crate) fn embedded() -> Self {
        Self::with(&EmbeddedOptions::default())
    }

    /// The store on sled, opened in a certain way.
    pub(crate) fn with(options: &EmbeddedOptions) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let options = EmbeddedOptions { path: dir.path().join("data"), ..options.clone() };
        let store = Some(open(&options));
        Self { dir, store, options }
    }

    /// The store.
    pub(crate) fn store(&self) -> Arc<dyn Store> {
        Arc::clone(self.store.as_ref().unwrap())
    }

    /// Closes and opens it.
    pub(crate) fn reopen(&mut self) -> Arc<dyn Store> {
        self.store = None;
        self.store = Some(open(&self.options));
        self.store()
    }

    /// Opens what a process that was killed at this moment would have left behind.
    pub(crate) fn after_a_crash(&self) -> Arc<dyn Store> {
        let copy = self.dir.path().join(format!("copy-{}", unique()));
        copy_dir(&self.options.path, &copy);
        open(&EmbeddedOptions { path: copy, ..self.options.clone() })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &std::path::Path {
        &self.options.path
    }
}

fn open(options: &EmbeddedOptions) -> Arc<dyn Store> {
    Arc::new(Embedded::open(options.clone()).unwrap())
}

/// Copies a directory as it stands. Files that go away meanwhile are left out.
pub(crate) fn copy_dir(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let endpoint = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &endpoint);
        } else {
            // It may be a temporary file that has been renamed since.
            let _gone = std::fs::copy(entry.path(), endpoint);
        }
    }
}

/// Ten bytes for an id.
pub(crate) fn random() -> [u8; 10] {
    let mut bytes = [7; 10];
    // Not in the last byte, which a delivery's id leaves to its attempts.
    bytes[1..9].copy_from_slice(&unique().to_be_bytes());
    bytes
}

/// The id of an account, told apart by a number.
pub(crate) fn account_id(number: u8) -> AccountId {
    AccountId::from_bytes([number; 16])
}

/// An account.
pub(crate) fn account(number: u8) -> Account {
    Account {
        id: account_id(number),
        name: format!("account {number}"),
        signing_key: Secret::new(format!("signing-key-{number}")),
        created_at: T0.plus(Duration::from_secs(number.into())),
    }
}

/// A key of an account.
pub(crate) fn key(account: AccountId, text: &str) -> Key {
    Key {
        id: KeyId::timed(T0, random()),
        hash: KeyHash::of(text),
        account,
        dialect: Dialect::Mailgun,
        domain: None,
        scope: Scope::Manage,
        description: Some(text.to_owned()),
        mailgun_role: None,
        created_at: T0.plus(Duration::from_millis(unique())),
        expires_at: None,
    }
}

/// A domain's name.
pub(crate) fn name(text: &str) -> DomainName {
    text.parse().unwrap()
}

/// A domain.
pub(crate) fn domain(account: AccountId, text: &str) -> Domain {
    Domain {
        name: name(text),
        account,
        created_at: T0.plus(Duration::from_millis(unique())),
        mailgun_id: "0123456789abcdef01234567".to_owned(),
        settings: serde_json::Map::new(),
    }
}

/// A source that feeds a domain.
pub(crate) fn source(account: AccountId, domain: &str) -> Source {
    Source {
        id: SourceId::timed(T0, random()),
        account,
        domain: Some(name(domain)),
        provider: Provider::Posthawk,
        serves: Serves::All,
        secrets: vec![Secret::new("whsec_first"), Secret::new("whsec_second")],
        enabled: true,
        created_at: T0.plus(Duration::from_millis(unique())),
    }
}

/// A scope.
pub(crate) fn scope(account: AccountId, domain: Option<&str>, dialect: Dialect) -> WebhookScope {
    WebhookScope { account, domain: domain.map(name), dialect }
}

/// A webhook of a scope.
pub(crate) fn webhook(scope: &WebhookScope, url: &str) -> Webhook {
    let mut id = [0; 16];
    id[8..].copy_from_slice(&unique().to_be_bytes());
    Webhook {
        id: WebhookId::random(id),
        scope: scope.clone(),
        url: url.parse().unwrap(),
        events: vec!["delivered".to_owned()],
        kinds: vec![Kind::Delivered],
        state: WebhookState::Active,
        secret: Some(Secret::new("whsec_of_the_webhook")),
        previous_secret: Some((Secret::new("whsec_before"), T0)),
        scheme: None,
        description: None,
        created_at: T0,
        updated_at: T0,
    }
}

/// Puts webhooks at the end of a scope.
pub(crate) async fn add_webhooks(store: &dyn Store, scope: &WebhookScope, added: &[Webhook]) {
    let change = |list: &mut Vec<Webhook>| {
        list.extend_from_slice(added);
        Decision::Keep
    };
    assert_eq!(store.change_webhooks(scope, Box::new(change)).await.unwrap(), Decision::Keep);
}

/// The queue of a receiver, told apart by a number.
pub(crate) fn endpoint(number: u8) -> EndpointId {
    EndpointId::from_bytes([number; 16])
}

/// An event that arrived at `at`, with one delivery for each of `endpoints`.
pub(crate) fn arrival(account: AccountId, at: Timestamp, endpoints: &[EndpointId]) -> Arrival {
    let id = EventId::timed(at, random());
    let event = StoredEvent {
        id,
        account,
        domain: Some(name("example.com")),
        source: Some(SourceId::from_bytes([5; 16])),
        provider: Provider::Posthawk,
        kind: Some(Kind::Delivered),
        name: "Delivered".to_owned(),
        provider_id: Some(id.to_string()),
        recipient: Some("alice@example.org".to_owned()),
        message_id: None,
        occurred_at: Some(at),
        received_at: at,
        also_by: Vec::new(),
        duplicates: 0,
        body: Bytes::from(format!("{{\"id\":\"{id}\",\"pad\":\"{}\"}}", "x".repeat(200))),
    };
    let deliveries = endpoints.iter().map(|endpoint| NewDelivery {
        id: DeliveryId::new(at, random()),
        webhook: WebhookId::from_bytes(*endpoint.as_bytes()),
        dialect: Dialect::Mailgun,
        endpoint: *endpoint,
        url: "https://receiver.example/hook".parse().unwrap(),
    });
    let deliveries = deliveries.collect();
    Arrival { event, deliveries, dedupe: None, shared: None, token: None }
}

/// Enqueues something that must be new.
pub(crate) async fn accept(store: &dyn Store, arrival: &Arrival) {
    let enqueued = store.enqueue(arrival.clone()).await.unwrap();
    assert_eq!(enqueued, Enqueued::Accepted(arrival.event.id));
}

/// Claims up to ten.
pub(crate) async fn claim(store: &dyn Store, endpoint: EndpointId, now: Timestamp) -> Claims {
    claim_up_to(store, endpoint, now, 10).await
}

/// Claims up to a number.
pub(crate) async fn claim_up_to(
    store: &(impl Queue + ?Sized),
    endpoint: EndpointId,
    now: Timestamp,
    limit: usize,
) -> Claims {
    let mut claims = store
        .claim(&[Ask { endpoint, limit, limits: EndpointLimits::default() }], now, LEASE)
        .await
        .unwrap();
    claims.pop().unwrap()
}

/// The ids of what was claimed.
pub(crate) fn ids(claims: &Claims) -> Vec<DeliveryId> {
    claims.deliveries.iter().map(|claimed| claimed.delivery.id).collect()
}

/// An attempt that was answered with a status.
pub(crate) fn attempt(at: Timestamp, status: u16) -> Attempt {
    Attempt {
        at,
        duration: Duration::from_millis(12),
        outcome: Outcome::Answered { status, retry_after: None },
        address: Some("192.0.2.1:443".parse().unwrap()),
        excerpt: "thanks".to_owned(),
        lost: Vec::new(),
    }
}

/// Settles a claimed delivery after one attempt.
pub(crate) async fn settle(store: &dyn Store, claimed: &Claimed, at: Timestamp, next: NextStep) {
    let status = if next == NextStep::Delivered { 200 } else { 500 };
    let attempt = Some(attempt(at, status));
    store.settle(claimed.clone().settled(attempt, next)).await.unwrap();
}

/// Every event of an account, newest first.
pub(crate) async fn all_events(store: &dyn Store, account: AccountId) -> Vec<StoredEvent> {
    let mut items = Vec::new();
    let mut page = Page { after: None, limit: 100 };
    loop {
        let listing = store.events(account, &EventFilter::default(), &page).await.unwrap();
        items.extend(listing.items);
        match listing.next {
            Some(next) => page.after = Some(next),
            None => return items,
        }
    }
}

/// Every delivery of an account that a filter admits, newest first.
pub(crate) async fn all_deliveries(
    store: &dyn Store,
    account: AccountId,
    filter: &DeliveryFilter,
) -> Vec<Delivery> {
    let mut items = Vec::new();
    let mut page = Page { after: None, limit: 100 };
    loop {
        let listing = store.deliveries(account, filter, &page).await.unwrap();
        items.extend(listing.items);
        match listing.next {
            Some(next) => page.after = Some(next),
            None => return items,
        }
    }
}

/// What came of adding something, for reading.
pub(crate) fn added(result: Result<Added, waypost::store::Error>) -> bool {
    result.unwrap() == Added::Added
}

/// Replaces an account's signing key; `false` if there is no such account.
pub(crate) async fn set_signing_key(store: &dyn Store, account: AccountId, key: &str) -> bool {
    let set = |account: &mut Account| {
        account.signing_key = Secret::new(key);
        Decision::Keep
    };
    store.change_account(account, Box::new(set)).await.unwrap().is_some()
}

/// Replaces a domain's settings; `false` if the account has no such domain.
pub(crate) async fn set_settings(
    store: &dyn Store,
    account: AccountId,
    name: &DomainName,
    settings: &serde_json::Map<String, serde_json::Value>,
) -> bool {
    let set = |domain: &mut Domain| {
        domain.settings.clone_from(settings);
        Decision::Keep
    };
    store.change_domain(account, name, Box::new(set)).await.unwrap().is_some()
}
