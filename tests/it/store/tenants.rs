//! No tenant sees another (`DESIGN.md` §3, invariant 10): whatever two accounts do in whatever
//! order, each finds what it would find if it were alone.

use std::time::Duration;

use proptest::prelude::*;
use waypost::model::*;
use waypost::store::{
    Configuration, Configured, Decision, DeliveryFilter, EventFilter, Page, Retention, Store,
};
use waypost_compat::Dialect;

use super::bench::*;

/// Something that one account does, with ids that may be the other's.
#[derive(Debug, Clone)]
enum Step {
    CreateDomain(u8),
    SetSettings(u8),
    RemoveDomain(u8),
    AddKey(u8),
    RemoveKey(u8),
    PutSource(u8),
    RemoveSource(u8),
    ChangeWebhooks(u8),
    ChangeConfiguration(u8),
    SetSigningKey,
    Enqueue(u8),
    EnqueueByPlace(u8),
    Replay(u8),
    Trim,
}

fn step() -> impl Strategy<Value = Step> {
    let small = 0_u8..3;
    prop_oneof![
        small.clone().prop_map(Step::CreateDomain),
        small.clone().prop_map(Step::SetSettings),
        small.clone().prop_map(Step::RemoveDomain),
        small.clone().prop_map(Step::AddKey),
        small.clone().prop_map(Step::RemoveKey),
        small.clone().prop_map(Step::PutSource),
        small.clone().prop_map(Step::RemoveSource),
        small.clone().prop_map(Step::ChangeWebhooks),
        small.clone().prop_map(Step::ChangeConfiguration),
        Just(Step::SetSigningKey),
        small.clone().prop_map(Step::Enqueue),
        small.clone().prop_map(Step::EnqueueByPlace),
        small.prop_map(Step::Replay),
        Just(Step::Trim),
    ]
}

/// Both accounts draw ids and secrets from the same small pool, so they meet all the time; only
/// what is unique by promise (domain names, key hashes) carries the actor in it.
struct Actor {
    account: AccountId,
}

impl Actor {
    fn name(&self, number: u8) -> String {
        format!("d{number}.{}.example", self.account.as_bytes()[0])
    }

    async fn act(&self, store: &dyn Store, step: &Step) {
        let account = self.account;
        match *step {
            Step::CreateDomain(n) => {
                let made = Domain { created_at: T0, ..domain(account, &self.name(n)) };
                store.create_domain(made).await.unwrap();
            }
            Step::SetSettings(n) => {
                for owner in 1..=2 {
                    // The other's domain too: it must stay as it is.
                    let theirs = name(&Self { account: account_id(owner) }.name(n));
                    let mut settings = serde_json::Map::new();
                    settings.insert("by".to_owned(), account.to_string().into());
                    set_settings(store, account, &theirs, &settings).await;
                }
            }
            Step::RemoveDomain(n) => {
                for owner in 1..=2 {
                    let theirs = name(&Self { account: account_id(owner) }.name(n));
                    store.remove_domain(account, &theirs).await.unwrap();
                }
            }
            Step::AddKey(n) => {
                let id = KeyId::from_bytes([n; 16]);
                let text = format!("key {n} of {account}");
                let key = Key { id, created_at: T0, ..key(account, &text) };
                store.add_key(key).await.unwrap();
            }
            Step::RemoveKey(n) => {
                store.remove_key(account, KeyId::from_bytes([n; 16])).await.unwrap();
            }
            Step::PutSource(n) => {
                let id = self.source_id(n);
                let made = Source { id, created_at: T0, ..source(account, "shared.example") };
                // One with this id may be there already.
                let _added = store.add_source(made).await;
            }
            Step::RemoveSource(n) => {
                for owner in 1..=2 {
                    let theirs = Self { account: account_id(owner) }.source_id(n);
                    store.remove_source(account, theirs).await.unwrap();
                }
            }
            Step::ChangeWebhooks(n) => self.change_webhooks(store, n).await,
            Step::ChangeConfiguration(n) => self.change_configuration(store, n).await,
            Step::SetSigningKey => {
                set_signing_key(store, account, &format!("new of {account}")).await;
            }
            Step::Enqueue(n) => {
                store.enqueue(self.arrival(n)).await.unwrap();
            }
            Step::EnqueueByPlace(n) => {
                store.enqueue(self.by_place(n)).await.unwrap();
            }
            Step::Replay(n) => {
                let new = DeliveryId::new(T0, [n + 100; 10]);
                let old = DeliveryId::new(T0, [n; 10]);
                if store.delivery(account, new).await.unwrap().is_none() {
                    store.replay(account, old, new).await.unwrap();
                }
            }
            Step::Trim => {
                let retention = Retention { age: Duration::from_hours(1), bytes: u64::MAX };
                store.trim(T0, &retention, 10).await.unwrap();
            }
        }
    }

    fn source_id(&self, number: u8) -> SourceId {
        SourceId::from_bytes([number + 10 * self.account.as_bytes()[0]; 16])
    }

    async fn change_webhooks(&self, store: &dyn Store, number: u8) {
        for domain in [None, Some("shared.example")] {
            let scope = scope(self.account, domain, Dialect::Mailgun);
            let id = [number, self.account.as_bytes()[0], u8::from(domain.is_some())];
            let mut bytes = [0; 16];
            bytes[..3].copy_from_slice(&id);
            let url = format!("https://r.example/{number}");
            let hook = Webhook { id: WebhookId::from_bytes(bytes), ..webhook(&scope, &url) };
            let toggle = |list: &mut Vec<Webhook>| {
                match list.iter().position(|there| there.id == hook.id) {
                    Some(place) => drop(list.remove(place)),
                    None => list.push(hook.clone()),
                }
                Decision::Keep
            };
            store.change_webhooks(&scope, Box::new(toggle)).await.unwrap();
        }
    }

    /// Turns everything that is there round: what there is goes, what there is not comes.
    async fn change_configuration(&self, store: &dyn Store, number: u8) {
        let made = Domain { created_at: T0, ..domain(self.account, &self.name(number)) };
        let id = self.source_id(number);
        let fed = Source { id, created_at: T0, ..source(self.account, "shared.example") };
        let toggle = |configuration: &mut Configuration| {
            if configuration.domains.remove(&made.name).is_none() {
                configuration.domains.insert(made.name.clone(), made.clone());
            }
            if configuration.sources.remove(&id).is_none() {
                configuration.sources.insert(id, fed.clone());
            }
            configuration.webhooks.values_mut().for_each(|list| list.reverse());
            Decision::Keep
        };
        let kept = store.change_configuration(self.account, Box::new(toggle)).await.unwrap();
        assert_eq!(kept, Configured::Kept);
    }

    /// Ids, dedupe key and token are the same in both accounts.
    fn arrival(&self, number: u8) -> Arrival {
        let mut new = arrival(self.account, T0, &[endpoint(self.account.as_bytes()[0])]);
        new.event.id = EventId::timed(T0, [number; 10]);
        new.event.body = format!("body {number}").into();
        new.event.provider_id = Some(number.to_string());
        new.deliveries[0].id = DeliveryId::new(T0, [number; 10]);
        let provider_id = number.to_string();
        new.dedupe = Some(DedupeKey { source: "same".to_owned(), day: T0.day(), provider_id });
        let source = SourceId::from_bytes([1; 16]);
        let signed_at = T0.seconds();
        new.token = Some(TokenKey { source, token: number.to_string(), signed_at });
        new
    }

    /// One event, by one place or another; both accounts have the same places.
    fn by_place(&self, place: u8) -> Arrival {
        let mut new = self.arrival(place + 50);
        new.deliveries[0].webhook = WebhookId::from_bytes([place; 16]);
        let key = |source: String| {
            let provider_id = "one".to_owned();
            Some(DedupeKey { source, day: T0.day(), provider_id })
        };
        new.dedupe = key(format!("place {place}"));
        new.shared = key("places".to_owned());
        new
    }

    /// Everything that the account can see, as text, with what must differ taken out.
    async fn view(&self, store: &dyn Store) -> String {
        let account = self.account;
        let example = name("shared.example");
        let page = Page { after: None, limit: 100 };
        let events = EventFilter::default();
        let page_d = Page { after: None, limit: 100 };
        let deliveries = DeliveryFilter::default();
        let mut subscribers = store.subscribers(account, Some(&example)).await.unwrap().to_vec();
        subscribers.iter_mut().for_each(|hook| hook.updated_at = T0);
        let signing_key = store.account(account).await.unwrap().unwrap().signing_key;
        let view = format!(
            "{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{}",
            store.domains(account).await.unwrap(),
            store.keys(account).await.unwrap(),
            store.sources(account, None).await.unwrap(),
            subscribers,
            store.events(account, &events, &page).await.unwrap().items,
            store.deliveries(account, &deliveries, &page_d).await.unwrap().items,
            signing_key.expose(),
        );
        for hook in &subscribers {
            assert!(store.webhook(account, hook.id).await.unwrap().is_some());
            let other = account_id(3 - account.as_bytes()[0]);
            assert!(store.webhook(other, hook.id).await.unwrap().is_none());
        }
        view
    }
}

async fn run(steps: &[(bool, Step)], only: Option<bool>) -> [String; 2] {
    let mut bench = Bench::embedded();
    let store = bench.store();
    let actors = [1, 2].map(|number| Actor { account: account_id(number) });
    for actor in &actors {
        store.create_account(account(actor.account.as_bytes()[0]), None).await.unwrap();
    }
    for (who, step) in steps {
        if only.is_none_or(|only| only == *who) {
            actors[usize::from(*who)].act(&*store, step).await;
        }
    }
    let view = [actors[0].view(&*store).await, actors[1].view(&*store).await];
    drop(store);
    // What is on disk says the same, and opening it finds the counters right.
    let store = bench.reopen();
    assert_eq!(view, [actors[0].view(&*store).await, actors[1].view(&*store).await]);
    view
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_account_sees_what_it_would_see_if_it_were_alone(
        steps in proptest::collection::vec((any::<bool>(), step()), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let [together, first, second] = runtime.block_on(async {
            [run(&steps, None).await, run(&steps, Some(false)).await, run(&steps, Some(true)).await]
        });
        prop_assert_eq!(&together[0], &first[0]);
        prop_assert_eq!(&together[1], &second[1]);
    }
}
