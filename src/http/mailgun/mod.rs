//! Mailgun's management API: domain webhooks, account webhooks, the signing key, domains, keys;
//! and, as if nothing were configured, what belongs to sending mail. Where there is an upstream, all
//! that belongs to sending mail goes there instead.
//!
//! The contract is `spec/mailgun-api.md`; its sections are cited where a line of code follows from
//! one. A request is judged in this order: credential (401), what its key may do (403), what its
//! path names (404), its fields (400), what is stored (400, 404, 409).

mod account_webhooks;
mod answer;
mod caller;
mod domains;
mod form;
mod keys;
mod plan;
mod signing_key;
mod unconfigured;
mod upstream;
mod webhooks_test;
mod webhooks_v3;
mod webhooks_v4;

pub(super) use self::account_webhooks::answer as account_webhooks;
pub(super) use self::domains::check_settings;
pub(super) use self::plan::{Clash, Mint, fits};
use super::App;
use super::route::Route;

/// The endpoints, except those on `/v1/webhooks`, which other dialects share.
pub(super) fn routes(app: &App) -> Vec<Route> {
    [
        webhooks_v3::routes(app),
        webhooks_v4::routes(app),
        webhooks_test::routes(app),
        signing_key::routes(app),
        domains::routes(app),
        // Before what is answered for want of an upstream.
        upstream::passing(app),
        unconfigured::routes(app),
        keys::routes(app),
        // Last: what nobody takes.
        upstream::unserved(app),
    ]
    .concat()
}
