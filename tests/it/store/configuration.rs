//! Accounts, keys, domains and sources.

use waypost::model::*;
use waypost::store::Decision;
use waypost_compat::Secret;

use super::bench::*;
use super::contract;

contract! {
    an_account_is_created_with_its_first_key,
    a_signing_key_is_replaced,
    a_key_opens_its_account_until_it_is_removed,
    a_key_with_a_known_hash_is_taken,
    a_domain_has_one_owner,
    domains_are_listed_newest_first,
    settings_of_any_length_are_kept,
    a_domain_goes_with_its_webhooks_and_sources,
    a_source_is_found_by_its_id_alone,
    a_source_of_another_account_is_not_replaced,
    a_source_of_the_whole_account_outlives_its_domains,
}

async fn an_account_is_created_with_its_first_key(mut bench: Bench) {
    let key = key(account_id(1), "secret");
    bench.store().create_account(account(1), Some(key.clone())).await.unwrap();
    bench.store().create_account(account(2), None).await.unwrap();
    for store in [bench.after_a_crash(), bench.reopen()] {
        let accounts = store.accounts().await.unwrap();
        assert_eq!(
            accounts.iter().map(|a| a.id).collect::<Vec<_>>(),
            [account_id(1), account_id(2)]
        );
        let read = store.account(account_id(1)).await.unwrap().unwrap();
        assert_eq!(read.signing_key.expose(), "signing-key-1");
        let found = store.key_by_hash(&KeyHash::of("secret")).await.unwrap().unwrap();
        assert_eq!((found.id, found.account), (key.id, account_id(1)));
    }
}

async fn a_signing_key_is_replaced(mut bench: Bench) {
    bench.store().create_account(account(1), None).await.unwrap();
    assert!(set_signing_key(&*bench.store(), account_id(1), "new").await);
    assert!(!set_signing_key(&*bench.store(), account_id(9), "new").await);
    for store in [bench.after_a_crash(), bench.reopen()] {
        let read = store.account(account_id(1)).await.unwrap().unwrap();
        assert_eq!(read.signing_key.expose(), "new");
    }
}

async fn a_key_opens_its_account_until_it_is_removed(mut bench: Bench) {
    let (first, second) = (key(account_id(1), "first"), key(account_id(1), "second"));
    assert!(added(bench.store().add_key(first.clone()).await));
    assert!(added(bench.store().add_key(second.clone()).await));
    let keys = bench.store().keys(account_id(1)).await.unwrap();
    assert_eq!(keys.iter().map(|key| key.id).collect::<Vec<_>>(), [first.id, second.id]);
    assert!(!bench.store().remove_key(account_id(2), first.id).await.unwrap());
    assert!(bench.store().remove_key(account_id(1), first.id).await.unwrap());
    assert!(!bench.store().remove_key(account_id(1), first.id).await.unwrap());
    for store in [bench.after_a_crash(), bench.reopen()] {
        assert!(store.key_by_hash(&first.hash).await.unwrap().is_none());
        let found = store.key_by_hash(&second.hash).await.unwrap().unwrap();
        assert_eq!(found.description, second.description);
    }
}

async fn a_key_with_a_known_hash_is_taken(bench: Bench) {
    let store = bench.store();
    let (mine, yours) = (key(account_id(1), "same"), key(account_id(2), "same"));
    let (one, other) = tokio::join!(store.add_key(mine.clone()), store.add_key(yours));
    assert!(added(one) != added(other), "two accounts hold the same key");
    assert!(store.create_account(account(3), Some(mine)).await.is_err());
    assert!(store.account(account_id(3)).await.unwrap().is_none());
}

async fn a_domain_has_one_owner(mut bench: Bench) {
    let store = bench.store();
    let both = tokio::join!(
        store.create_domain(domain(account_id(1), "example.com")),
        store.create_domain(domain(account_id(2), "example.com")),
    );
    assert!(added(both.0) != added(both.1), "two accounts own one domain");
    drop(store);
    for store in [bench.after_a_crash(), bench.reopen()] {
        let mine = store.domain(account_id(1), &name("example.com")).await.unwrap();
        let yours = store.domain(account_id(2), &name("example.com")).await.unwrap();
        assert!(mine.is_some() != yours.is_some());
        assert!(!added(store.create_domain(domain(account_id(3), "example.com")).await));
    }
}

async fn domains_are_listed_newest_first(bench: Bench) {
    let store = bench.store();
    for text in ["b.example", "a.example", "c.example"] {
        assert!(added(store.create_domain(domain(account_id(1), text)).await));
    }
    assert!(added(store.create_domain(domain(account_id(2), "d.example")).await));
    let domains = store.domains(account_id(1)).await.unwrap();
    let names: Vec<_> = domains.iter().map(|domain| domain.name.as_str()).collect();
    assert_eq!(names, ["c.example", "a.example", "b.example"]);
}

async fn settings_of_any_length_are_kept(mut bench: Bench) {
    let example = name("example.com");
    assert!(added(bench.store().create_domain(domain(account_id(1), "example.com")).await));
    // Longer than one row, shorter, longer: no piece of an older form may stay behind.
    for length in [0, 300_000, 10, 4096, 4095, 5000] {
        let mut settings = serde_json::Map::new();
        settings.insert("spam_action".to_owned(), "x".repeat(length).into());
        let store = bench.store();
        assert!(set_settings(&*store, account_id(1), &example, &settings).await);
        drop(store);
        for store in [bench.after_a_crash(), bench.reopen()] {
            let read = store.domain(account_id(1), &example).await.unwrap().unwrap();
            assert_eq!(read.settings, settings);
        }
    }
    let store = bench.store();
    assert!(!set_settings(&*store, account_id(2), &example, &serde_json::Map::new()).await);
}

async fn a_domain_goes_with_its_webhooks_and_sources(mut bench: Bench) {
    use waypost_compat::Dialect::{Mailgun, Posthawk};
    let store = bench.store();
    let (gone, kept) = (name("gone.example"), name("kept.example"));
    let mut sources = Vec::new();
    for domain_name in ["gone.example", "kept.example"] {
        assert!(added(store.create_domain(domain(account_id(1), domain_name)).await));
        let source = source(account_id(1), domain_name);
        store.add_source(source.clone()).await.unwrap();
        sources.push(source.id);
        for dialect in [Mailgun, Posthawk] {
            let scope = scope(account_id(1), Some(domain_name), dialect);
            add_webhooks(&*store, &scope, &[webhook(&scope, "https://a.example/")]).await;
        }
    }
    let everywhere = scope(account_id(1), None, Mailgun);
    add_webhooks(&*store, &everywhere, &[webhook(&everywhere, "https://b.example/")]).await;

    assert!(!store.remove_domain(account_id(2), &gone).await.unwrap());
    assert!(store.remove_domain(account_id(1), &gone).await.unwrap());
    assert!(!store.remove_domain(account_id(1), &gone).await.unwrap());
    drop(store);
    for store in [bench.after_a_crash(), bench.reopen()] {
        assert!(store.domain(account_id(1), &gone).await.unwrap().is_none());
        assert!(store.source(account_id(1), sources[0]).await.unwrap().is_none());
        assert!(store.source(account_id(1), sources[1]).await.unwrap().is_some());
        assert_eq!(store.subscribers(account_id(1), Some(&gone)).await.unwrap().len(), 1);
        assert_eq!(store.subscribers(account_id(1), Some(&kept)).await.unwrap().len(), 3);
    }
}

async fn a_source_is_found_by_its_id_alone(mut bench: Bench) {
    let (first, second) = (source(account_id(1), "a.example"), source(account_id(1), "a.example"));
    for source in [&first, &second] {
        bench.store().add_source(source.clone()).await.unwrap();
    }
    let close = |source: &mut Source| {
        source.enabled = false;
        source.secrets.clear();
        Decision::Keep
    };
    let changed = bench.store().change_source(account_id(1), first.id, Box::new(close)).await;
    assert!(changed.unwrap().is_some_and(|source| !source.enabled));
    for store in [bench.after_a_crash(), bench.reopen()] {
        let read = store.source_to_prove(first.id).await.unwrap().unwrap();
        assert!(!read.enabled && read.secrets.is_empty());
        let read = store.source_to_prove(second.id).await.unwrap().unwrap();
        let secrets: Vec<_> = read.secrets.iter().map(Secret::expose).collect();
        assert_eq!(secrets, ["whsec_first", "whsec_second"]);
        let listed = store.sources(account_id(1), Some(&name("a.example"))).await.unwrap();
        assert_eq!(listed.iter().map(|s| s.id).collect::<Vec<_>>(), [first.id, second.id]);
    }
    let store = bench.store();
    assert!(!store.remove_source(account_id(2), first.id).await.unwrap());
    assert!(store.remove_source(account_id(1), first.id).await.unwrap());
    assert!(store.source_to_prove(first.id).await.unwrap().is_none());
}

async fn a_source_of_another_account_is_not_replaced(bench: Bench) {
    let store = bench.store();
    let mine = source(account_id(1), "a.example");
    store.add_source(mine.clone()).await.unwrap();
    let theft = Source { account: account_id(2), ..mine.clone() };
    assert!(store.add_source(theft).await.is_err());
    let found = store.source_to_prove(mine.id).await.unwrap().unwrap();
    assert_eq!(found.account, account_id(1));
    let switch_off = |source: &mut Source| {
        source.enabled = false;
        Decision::Keep
    };
    let changed = store.change_source(account_id(2), mine.id, Box::new(switch_off)).await;
    assert!(changed.unwrap().is_none());
    assert!(store.source(account_id(2), mine.id).await.unwrap().is_none());
    assert!(store.source(account_id(1), mine.id).await.unwrap().unwrap().enabled);
}

async fn a_source_of_the_whole_account_outlives_its_domains(mut bench: Bench) {
    let store = bench.store();
    assert!(added(store.create_domain(domain(account_id(1), "a.example")).await));
    let serves = Serves::Webhook(WebhookId::from_bytes([7; 16]));
    let wide = Source { domain: None, serves, ..source(account_id(1), "a.example") };
    let own = Source { serves: Serves::Domain, ..source(account_id(1), "a.example") };
    let theirs = Source { domain: None, ..source(account_id(2), "b.example") };
    for source in [&wide, &own, &theirs] {
        store.add_source(source.clone()).await.unwrap();
    }
    let ids = |sources: Vec<Source>| sources.iter().map(|source| source.id).collect::<Vec<_>>();
    let example = name("a.example");
    let of_domain = store.sources(account_id(1), Some(&example)).await.unwrap();
    assert_eq!(ids(of_domain), [own.id]);
    assert_eq!(ids(store.sources(account_id(1), None).await.unwrap()), [wide.id, own.id]);
    assert!(store.remove_domain(account_id(1), &example).await.unwrap());
    drop(store);
    for store in [bench.after_a_crash(), bench.reopen()] {
        assert_eq!(ids(store.sources(account_id(1), None).await.unwrap()), [wide.id]);
        let read = store.source(account_id(1), wide.id).await.unwrap().unwrap();
        assert_eq!((read.domain, read.serves), (None, serves));
    }
}
