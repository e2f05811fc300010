//! A take-over and its way back under traffic: every subscription gets every event exactly once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use waypost_compat::Kind;

use super::into::World;

/// Events a second.
const RATE: u32 = 200;

/// How long they come: a minute where the checks of the repository run, less for whoever works.
fn duration() -> Duration {
    let seconds = std::env::var("WAYPOST_TEST_TRAFFIC_SECONDS").ok();
    Duration::from_secs(seconds.map_or(6, |text| text.parse().unwrap()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_account_is_taken_over_and_given_back_while_events_come() {
    let mut world = World::new().await;
    world.domain("one.example", &[]).await;
    world.domain("two.example", &[]).await;
    world.list("one.example", "delivered", &["a", "both"]).await;
    world.list("one.example", "opened", &["b"]).await;
    world.list("two.example", "delivered", &["two"]).await;
    world.entry("both", &["delivered", "opened"]).await;
    world.entry("e2", &["delivered"]).await;
    let before = world.webhooks().await;
    world.plan().await;

    let stop = Arc::new(AtomicBool::new(false));
    let happening = world.events();
    let sending = tokio::spawn({
        let stop = Arc::clone(&stop);
        async move {
            let mut clock = tokio::time::interval(Duration::from_secs(1) / RATE);
            let mut sent = 0;
            while !stop.load(Ordering::Relaxed) {
                clock.tick().await;
                let (domain, kind) = match sent % 3 {
                    0 => ("one.example", Kind::Delivered),
                    1 => ("one.example", Kind::Opened),
                    _ => ("two.example", Kind::Delivered),
                };
                sent += 1;
                happening.happens(sent, domain, kind).await;
            }
            sent
        }
    });
    let third = duration() / 3;
    tokio::time::sleep(third).await;
    world.migrate(&["apply", "in.plan"]).await.ok();
    tokio::time::sleep(third).await;
    let through = world.inside.get("/waypost/v1/events?limit=1").await.unwrap();
    assert!(!through["items"].as_array().unwrap().is_empty(), "events came by the gateway");
    world.migrate(&["rollback", "in.plan.journal", "--settle", "1s"]).await.ok();
    tokio::time::sleep(third).await;
    stop.store(true, Ordering::Relaxed);
    let sent = sending.await.unwrap();
    assert_eq!(world.webhooks().await, before);
    for number in 1..=sent {
        let paths: &[&str] = match (number - 1) % 3 {
            0 => &["a", "both", "e2"],
            1 => &["b", "both"],
            _ => &["two", "both", "e2"],
        };
        world.expect(paths);
    }
    world.assert_all_came_once("under traffic").await;
}
