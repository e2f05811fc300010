//! `/v5/accounts/http_signing_key`: what deliveries are signed with (`spec/mailgun-api.md` §1.7).

use serde::Serialize;
use warp::Filter;
use warp::http::Method;
use warp::reply::Response;
use waypost_compat::Secret;

use super::answer::{Answered, Refusal, ok, other_method};
use super::caller::Caller;
use crate::http::App;
use crate::http::call::{Call, call};
use crate::http::route::{Route, route, with};
use crate::model::Account;
use crate::store::Decision;

/// The path, and the one that Mailgun's Python SDK makes of it.
pub(super) fn routes(app: &App) -> Vec<Route> {
    let documented = warp::path!("v5" / "accounts" / "http_signing_key");
    let misrouted = warp::path!("v5" / "accounts" / "http" / "signing" / "key");
    vec![
        route(documented.and(call(app)).and(with(app)).then(signing_key)),
        route(misrouted.and(call(app)).and(with(app)).then(signing_key)),
    ]
}

async fn signing_key(call: Call, app: App) -> Response {
    let answered = match call.method {
        Method::GET => show(&call, &app).await,
        Method::POST => regenerate(&call, &app).await,
        _ => other_method(&call, "GET, POST"),
    };
    call.respond(answered)
}

/// The signing key makes deliveries that every receiver of the account believes, so reading it
/// takes a key that may change things, and all of the account.
async fn judged(call: &Call, app: &App) -> Result<Caller, Refusal> {
    let caller = Caller::of(call, app).await?;
    caller.may_change()?;
    caller.whole_account()?;
    Ok(caller)
}

async fn show(call: &Call, app: &App) -> Answered {
    let caller = judged(call, app).await?;
    match app.directory.account(caller.account()).await? {
        Some(account) => {
            ok(&ShownKey { message: None, http_signing_key: account.signing_key.expose() })
        }
        None => Err(no_account()),
    }
}

fn no_account() -> Refusal {
    Refusal::bad("could not get HSK for account")
}

async fn regenerate(call: &Call, app: &App) -> Answered {
    let caller = judged(call, app).await?;
    let key = format!("key-{}", app.clock.random_hex::<16>());
    let replace = |account: &mut Account| {
        account.signing_key = Secret::new(key.as_str());
        Decision::Keep
    };
    app.directory
        .change_account(caller.account(), Box::new(replace))
        .await?
        .ok_or_else(no_account)?;
    let message = Some("regenerated HTTP signing key for account");
    ok(&ShownKey { message, http_signing_key: &key })
}

#[derive(Serialize)]
struct ShownKey<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
    http_signing_key: &'a str,
}
