//! The worker on a store that refuses for a while.

use std::sync::Arc;

use waypost::model::*;
use waypost_compat::Dialect;

use super::bench::*;
use super::trouble::{Troubled, refusal};

#[tokio::test]
async fn a_store_in_trouble_is_left_in_peace_and_then_asked_again() {
    let mut bench = Bench::new().await;
    let receiver = Receiver::answering(200).await;
    let webhook = bench.subscribe(Dialect::Mailgun, &receiver.url()).await;
    let troubled = Arc::new(Troubled::new(bench.store.clone(), refusal().await));
    bench.queue = troubled.clone();
    let id = bench.event(&[&webhook]).await[0];
    troubled.refuse(true);
    let running = bench.start(quick());
    until(|| async { (troubled.refused() == 3).then_some(()) }).await;
    assert_eq!(receiver.seen(), 0);
    troubled.refuse(false);
    assert_eq!(bench.ended(id).await.state, DeliveryState::Delivered);
    running.drained().await;
}

#[tokio::test]
async fn an_answer_that_cannot_be_recorded_at_once_is_recorded_later_and_not_asked_for_again() {
    let mut bench = Bench::new().await;
    let troubled = Arc::new(Troubled::new(bench.store.clone(), refusal().await));
    bench.queue = troubled.clone();
    let told = troubled.clone();
    let receiver = Receiver::start(move |_| {
        told.refuse(true);
        Reply::Status(200)
    })
    .await;
    let webhook = bench.subscribe(Dialect::Mailgun, &receiver.url()).await;
    let running = bench.start(quick());
    let id = bench.event(&[&webhook]).await[0];
    until(|| async { (troubled.refused() == 2).then_some(()) }).await;
    troubled.refuse(false);
    assert_eq!(bench.ended(id).await.state, DeliveryState::Delivered);
    running.drained().await;
    assert_eq!(receiver.seen(), 1);
}

#[tokio::test]
async fn a_claim_brings_all_that_an_attempt_needs() {
    let mut bench = Bench::new().await;
    let receiver = Receiver::answering(200).await;
    let webhook = bench.subscribe(Dialect::Mailgun, &receiver.url()).await;
    let troubled = Arc::new(Troubled::new(bench.store.clone(), refusal().await));
    bench.queue = troubled.clone();
    let id = bench.event(&[&webhook]).await[0];
    troubled.refuse_after_claim();
    let running = bench.start(quick());
    until(|| async { (troubled.refused() == 2).then_some(()) }).await;
    assert_eq!(receiver.seen(), 1, "nothing more was asked of the store before");
    troubled.refuse(false);
    assert_eq!(bench.ended(id).await.state, DeliveryState::Delivered);
    running.drained().await;
    assert_eq!(receiver.seen(), 1);
}
