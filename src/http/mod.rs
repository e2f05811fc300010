//! The HTTP surface: one [`App`], one [`Route`] type, credentials, and each dialect's API.
//!
//! In warp a rejection means *not this route*. Once path and method match, the handler answers,
//! errors included, in its dialect's own shape.

mod auth;
mod body;
mod call;
pub mod dispatch;
mod error;
mod health;
mod ingest;
mod mailgun;
mod native;
mod route;
mod row_webhooks;
mod server;
mod upstream;

use std::sync::Arc;

use async_trait::async_trait;
use warp::Filter;

pub use auth::{Credentials, Principal};
pub use body::{Body, BodyError};
pub use route::Route;
pub use server::serve;
pub use upstream::{Download, Upload, Upstream};

use crate::clock::Clock;
use crate::config::Settings;
use crate::metrics::Stats;
use crate::model::{AccountId, Webhook};
use crate::renderings::Renderings;
use crate::store::{Directory, History, Intake, Store};
use route::any_of;
use upstream::Attached;

/// The handles that every handler may use. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// Accounts, keys, domains, sources, webhooks.
    pub directory: Arc<dyn Directory>,
    /// The way in for events.
    pub intake: Arc<dyn Intake>,
    /// Events and deliveries, to be looked up and repeated.
    pub history: Arc<dyn History>,
    /// Clock and randomness.
    pub clock: Clock,
    /// Configuration.
    pub settings: Arc<Settings>,
    /// The counters, for here and for whoever delivers.
    pub stats: Stats,
    /// The renderings of events, handed from ingest to the worker.
    pub renderings: Renderings,
    /// The sender of test events, where one was wired.
    pub tester: Option<Arc<dyn Tester>>,
    /// The upstream for one account's requests that are not answered here, if there is one.
    upstream: Option<Attached>,
}

impl App {
    /// An app over a store; it sends no test events until [`with_tester`](Self::with_tester).
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Clock, settings: Arc<Settings>) -> Self {
        Self {
            directory: store.clone(),
            intake: store.clone(),
            history: store,
            clock,
            settings,
            stats: Stats::default(),
            renderings: Renderings::default(),
            tester: None,
            upstream: None,
        }
    }

    /// The same app, sending test events through `tester`.
    #[must_use]
    pub fn with_tester(mut self, tester: Arc<dyn Tester>) -> Self {
        self.tester = Some(tester);
        self
    }

    /// The same app, passing what it does not answer of one account's requests on to `upstream`.
    #[must_use]
    pub fn with_upstream(mut self, upstream: Arc<dyn Upstream>, account: AccountId) -> Self {
        let connections_max = self.settings.serving.connections_max;
        self.upstream = Some(Attached::new(upstream, account, connections_max));
        self
    }
}

/// Calls a receiver at once with a signed, realistic sample event, while an API client waits for
/// what came of it. The HTTP side knows no client of its own: who starts the server wires one.
#[async_trait]
pub trait Tester: Send + Sync + 'static {
    /// Sends one test event to a webhook, which need not be stored. The event is of the first of
    /// its event names, in its scope's dialect, signed as its deliveries are. Never takes longer
    /// than a delivery's deadlines allow.
    async fn test(&self, webhook: &Webhook) -> TestAnswer;
}

/// The outcome of a test event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestAnswer {
    /// The receiver's status; 0 if there was no answer.
    pub status: u16,
    /// The beginning of its answer, or the error in words.
    pub body: String,
}

/// Everything the server answers. The hot path stands first; what no route takes is answered once,
/// at the end.
pub fn routes(app: &App) -> Route {
    let all = [
        ingest::routes(app),
        dispatch::routes(app),
        mailgun::routes(app),
        native::routes(app),
        health::routes(app),
    ];
    any_of(all.concat()).recover(error::unmatched).unify().boxed()
}
