//! Mailgun's management API: domain webhooks, account webhooks, the signing key, domains, keys;
//! and, as if nothing were configured, what belongs to sending mail. Where there is an upstream, all
//! that belongs to sending mail goes there instead.
//!
//! The contract is `spec/mailgun-api.md`; its sections are cited where a line of code follows from
//! one. A request is judged in this order: credential (401), what its key may do (403), what its
//! path names (404), its fields (400), what is stored (400, 404, 409).

mod account_webhooks;
mod answer;
mod domains;
mod form;
mod keys;
mod plan;
mod reach;
mod signing_key;
mod unconfigured;
mod upstream;
mod webhooks_test;
mod webhooks_v3;
mod webhooks_v4;

use std::future::Future;

use futures_util::FutureExt;
use http::Method;
use waypost_compat::Dialect;

pub(super) use self::domains::check_settings;
pub(super) use self::plan::{Clash, NewWebhooks, fits};

use self::answer::{Answer, Answered, MailgunError, key_id, respond};
use super::App;
use super::call::Call;
use super::caller::{Demand, Extent, Principal, Right};
use super::reply::{Response, no_such_route};
use super::routes::{Rejected, Route, Section, Surface};

/// Somebody who may read something of the account.
const READ: Demand = Demand::basic(Right::Read, Extent::Own);
/// Somebody who may change something of it.
const MANAGE: Demand = Demand::basic(Right::Manage, Extent::Own);
/// Somebody who may read all of it.
const READ_ACCOUNT: Demand = Demand::basic(Right::Read, Extent::Account);
/// Somebody who may change all of it.
const MANAGE_ACCOUNT: Demand = Demand::basic(Right::Manage, Extent::Account);
/// Somebody with a key, though it only sends mail.
const ANY: Demand = Demand::basic(Right::Any, Extent::Own);

/// The whole API.
pub(super) fn section() -> Section {
    let all = [
        webhooks_v3::routes(),
        webhooks_v4::routes(),
        webhooks_test::routes(),
        account_webhooks::routes(),
        signing_key::routes(),
        domains::routes(),
        keys::routes(),
        unconfigured::routes(),
        upstream::routes(),
    ];
    let surface = Surface::Dialect(Dialect::Mailgun);
    let section = Section::new(surface, all.into_iter().flatten().collect(), rejected);
    Section { pass: Some(|call, app| upstream::pass(call, app).boxed()), ..section }
}

/// A row of this API.
fn route<H, A>(asked: &'static str, demand: Demand, handler: H) -> Route
where
    H: Fn(Principal, Call, App) -> A + Send + Sync + 'static,
    A: Future<Output = Answered> + Send + 'static,
{
    Route::keyed(asked, demand, move |principal, call, app| {
        let key = key_id(&call);
        let answered = handler(principal, call, app);
        async move { respond(key, answered.await) }
    })
}

/// Answers what reaches no handler: browsers ask first what they may do.
fn rejected(rejected: Rejected, call: &Call, _app: &App) -> Response {
    let answered = match rejected {
        Rejected::Path => return no_such_route(),
        Rejected::Credential(denied) => Err(denied.into()),
        Rejected::Method { allow } if call.method == Method::OPTIONS => {
            Ok(Answer::Preflight(allow))
        }
        Rejected::Method { allow } => Err(MailgunError::Method(allow)),
    };
    respond(key_id(call), answered)
}
