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

use super::answer::{Answered, MailgunError};
use crate::http::App;
use crate::http::call::Call;
use crate::http::caller::Principal;
use crate::http::routes::Route;

/// All of the rows; each gives way to an upstream.
pub(super) fn routes() -> Vec<Route> {
    let all = [keys::routes(), certificates::routes(), suppressions::routes()];
    all.into_iter().flatten().map(Route::giving_way).collect()
}

/// A refusal to change what only a sender has. `what` ends the sentence "Waypost … so it".
fn not_a_sender(what: &str) -> MailgunError {
    MailgunError::bad(format!(
        "Waypost neither signs nor sends mail, so it {what}: do this at the provider that sends the \
         domain's mail, or start the gateway with --mailgun-upstream to have it done at Mailgun"
    ))
}

/// Answers a change to something of a domain: the domain is looked for, and the rest is refused.
async fn refused(what: &'static str, caller: Principal, call: Call, app: App) -> Answered {
    caller.domain_at(&call, &app).await?;
    Err(not_a_sender(what))
}
