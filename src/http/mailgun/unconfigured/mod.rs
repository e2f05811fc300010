//! Domain keys, DMARC records, certificates, suppression lists: what belongs to sending mail, which
//! Waypost does not do (`spec/mailgun-pull.md` §7, §7.3).
//!
//! Clients touch these around webhooks, so reading them answers as an account with nothing
//! configured would. Changing them is refused in words, since a change that was taken and did
//! nothing would be found out by the mail that is not sent. Everything here is in one
//! [`routes`], so that it can make way for somebody who does send.

mod certificates;
mod keys;
mod suppressions;

use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::Method;

use super::answer::{Answered, Refusal, other_method};
use super::caller::Caller;
use crate::http::App;
use crate::http::call::{Call, call};
use crate::http::route::{Route, Segment, with};

/// All of the paths. They stand behind those of the domains API, one of whose domains might be
/// called `bounces`, and before those of the keys, one of which is not called `public`.
pub(super) fn routes(app: &App) -> Vec<Route> {
    [keys::routes(app), certificates::routes(app), suppressions::routes(app)].concat()
}

/// A path that names a domain, then all else that a handler needs.
fn of_domain(app: &App, path: BoxedFilter<(Segment,)>) -> BoxedFilter<(Segment, Call, App)> {
    path.and(call(app)).and(with(app)).boxed()
}

/// A refusal to change what only a sender has. `what` ends the sentence "Waypost … so it".
fn not_a_sender(what: &str) -> Refusal {
    Refusal::bad(format!(
        "Waypost neither signs nor sends mail, so it {what}: do this at the provider that sends the \
         domain's mail, or start the gateway with --mailgun-upstream to have it done at Mailgun"
    ))
}

/// Answers a change to something of a domain: the caller is judged, the domain is looked for, and
/// the rest is refused.
async fn refused(domain: &str, what: &str, call: &Call, app: &App) -> Answered {
    if call.method == Method::OPTIONS {
        return other_method(call, "GET");
    }
    Caller::of(call, app).await?.domain(domain, app).await?;
    Err(not_a_sender(what))
}
