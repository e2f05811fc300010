//! Waypost's own API below `/waypost/v1`: what no provider's API has a word for.
//!
//! JSON in and out; HTTP Basic with a key of the Mailgun dialect that may manage; errors are
//! `{"error":{"code","message","field"?}}`. A handler authorises, parses, asks the store and
//! renders; what is another tenant's is answered as if it were not there.

mod account;
mod accounts;
mod auth;
mod configuration;
mod deliveries;
mod domains;
pub(super) mod error;
mod events;
pub(super) mod intake;
pub(super) mod json;
mod keys;
pub(super) mod mint;
mod query;
mod register;
mod sources;
mod vocabulary;
mod webhooks;

use std::convert::Infallible;

use warp::http::StatusCode;
use warp::reject::{MethodNotAllowed, Rejection};
use warp::reply::Response;
use warp::{Filter, Reply};

use super::route::any_of;
use super::{App, Route};
use error::ApiError;

/// Everything below `/waypost/v1`, errors included.
pub(super) fn routes(app: &App) -> Vec<Route> {
    let all = [
        intake::routes(app),
        sources::routes(app),
        domains::routes(app),
        keys::routes(app),
        events::routes(app),
        deliveries::routes(app),
        webhooks::routes(app),
        register::routes(app),
        vocabulary::routes(app),
        account::routes(app),
        accounts::routes(app),
        configuration::routes(app),
    ];
    let native = any_of(all.concat()).recover(unmatched).unify();
    vec![warp::path!("waypost" / "v1" / ..).and(native).boxed()]
}

/// What no route here takes. Only warp's own rejections come this far.
async fn unmatched(rejection: Rejection) -> Result<Response, Infallible> {
    let (status, code, message) = if rejection.is_not_found() {
        (StatusCode::NOT_FOUND, "no_such_endpoint", "the native API has no endpoint at this path")
    } else if rejection.find::<MethodNotAllowed>().is_some() {
        let message = "the endpoint at this path does not take this method";
        (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
    } else {
        (StatusCode::BAD_REQUEST, "malformed", "the request cannot be read")
    };
    Ok(ApiError::new(status, code, message).into_response())
}
