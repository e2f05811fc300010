//! The only filter type with a name, and how routes are joined.

use std::convert::Infallible;

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
