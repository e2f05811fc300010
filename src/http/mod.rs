//! The HTTP surface: one [`App`], one table of routes (`routes/`), one judge of keys (`caller.rs`),
//! and each dialect's API.
//!
//! The table is all that stands between warp and the handlers. Once a path is found, it is
//! answered, errors included, in the shape of the API that it belongs to.

mod body;
mod call;
mod caller;
mod credentials;
pub mod dispatch;
mod generate;
mod health;
mod ingest;
mod mailgun;
mod native;
mod native_error;
mod reply;
mod routes;
mod row_webhooks;
mod server;
mod upstream;

use std::sync::Arc;

use async_trait::async_trait;
use http::{HeaderMap, Method};
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::filters::path::FullPath;

pub use body::{Body, BodyError};
pub use caller::Principal;
pub use credentials::Credentials;
pub use routes::ListedRoute;
pub use server::serve;
pub use upstream::{Download, Upload, Upstream};

use crate::clock::Clock;
use crate::config::Settings;
use crate::metrics::Stats;
use crate::model::{AccountId, Webhook};
use crate::renderings::Renderings;
use crate::store::{Directory, History, Intake, Store};
use body::{Limits, Unread};
use call::Call;
use reply::Response;
use routes::Section;
use routes::table::Table;
use upstream::Attached;

/// The filter that takes every request, as warp serves it.
pub type Routes = BoxedFilter<(Response,)>;

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

/// The APIs, each with its rows. The hot path stands first.
fn sections() -> Vec<Section> {
    let mut all = vec![ingest::section(), mailgun::section(), native::section(), health::section()];
    all.extend(row_webhooks::sections());
    all
}

/// Every row of the table in words, API by API.
#[must_use]
pub fn listed_routes() -> Vec<ListedRoute> {
    let listed = |section: &Section| -> Vec<ListedRoute> {
        section.routes.iter().map(|route| route.listed(section.surface)).collect()
    };
    sections().iter().flat_map(listed).collect()
}

/// Everything the server answers, as one filter: it takes a request apart for the table.
pub fn routes(app: &App) -> Routes {
    let table = Arc::new(Table::new(sections()));
    let limits =
        Limits { bytes: app.settings.body_bytes_max, time: app.settings.serving.body_timeout };
    let app = app.clone();
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    warp::method()
        .and(warp::path::full())
        .and(query)
        .and(warp::header::headers_cloned())
        .and(warp::body::stream())
        .then(move |method: Method, path: FullPath, query, headers: HeaderMap, body| {
            let body = Unread::new(body, &headers, limits);
            let call = Call::new(method, path.as_str(), query, headers, body);
            let (table, app) = (table.clone(), app.clone());
            async move { table.answer(call, app).await }
        })
        .boxed()
}
