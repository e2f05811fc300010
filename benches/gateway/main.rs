//! How fast the gateway is, beside what its parts can do alone: `cargo bench`.
//!
//! The figures are this machine's and this minute's; the ratios at the end travel. Load, receiver
//! and gateway share the cores, as they did where the targets were measured.

#[path = "../../tests/it/support/api.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "made for the tests, which use all of it")]
mod api;
mod floors;
mod load;
mod pipeline;
#[path = "../../tests/it/support/process.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "made for the tests, which use all of it")]
mod process;
mod stats;

use std::time::Duration;

use stats::Report;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("threads").block_on(run());
}

async fn run() {
    let mut report = Report(std::io::stdout().lock());
    let floor = Duration::from_secs(5);

    report.heading("floors: 1.5 KB, 64 at once");
    let hyper = floors::hyper(floor).await;
    report.row("bare hyper, POST answered with hello", &hyper);
    let store = floors::store(floor).await;
    report.row("store alone, event and delivery in a synced commit", &store);
    let client = floors::client(floor).await;
    report.row("client alone, into a receiver that answers at once", &client);

    report.heading("gateway: 128 connections in, one receiver");
    let full = pipeline::saturated(Duration::from_secs(10)).await;
    report.row("accepted", &full.accepted);
    report.row("delivered, from acknowledged to arrived", &full.delivered);
    report.rate("delivered, to the last", full.drained_per_second);

    report.heading("gateway: 5,000 events a second");
    let steady = pipeline::steady(5_000, Duration::from_secs(8)).await;
    report.row("delivered, from acknowledged to arrived", &steady);

    // What the three could do in turn on these cores, if the gateway itself cost nothing.
    let alone = [&hyper, &store, &client].map(|floor| floor.per_second.recip());
    let alone = alone.iter().sum::<f64>().recip();
    let (accepted, delivered) = (full.accepted.per_second, full.drained_per_second);
    report.line(format_args!("\n{:<54}{:>12}", "ratios", ""));
    report.ratio("accepted to bare hyper", accepted, hyper.per_second);
    report.ratio("accepted to store alone", accepted, store.per_second);
    report.ratio("delivered to client alone", delivered, client.per_second);
    report.ratio("delivered to hyper, store and client in turn", delivered, alone);
    report.ratio("delivered to accepted", delivered, accepted);
}
