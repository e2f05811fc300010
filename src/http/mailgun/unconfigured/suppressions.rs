//! `/v3/{d}/bounces`, `complaints`, `unsubscribes`, `whitelists`: whom a sender no longer writes to,
//! or always does. Nobody is on a list here: what events say of addresses is not the sender's list,
//! and must not look like it.

use serde::Serialize;

use super::refused;
use crate::http::App;
use crate::http::call::Call;
use crate::http::caller::Principal;
use crate::http::mailgun::answer::{Answered, MailgunError, ok};
use crate::http::mailgun::form::Form;
use crate::http::mailgun::{MANAGE, READ, route};
use crate::http::routes::Route;

/// The length of a page unless asked otherwise, and at most.
const PAGE: u64 = 100;
const PAGE_MAX: u64 = 1000;

const NO_LISTS: &str = "keeps no suppression lists";

/// Each list and its items. `import`, which is posted to, is a way to write all of them.
pub(super) fn routes() -> Vec<Route> {
    let refuse = |caller, call, app| refused(NO_LISTS, caller, call, app);
    vec![
        route("GET /v3/{domain}/{list:bounces|complaints|unsubscribes|whitelists}", READ, page),
        route("ANY /v3/{domain}/{list:bounces|complaints|unsubscribes|whitelists}", MANAGE, refuse),
        route(
            "GET /v3/{domain}/{list:bounces|complaints|unsubscribes|whitelists}/{address}",
            READ,
            absent,
        ),
        route(
            "POST /v3/{domain}/{list:bounces|complaints|unsubscribes|whitelists}/{address}",
            MANAGE,
            refuse,
        ),
        route(
            "DELETE /v3/{domain}/{list:bounces|complaints|unsubscribes|whitelists}/{address}",
            MANAGE,
            absent,
        ),
    ]
}

#[derive(Debug, Clone, Copy)]
enum List {
    Bounces,
    Complaints,
    Unsubscribes,
    Whitelists,
}

impl List {
    const ALL: [Self; 4] = [Self::Bounces, Self::Complaints, Self::Unsubscribes, Self::Whitelists];

    /// The list that a path names.
    fn of(call: &Call) -> Self {
        let name = call.parameter("list");
        let mut all = Self::ALL.into_iter();
        all.find(|list| list.name() == name).expect("the rows have each list's word")
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Bounces => "bounces",
            Self::Complaints => "complaints",
            Self::Unsubscribes => "unsubscribes",
            Self::Whitelists => "whitelists",
        }
    }

    /// Mailgun's words for an address that is not on the list.
    const fn without(self) -> &'static str {
        match self {
            Self::Bounces => "Address not found in bounces table",
            Self::Complaints => "Address not found in complaints table",
            Self::Unsubscribes => "Address not found in unsubscribers table",
            Self::Whitelists => "Address/Domain not found in allowlist table",
        }
    }
}

/// An empty page, whose links are the client's to follow: absolute, and with the parameters that
/// clients read from them (recorded).
async fn page(caller: Principal, call: Call, app: App) -> Answered {
    let list = List::of(&call);
    let domain = caller.domain_at(&call, &app).await?;
    let form = Form::of(&call, &app).await?;
    let limit = form.number("limit")?.unwrap_or(PAGE).clamp(1, PAGE_MAX).to_string();
    let term = form.one("term").unwrap_or_default();
    let link = |parameters: &[(&str, &str)]| {
        let query: Vec<_> =
            parameters.iter().copied().chain([("limit", &*limit), ("term", term)]).collect();
        let query = serde_urlencoded::to_string(query).expect("pairs of text always encode");
        let base = &app.settings.public_url;
        format!("{base}/v3/{}/{}?{query}", domain.name, list.name())
    };
    let paging = Paging {
        first: link(&[]),
        last: link(&[("page", "last")]),
        next: link(&[("page", "next"), ("address", "")]),
        previous: link(&[("page", "previous"), ("address", "")]),
    };
    ok(&Page { items: [], paging })
}

#[derive(Serialize)]
struct Page {
    items: [(); 0],
    paging: Paging,
}

#[derive(Serialize)]
struct Paging {
    first: String,
    last: String,
    next: String,
    previous: String,
}

async fn absent(caller: Principal, call: Call, app: App) -> Answered {
    caller.domain_at(&call, &app).await?;
    Err(MailgunError::not_found(List::of(&call).without()))
}
