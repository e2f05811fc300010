//! Waypost's own API below `/waypost/v1`: what no provider's API has a word for.
//!
//! JSON in and out; HTTP Basic with a key of the Mailgun dialect that may manage; errors are
//! `{"error":{"code","message","field"?}}`. A handler authorises, parses, asks the store and
//! renders; what is another tenant's is answered as if it were not there.

mod account;
mod accounts;
mod configuration;
mod deliveries;
mod domains;
mod endpoints;
mod events;
pub(super) mod intake;
mod json;
mod keys;
mod query;
mod reach;
mod register;
mod sources;
mod vocabulary;
mod webhooks;

use std::future::Future;

use http::StatusCode;

use super::App;
use super::call::Call;
use super::caller::{Demand, Extent, Principal, Right};
use super::native_error::NativeError;
use super::reply::Response;
use super::routes::{Rejected, Route, Section, Surface};

/// Somebody who manages an account, or one domain of it.
const MANAGER: Demand = Demand::basic(Right::Manage, Extent::Own);
/// Somebody who manages all of an account.
const OWNER: Demand = Demand::basic(Right::Manage, Extent::Account);
/// Somebody who runs this server.
const OPERATOR: Demand = Demand::basic(Right::Manage, Extent::Server);

/// Everything below `/waypost/v1`.
pub(super) fn section() -> Section {
    let all = [
        intake::routes(),
        sources::routes(),
        domains::routes(),
        keys::routes(),
        events::routes(),
        deliveries::routes(),
        endpoints::routes(),
        webhooks::routes(),
        register::routes(),
        vocabulary::routes(),
        account::routes(),
        accounts::routes(),
        configuration::routes(),
    ];
    Section::new(Surface::Native, all.into_iter().flatten().collect(), rejected)
}

/// A row of this API.
fn route<H, A>(asked: &'static str, demand: Demand, handler: H) -> Route
where
    H: Fn(Principal, Call, App) -> A + Send + Sync + 'static,
    A: Future<Output = Result<Response, NativeError>> + Send + 'static,
{
    Route::keyed(asked, demand, move |principal, call, app| {
        let answered = handler(principal, call, app);
        async move { answered.await.unwrap_or_else(NativeError::into_response) }
    })
}

fn rejected(rejected: Rejected, _call: &Call, _app: &App) -> Response {
    let error = match rejected {
        Rejected::Credential(denied) => denied.into(),
        Rejected::Path => {
            let message = "the native API has no endpoint at this path";
            NativeError::new(StatusCode::NOT_FOUND, "no_such_endpoint", message)
        }
        Rejected::Method { allow } => {
            NativeError::method(allow, "the endpoint at this path does not take this method")
        }
    };
    error.into_response()
}
