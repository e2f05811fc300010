//! The gateway as one thing: opened, then run until it is told to stop.

use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::account::{self, Given, News};
use super::tester::Direct;
use super::upstream::Mailgun;
use crate::client::{Client, ClientOptions};
use crate::clock::Clock;
use crate::config::Options;
use crate::http::{self, App};
use crate::retry::{Policies, Schedule};
use crate::store::{self, Retention};
use crate::worker::{Worker, WorkerOptions};

/// The interval at which events past their time are removed.
const TRIM_EVERY: Duration = Duration::from_mins(1);
/// The number of events removed at a time: each batch shares the commit thread with requests.
const TRIM_BATCH: usize = 500;

/// Everything that `serve` needs: a listener, an open store with an account, a worker.
pub(in crate::cli) struct Gateway {
    listener: TcpListener,
    address: SocketAddr,
    app: App,
    worker: Worker,
    retention: Retention,
    news: Vec<News>,
}

impl Gateway {
    /// Takes the port, opens the store, and makes the account if there is none. The port comes
    /// first: where it is in use, nothing on disk is touched.
    pub(in crate::cli) async fn open(options: &Options) -> anyhow::Result<Self> {
        let cannot = || format!("cannot listen on {}", options.listen);
        let listener = TcpListener::bind(options.listen).await.with_context(cannot)?;
        let address = listener.local_addr().with_context(cannot)?;
        let clock = Clock::system();
        let given = Given {
            api_key: options.api_key.as_deref(),
            signing_key: options.signing_key.as_deref(),
        };
        account::check(given)?;
        let settings = Arc::new(options.settings(address));
        let upstream = Mailgun::of(options, address, &settings)?;
        let place = options.data.clone();
        let opened = tokio::task::spawn_blocking(|| store::open(place)).await;
        let store = opened.context("the store broke off")??;
        let news = account::ensure(&*store, &clock, given).await?;

        let client = Client::new(ClientOptions {
            allow_targets: options.allow_target.clone(),
            clock: clock.clone(),
            ..ClientOptions::default()
        });
        let tester =
            Direct { directory: store.clone(), client: client.clone(), clock: clock.clone() };
        if address.ip().is_unspecified() && options.public_url.is_none() {
            tracing::warn!(
                "providers are told to post to {address}, which is no address they can reach; \
                 set --public-url"
            );
        }
        let app = App::new(store.clone(), clock.clone(), settings).with_tester(Arc::new(tester));
        let app = attach(app, upstream).await?;
        let mut policies = Policies::default().with_disable_after(options.disable_after());
        if !options.retry_schedule.is_empty() {
            policies = policies.with_schedule(&Schedule::new(options.retry_schedule.clone()));
        }
        let delivering = WorkerOptions {
            attempts_max: options.max_attempts as usize,
            endpoint_concurrency: options.endpoint_concurrency as usize,
            endpoint_rate: options.endpoint_rate,
            policies,
            drain_timeout: options.drain_timeout,
            stats: app.stats.clone(),
            renderings: app.renderings.clone(),
        };
        let worker = Worker::new(store, client, clock, delivering);
        let retention = Retention { age: options.retention_age, bytes: options.retention_bytes };
        Ok(Self { listener, address, app, worker, retention, news })
    }

    /// The base URL of the address that it listens on.
    pub(in crate::cli) fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// News about keys, for the operator.
    pub(in crate::cli) fn news(&self) -> impl Iterator<Item = &impl Display> {
        self.news.iter()
    }

    /// Serves and delivers until `stopped` says so, then lets what is under way end, and returns
    /// once everything is synced.
    pub(in crate::cli) async fn run(self, stopped: watch::Receiver<bool>) -> anyhow::Result<()> {
        let version = env!("CARGO_PKG_VERSION");
        tracing::info!(address = %self.address, version, "serving");
        let history = self.app.history.clone();
        let until = |mut stopped: watch::Receiver<bool>| async move {
            // If the sender is gone, nobody can ask for anything else.
            let _ = stopped.wait_for(|stop| *stop).await;
        };
        let trimming = tokio::spawn(trim(self.app.clone(), self.retention));
        let ((), delivered) = tokio::join!(
            http::serve(self.app, self.listener, until(stopped.clone())),
            self.worker.run(until(stopped)),
        );
        trimming.abort();
        delivered.and(history.sync().await).context("cannot sync the store")?;
        tracing::info!("stopped; everything taken is on disk");
        Ok(())
    }
}

/// Gives the upstream, if there is one, to the account that was first: it is whose the server is.
async fn attach(app: App, upstream: Option<Mailgun>) -> anyhow::Result<App> {
    let Some(upstream) = upstream else { return Ok(app) };
    let accounts = app.directory.accounts().await?;
    let first = accounts.first().context("no account was made")?.id;
    Ok(app.with_upstream(Arc::new(upstream), first))
}

/// Removes events and deliveries past their limits, for as long as the server runs.
async fn trim(app: App, retention: Retention) {
    loop {
        match app.history.trim(app.clock.now(), &retention, TRIM_BATCH).await {
            // There may be more: go on at once, after the tasks that wait.
            Ok(TRIM_BATCH..) => tokio::task::yield_now().await,
            Ok(_) => tokio::time::sleep(TRIM_EVERY).await,
            Err(error) => {
                tracing::error!(%error, "old events could not be removed");
                tokio::time::sleep(TRIM_EVERY).await;
            }
        }
    }
}
