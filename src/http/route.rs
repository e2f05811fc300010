//! The only filter type with a name, how routes are joined, and the parts of a path.

use std::convert::Infallible;
use std::ops::Deref;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use warp::Filter;
use warp::Reply;
use warp::filters::BoxedFilter;
use warp::reject::Rejection;
use warp::reply::Response;

use super::App;

/// An endpoint. Boxed, because unboxed chains of some thirty routes do not compile.
pub type Route = BoxedFilter<(Response,)>;

/// Closes a chain of filters into an endpoint.
pub(super) fn route<F, R>(filter: F) -> Route
where
    F: Filter<Extract = (R,), Error = Rejection> + Clone + Send + Sync + 'static,
    R: Reply + 'static,
{
    filter.map(Reply::into_response).boxed()
}

/// The first of `routes` that matches.
pub(super) fn any_of(routes: Vec<Route>) -> Route {
    routes
        .into_iter()
        .reduce(|first, next| first.or(next).unify().boxed())
        .expect("an API has at least one route")
}

/// Hands a handler its `App`.
pub(super) fn with(app: &App) -> impl Filter<Extract = (App,), Error = Infallible> + Clone + use<> {
    let app = app.clone();
    warp::any().map(move || app.clone())
}

/// A part of a path, percent-decoded. Every text is one: whether it names anything is for the
/// handler to say, in its dialect's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment(String);

impl FromStr for Segment {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(percent_decode_str(text).decode_utf8_lossy().into_owned()))
    }
}

impl Deref for Segment {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// A part of a path that is one of several words.
pub(super) fn one_of(words: &'static [&'static str]) -> BoxedFilter<()> {
    let each = words.iter().map(|word| warp::path(*word).boxed());
    each.reduce(|first, next| first.or(next).unify().boxed())
        .expect("there is at least one word to choose from")
}
