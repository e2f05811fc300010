//! Counters: what became of the attempts made for each webhook.

use std::time::Duration;

use waypost::model::*;
use waypost::store::{Decision, Store};
use waypost_compat::Dialect;

use super::bench::*;
use super::contract;

contract! {
    stats_of_a_webhook_count_its_attempts,
    stats_of_a_webhook_survive_a_restart,
    stats_of_a_webhook_are_its_accounts_alone,
    stats_of_a_webhook_go_with_it,
    stats_of_a_webhook_go_with_its_domain,
    a_settlement_without_an_attempt_counts_for_nothing,
}

/// A webhook of account 1, and its queue.
async fn subscribe(store: &dyn Store) -> Webhook {
    let scope = scope(account_id(1), Some("example.com"), Dialect::Posthawk);
    let hook = webhook(&scope, "https://receiver.example/hook");
    add_webhooks(store, &scope, std::slice::from_ref(&hook)).await;
    hook
}

/// Makes one attempt for `hook` at `at`: an event comes in, is claimed and settled.
async fn attempt_at(store: &dyn Store, hook: &Webhook, at: Timestamp, next: NextStep) {
    let endpoint = hook.endpoint();
    let mut event = arrival(hook.scope.account, at, &[endpoint]);
    event.deliveries[0].webhook = hook.id;
    accept(store, &event).await;
    for delivery in claim(store, endpoint, at).await.deliveries {
        settle(store, &delivery, at, next).await;
    }
    store.sync().await.unwrap();
}

async fn stats(store: &dyn Store, hook: &Webhook) -> WebhookStats {
    store.webhook_stats(hook.scope.account, hook.id).await.unwrap()
}

const fn second(number: u64) -> Duration {
    Duration::from_secs(number)
}

async fn stats_of_a_webhook_count_its_attempts(bench: Bench) {
    let store = bench.store();
    let hook = subscribe(&*store).await;
    assert_eq!(stats(&*store, &hook).await, WebhookStats::default());

    attempt_at(&*store, &hook, T0, NextStep::Delivered).await;
    attempt_at(&*store, &hook, T0.plus(second(1)), NextStep::Dead).await;
    let later = NextStep::RetryAt(T0.plus(second(1_000)));
    attempt_at(&*store, &hook, T0.plus(second(2)), later).await;
    let failing = WebhookStats {
        successful: 1,
        failed: 2,
        last_success: Some(T0),
        last_failure: Some(T0.plus(second(2))),
        consecutive_failures: 2,
        failing_since: Some(T0.plus(second(1))),
    };
    assert_eq!(stats(&*store, &hook).await, failing);

    attempt_at(&*store, &hook, T0.plus(second(3)), NextStep::Delivered).await;
    let well = WebhookStats {
        successful: 2,
        last_success: Some(T0.plus(second(3))),
        consecutive_failures: 0,
        failing_since: None,
        ..failing
    };
    assert_eq!(stats(&*store, &hook).await, well);
}

async fn stats_of_a_webhook_survive_a_restart(mut bench: Bench) {
    let hook = subscribe(&*bench.store()).await;
    attempt_at(&*bench.store(), &hook, T0, NextStep::Dead).await;
    attempt_at(&*bench.store(), &hook, T0.plus(second(1)), NextStep::Delivered).await;
    let before = stats(&*bench.store(), &hook).await;
    assert_eq!((before.successful, before.failed), (1, 1));
    for store in [bench.after_a_crash(), bench.reopen()] {
        assert_eq!(stats(&*store, &hook).await, before);
    }
}

async fn stats_of_a_webhook_are_its_accounts_alone(bench: Bench) {
    let store = bench.store();
    let hook = subscribe(&*store).await;
    attempt_at(&*store, &hook, T0, NextStep::Delivered).await;
    let seen = store.webhook_stats(account_id(2), hook.id).await.unwrap();
    assert_eq!(seen, WebhookStats::default());
}

async fn stats_of_a_webhook_go_with_it(bench: Bench) {
    let store = bench.store();
    let (hook, other) = (subscribe(&*store).await, subscribe(&*store).await);
    for hook in [&hook, &other] {
        attempt_at(&*store, hook, T0, NextStep::Delivered).await;
    }
    // Under way while the webhook goes, settled after.
    let mut event = arrival(hook.scope.account, T0.plus(second(1)), &[hook.endpoint()]);
    event.deliveries[0].webhook = hook.id;
    accept(&*store, &event).await;
    let claimed = claim(&*store, hook.endpoint(), T0.plus(second(1))).await;
    let remove = |list: &mut Vec<Webhook>| {
        list.retain(|webhook| webhook.id != hook.id);
        Decision::Keep
    };
    store.change_webhooks(&hook.scope, Box::new(remove)).await.unwrap();
    settle(&*store, &claimed.deliveries[0], T0.plus(second(1)), NextStep::Delivered).await;
    store.sync().await.unwrap();
    assert_eq!(stats(&*store, &hook).await, WebhookStats::default());
    assert_eq!(stats(&*store, &other).await.successful, 1, "the other one keeps its own");
}

async fn stats_of_a_webhook_go_with_its_domain(bench: Bench) {
    let store = bench.store();
    store.create_account(account(1), None).await.unwrap();
    assert!(added(store.create_domain(domain(account_id(1), "example.com")).await));
    let hook = subscribe(&*store).await;
    attempt_at(&*store, &hook, T0, NextStep::Delivered).await;
    assert!(store.remove_domain(account_id(1), &name("example.com")).await.unwrap());
    // Even if the same webhook were there again, it would begin at zero.
    add_webhooks(&*store, &hook.scope, std::slice::from_ref(&hook)).await;
    assert_eq!(stats(&*store, &hook).await, WebhookStats::default());
}

async fn a_settlement_without_an_attempt_counts_for_nothing(bench: Bench) {
    let store = bench.store();
    let hook = subscribe(&*store).await;
    let mut event = arrival(hook.scope.account, T0, &[hook.endpoint()]);
    event.deliveries[0].webhook = hook.id;
    accept(&*store, &event).await;
    let claimed = claim(&*store, hook.endpoint(), T0).await.deliveries.remove(0);
    store.settle(claimed.settled(None, NextStep::Cancelled)).await.unwrap();
    store.sync().await.unwrap();
    assert_eq!(stats(&*store, &hook).await, WebhookStats::default());
}
