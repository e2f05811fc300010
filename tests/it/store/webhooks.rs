//! Webhooks: changed as a whole scope, read at once.

use std::sync::Arc;

use waypost::model::*;
use waypost::store::{Decision, Store};
use waypost_compat::Dialect;
use waypost_compat::signature::Scheme;

use super::bench::*;
use super::contract;

contract! {
    a_change_is_read_as_soon_as_it_is_made,
    a_change_that_is_discarded_leaves_everything,
    changes_of_one_scope_run_one_after_the_other,
    webhooks_keep_their_order_and_every_field,
    subscribers_are_the_domains_and_the_accounts,
    a_webhook_is_found_by_its_id_in_its_account,
    a_webhook_belongs_to_one_scope,
}

async fn list(store: &dyn Store, scope: &WebhookScope) -> Vec<String> {
    let webhooks = store.webhooks(scope).await.unwrap();
    webhooks.iter().map(|webhook| webhook.url.as_str().to_owned()).collect()
}

async fn a_change_is_read_as_soon_as_it_is_made(mut bench: Bench) {
    let store = bench.store();
    let scope = scope(account_id(1), Some("a.example"), Dialect::Mailgun);
    let hook = webhook(&scope, "https://one.example/");
    let example = name("a.example");
    assert!(store.subscribers(account_id(1), Some(&example)).await.unwrap().is_empty());
    add_webhooks(&*store, &scope, std::slice::from_ref(&hook)).await;
    assert_eq!(list(&*store, &scope).await, ["https://one.example/"]);
    assert_eq!(store.subscribers(account_id(1), Some(&example)).await.unwrap().len(), 1);
    let clear = |list: &mut Vec<Webhook>| {
        list.clear();
        Decision::Keep
    };
    store.change_webhooks(&scope, Box::new(clear)).await.unwrap();
    assert!(store.subscribers(account_id(1), Some(&example)).await.unwrap().is_empty());
    assert!(store.webhook(account_id(1), hook.id).await.unwrap().is_none());
    drop(store);
    for store in [bench.after_a_crash(), bench.reopen()] {
        assert!(list(&*store, &scope).await.is_empty());
    }
}

async fn a_change_that_is_discarded_leaves_everything(bench: Bench) {
    let store = bench.store();
    let scope = scope(account_id(1), None, Dialect::Posthawk);
    add_webhooks(&*store, &scope, &[webhook(&scope, "https://one.example/")]).await;
    let discard = |list: &mut Vec<Webhook>| {
        list.clear();
        Decision::Discard
    };
    let verdict = store.change_webhooks(&scope, Box::new(discard)).await.unwrap();
    assert_eq!(verdict, Decision::Discard);
    assert_eq!(list(&*store, &scope).await, ["https://one.example/"]);
}

async fn changes_of_one_scope_run_one_after_the_other(mut bench: Bench) {
    let scope = scope(account_id(1), Some("a.example"), Dialect::Mailgun);
    let tasks = (0..40).map(|number| {
        let (store, scope): (Arc<dyn Store>, _) = (bench.store(), scope.clone());
        tokio::spawn(async move {
            let hook = webhook(&scope, &format!("https://r.example/{number}"));
            add_webhooks(&*store, &scope, &[hook]).await;
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    for store in [bench.after_a_crash(), bench.reopen()] {
        let mut urls = list(&*store, &scope).await;
        urls.sort();
        urls.dedup();
        assert_eq!(urls.len(), 40, "a change was lost");
    }
}

async fn webhooks_keep_their_order_and_every_field(mut bench: Bench) {
    let scope = scope(account_id(1), Some("a.example"), Dialect::MailStack);
    let full = Webhook {
        events: vec!["Delivered".to_owned(), "*".to_owned()],
        state: WebhookState::Paused,
        scheme: Some(Scheme::MailStackRaw),
        description: Some("a label".to_owned()),
        ..webhook(&scope, "https://user:pass@b.example/?q=%20")
    };
    let bare =
        Webhook { secret: None, previous_secret: None, ..webhook(&scope, "http://a.example") };
    add_webhooks(&*bench.store(), &scope, &[full.clone(), bare.clone()]).await;
    for store in [bench.after_a_crash(), bench.reopen()] {
        let read = store.webhooks(&scope).await.unwrap();
        for (read, written) in read.iter().zip([&full, &bare]) {
            // Secrets print nothing, so they are compared apart.
            assert_eq!(format!("{read:?}"), format!("{written:?}"));
            let exposed = |webhook: &Webhook| {
                let previous = webhook.previous_secret.as_ref();
                let secret = webhook.secret.as_ref().map(|secret| secret.expose().to_owned());
                (secret, previous.map(|(secret, until)| (secret.expose().to_owned(), *until)))
            };
            assert_eq!(exposed(read), exposed(written));
        }
        assert_eq!(read.len(), 2);
    }
}

async fn subscribers_are_the_domains_and_the_accounts(bench: Bench) {
    let store = bench.store();
    let scopes = [
        scope(account_id(1), Some("a.example"), Dialect::Mailgun),
        scope(account_id(1), Some("a.example"), Dialect::Wistfare),
        scope(account_id(1), None, Dialect::MailStack),
        scope(account_id(1), Some("b.example"), Dialect::Mailgun),
        scope(account_id(2), Some("a.example"), Dialect::Mailgun),
        scope(account_id(2), None, Dialect::Mailgun),
    ];
    for (number, scope) in scopes.iter().enumerate() {
        let hook = webhook(scope, &format!("https://r.example/{number}"));
        add_webhooks(&*store, scope, &[hook]).await;
        // Asked for between changes, so that a list kept for speed would show its age.
        store.subscribers(account_id(1), Some(&name("a.example"))).await.unwrap();
    }
    let subscribers = store.subscribers(account_id(1), Some(&name("a.example"))).await.unwrap();
    let urls: Vec<_> = subscribers.iter().map(|webhook| webhook.url.as_str()).collect();
    assert_eq!(urls, ["https://r.example/0", "https://r.example/1", "https://r.example/2"]);
}

async fn a_webhook_is_found_by_its_id_in_its_account(bench: Bench) {
    let store = bench.store();
    let scope = scope(account_id(1), Some("a.example"), Dialect::Mailgun);
    let hook = webhook(&scope, "https://one.example/");
    add_webhooks(&*store, &scope, std::slice::from_ref(&hook)).await;
    let found = store.webhook(account_id(1), hook.id).await.unwrap().unwrap();
    assert_eq!(found.scope, scope);
    assert!(store.webhook(account_id(2), hook.id).await.unwrap().is_none());
}

async fn a_webhook_belongs_to_one_scope(bench: Bench) {
    let store = bench.store();
    let mine = scope(account_id(1), None, Dialect::Mailgun);
    let yours = scope(account_id(2), None, Dialect::Mailgun);
    let hook = webhook(&mine, "https://one.example/");
    add_webhooks(&*store, &mine, std::slice::from_ref(&hook)).await;
    for theft in [hook.clone(), Webhook { scope: yours.clone(), ..hook.clone() }] {
        let steal = |list: &mut Vec<Webhook>| {
            list.push(theft.clone());
            Decision::Keep
        };
        let refused = store.change_webhooks(&yours, Box::new(steal)).await.unwrap_err();
        // A webhook that says it is of that scope was meant to be new there.
        assert_eq!(refused.is_taken(), theft.scope == yours);
    }
    assert_eq!(store.webhook(account_id(1), hook.id).await.unwrap().unwrap().scope, mine);
}
