//! The promises of the store, each by its name, on every backend.

mod bench;
mod compaction;
mod configuration;
mod crash;
mod deliveries;
mod events;
mod full;
mod opening;
mod places;
mod stats;
mod tenants;
mod trimming;
mod webhooks;
mod whole;

/// Runs every promise on every backend.
macro_rules! contract {
    ($($promise:ident),* $(,)?) => {
        mod embedded {
            $(
                #[tokio::test]
                async fn $promise() {
                    super::$promise(crate::store::bench::Bench::embedded()).await;
                }
            )*
        }
    };
}
use contract;
