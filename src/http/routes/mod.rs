//! The table of routes: every call of every API as a row of method, path, credential and handler.
//!
//! Each API brings its rows as a [`Section`]; `http/mod.rs` lists them. [`table`] leads a request to
//! its row, by way of the [`tree`] that reads paths.

pub(super) mod table;
pub(super) mod tree;

use std::fmt;
use std::future::Future;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::Method;
use waypost_compat::Dialect;

use super::App;
use super::call::Call;
use super::caller::{Demand, Denied, Principal, Required};
use super::reply::Response;

/// A row of the table.
pub(super) struct Route {
    /// The method; `None` stands for all that the path's other rows do not have.
    method: Option<Method>,
    /// A pattern, as [`tree`] reads it.
    path: &'static str,
    gives_way: bool,
    handler: Handler,
}

/// An answer that is being made.
pub(super) type Answering = BoxFuture<'static, Response>;

type Open = Box<dyn Fn(Call, App) -> Answering + Send + Sync>;
type Keyed = Box<dyn Fn(Principal, Call, App) -> Answering + Send + Sync>;

enum Handler {
    Open(Required, Open),
    Keyed(Demand, Keyed),
}

impl Route {
    /// A row whose handler takes any caller, or judges the caller itself. `asked` is method and
    /// path; the method `ANY` takes what no other row of the path takes.
    pub(super) fn open<H, A>(asked: &'static str, credential: Required, handler: H) -> Self
    where
        H: Fn(Call, App) -> A + Send + Sync + 'static,
        A: Future<Output = Response> + Send + 'static,
    {
        let handler = move |call, app| handler(call, app).boxed();
        Self::new(asked, Handler::Open(credential, Box::new(handler)))
    }

    /// A row whose handler is reached only with a key that does.
    pub(super) fn keyed<H, A>(asked: &'static str, demand: Demand, handler: H) -> Self
    where
        H: Fn(Principal, Call, App) -> A + Send + Sync + 'static,
        A: Future<Output = Response> + Send + 'static,
    {
        let handler = move |key, call, app| handler(key, call, app).boxed();
        Self::new(asked, Handler::Keyed(demand, Box::new(handler)))
    }

    fn new(asked: &'static str, handler: Handler) -> Self {
        let (method, path) = asked.split_once(' ').expect("a row has a method and a path");
        let method = match method {
            "ANY" => None,
            method => Some(method.parse().expect("a row's method is one")),
        };
        Self { method, path: path.trim_start(), gives_way: false, handler }
    }

    /// The same row, for requests that its section does not pass on.
    pub(super) fn giving_way(self) -> Self {
        Self { gives_way: true, ..self }
    }

    /// The row as it is read, an API's name beside it.
    pub(super) fn listed(&self, surface: Surface) -> ListedRoute {
        let method = self.method.as_ref().map_or("ANY", Method::as_str).to_owned();
        let credential = match &self.handler {
            Handler::Open(credential, _) => credential.to_string(),
            Handler::Keyed(demand, _) => demand.to_string(),
        };
        let passed = if self.gives_way { " (or the upstream)" } else { "" };
        ListedRoute { method, path: self.path, credential, api: format!("{surface}{passed}") }
    }
}

/// A row of the table in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedRoute {
    /// The method; `ANY` stands for all that the path's other rows do not have.
    pub method: String,
    /// The path, with `{name}` for a parameter, `{a|b}` for a choice and `{...}` for any rest.
    pub path: &'static str,
    /// The proof that is demanded of the caller.
    pub credential: String,
    /// The API that it is of.
    pub api: String,
}

type Reject = Box<dyn Fn(Rejected, &Call, &App) -> Response + Send + Sync>;
type Pass = fn(Call, App) -> BoxFuture<'static, Result<Response, Call>>;

/// An API: whose it is, its rows, and its words for what reaches none of them.
pub(super) struct Section {
    /// The API that the section belongs to.
    pub(super) surface: Surface,
    /// The rows.
    pub(super) routes: Vec<Route>,
    /// The key demanded before it is even told whether a path is there.
    pub(super) unseen: Option<Demand>,
    /// Answers a request that reaches no handler.
    pub(super) reject: Reject,
    /// Answers a request on a path that gives way, unless it hands it back.
    pub(super) pass: Option<Pass>,
}

impl Section {
    /// A section without peculiarities.
    pub(super) fn new(
        surface: Surface,
        routes: Vec<Route>,
        reject: impl Fn(Rejected, &Call, &App) -> Response + Send + Sync + 'static,
    ) -> Self {
        Self { surface, routes, unseen: None, reject: Box::new(reject), pass: None }
    }
}

/// One of the APIs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Surface {
    /// The URLs that providers send their events to.
    Ingest,
    /// The management API of a dialect.
    Dialect(Dialect),
    /// Waypost's own.
    Native,
    /// The rest: probes, and paths that are nobody's.
    Common,
}

impl fmt::Display for Surface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ingest => f.write_str("ingest"),
            Self::Dialect(dialect) => write!(f, "{dialect}"),
            Self::Native => f.write_str("native"),
            Self::Common => f.write_str("common"),
        }
    }
}

/// A reason why a request reaches no handler.
#[derive(Debug)]
pub(super) enum Rejected {
    /// The credential does not do.
    Credential(Denied),
    /// No row has its path.
    Path,
    /// The rows of its path have other methods.
    Method {
        /// The methods, as the header `Allow` has them.
        allow: String,
    },
}
