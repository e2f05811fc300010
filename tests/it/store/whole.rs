//! An account's configuration, read and changed whole.

use waypost::model::*;
use waypost::store::{Configuration, Configured, Decision, Holding, Store};
use waypost_compat::{Dialect, Secret};

use super::bench::*;
use super::contract;

contract! {
    a_configuration_is_read_whole_and_nobody_elses,
    a_configuration_is_changed_in_one_commit,
    what_a_change_discards_stays,
    what_another_account_has_is_told_and_nothing_changes,
    a_configuration_that_is_not_its_accounts_is_an_error,
}

/// Two accounts: the first with a domain, a source and two webhooks, the second likewise.
async fn two(store: &dyn Store) {
    for number in [1, 2] {
        let (id, name) = (account_id(number), format!("d{number}.example"));
        store.create_account(account(number), None).await.unwrap();
        assert!(added(store.create_domain(domain(id, &name)).await));
        store.add_source(source(id, &name)).await.unwrap();
        let own = scope(id, Some(&name), Dialect::Posthawk);
        let webhooks = [webhook(&own, "https://a.example/"), webhook(&own, "https://b.example/")];
        add_webhooks(store, &own, &webhooks).await;
    }
}

async fn read(store: &dyn Store, number: u8) -> Configuration {
    store.configuration(account_id(number)).await.unwrap().unwrap()
}

/// The names of all that a configuration holds.
fn held(configuration: &Configuration) -> Vec<String> {
    let domains = configuration.domains.keys().map(ToString::to_string);
    let sources = configuration.sources.keys().map(ToString::to_string);
    let urls = configuration.webhooks.values().flatten().map(|webhook| webhook.url.to_string());
    domains.chain(sources).chain(urls).collect()
}

async fn a_configuration_is_read_whole_and_nobody_elses(bench: Bench) {
    let store = bench.store();
    two(&*store).await;
    let first = read(&*store, 1).await;
    assert_eq!(first.account.id, account_id(1));
    let held = held(&first);
    assert_eq!(held.len(), 4, "{held:?}");
    assert_eq!((held[0].as_str(), held[3].as_str()), ("d1.example", "https://b.example/"));
    assert!(store.configuration(account_id(9)).await.unwrap().is_none());
}

async fn a_configuration_is_changed_in_one_commit(mut bench: Bench) {
    let store = bench.store();
    two(&*store).await;
    let id = account_id(1);
    let own = scope(id, Some("d1.example"), Dialect::Posthawk);
    let (new, wide) =
        (scope(id, Some("new.example"), Dialect::Mailgun), scope(id, None, Dialect::Wistfare));
    let first = webhook(&new, "https://new.example/");
    let second = webhook(&wide, "https://wide.example/");
    let change = |configuration: &mut Configuration| {
        configuration.account.signing_key = Secret::new("another");
        configuration.domains.insert(name("new.example"), domain(id, "new.example"));
        configuration.sources.clear();
        configuration.webhooks.get_mut(&own).unwrap().reverse();
        configuration.webhooks.insert(new.clone(), vec![first.clone()]);
        configuration.webhooks.insert(wide.clone(), vec![second.clone()]);
        Decision::Keep
    };
    let kept = store.change_configuration(id, Box::new(change)).await.unwrap();
    assert_eq!(kept, Configured::Kept);
    let expected = [
        "d1.example",
        "new.example",
        "https://wide.example/",
        "https://b.example/",
        "https://a.example/",
        "https://new.example/",
    ];
    assert_eq!(held(&read(&*store, 1).await), expected);
    drop(store);
    for store in [bench.after_a_crash(), bench.reopen()] {
        let first = read(&*store, 1).await;
        assert_eq!(held(&first), expected);
        assert_eq!(first.account.signing_key.expose(), "another");
        let subscribers = store.subscribers(id, Some(&name("new.example"))).await.unwrap();
        assert_eq!(subscribers.len(), 2);
        assert_eq!(held(&read(&*store, 2).await).len(), 4);
    }
}

async fn what_a_change_discards_stays(bench: Bench) {
    let store = bench.store();
    two(&*store).await;
    let change = |configuration: &mut Configuration| {
        configuration.domains.clear();
        configuration.webhooks.clear();
        Decision::Discard
    };
    let discarded = store.change_configuration(account_id(1), Box::new(change)).await.unwrap();
    assert_eq!(discarded, Configured::Discarded);
    assert_eq!(held(&read(&*store, 1).await).len(), 4);
}

async fn what_another_account_has_is_told_and_nothing_changes(bench: Bench) {
    let store = bench.store();
    two(&*store).await;
    let id = account_id(1);
    let theirs = read(&*store, 2).await;
    let their_source = *theirs.sources.keys().next().unwrap();
    let their_webhook = theirs.webhooks.values().flatten().next().unwrap().id;
    let own = scope(id, Some("d1.example"), Dialect::Posthawk);
    let cross = |what: Holding| {
        let own = own.clone();
        move |configuration: &mut Configuration| {
            configuration.domains.insert(name("mine.example"), domain(id, "mine.example"));
            match &what {
                Holding::Domain(name) => {
                    let stolen = domain(id, name.as_str());
                    configuration.domains.insert(name.clone(), stolen);
                }
                Holding::Source(source_id) => {
                    let stolen = Source { id: *source_id, ..source(id, "d1.example") };
                    configuration.sources.insert(*source_id, stolen);
                }
                Holding::Webhook(webhook_id) => {
                    let list = configuration.webhooks.get_mut(&own).unwrap();
                    list.push(Webhook { id: *webhook_id, ..webhook(&own, "https://c.example/") });
                }
            }
            Decision::Keep
        }
    };
    for what in [
        Holding::Domain(name("d2.example")),
        Holding::Source(their_source),
        Holding::Webhook(their_webhook),
    ] {
        let mut change = cross(what.clone());
        let told = store.change_configuration(id, Box::new(&mut change)).await.unwrap();
        assert_eq!(told, Configured::Taken(what.clone()));
        let dry = move |configuration: &mut Configuration| {
            change(configuration);
            Decision::Discard
        };
        let told = store.change_configuration(id, Box::new(dry)).await.unwrap();
        assert_eq!(told, Configured::Taken(what));
    }
    assert_eq!(held(&read(&*store, 1).await).len(), 4);
    assert_eq!(held(&read(&*store, 2).await), held(&theirs));
}

async fn a_configuration_that_is_not_its_accounts_is_an_error(bench: Bench) {
    let store = bench.store();
    two(&*store).await;
    let change = |configuration: &mut Configuration| {
        configuration.domains.insert(name("x.example"), domain(account_id(2), "x.example"));
        Decision::Keep
    };
    assert!(store.change_configuration(account_id(1), Box::new(change)).await.is_err());
    assert_eq!(held(&read(&*store, 1).await).len(), 4);
    let nothing = |_: &mut Configuration| Decision::Keep;
    assert!(store.change_configuration(account_id(9), Box::new(nothing)).await.is_err());
}
