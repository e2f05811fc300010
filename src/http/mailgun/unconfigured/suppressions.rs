//! `/v3/{d}/bounces`, `complaints`, `unsubscribes`, `whitelists`: whom a sender no longer writes to,
//! or always does. Nobody is on a list here: what events say of addresses is not the sender's list,
//! and must not look like it.

use serde::Serialize;
use warp::Filter;
use warp::http::Method;
use warp::reply::Response;

use super::of_domain;
use crate::http::App;
use crate::http::call::{Call, call};
use crate::http::mailgun::answer::{Answered, Refusal, ok, other_method};
use crate::http::mailgun::caller::Caller;
use crate::http::mailgun::form::Form;
use crate::http::route::{Route, Segment, route, with};

/// The length of a page unless asked otherwise, and at most.
const PAGE: u64 = 100;
const PAGE_MAX: u64 = 1000;

const NO_LISTS: &str = "keeps no suppression lists";

/// Each list and its items.
pub(super) fn routes(app: &App) -> Vec<Route> {
    let each = [List::Bounces, List::Complaints, List::Unsubscribes, List::Whitelists];
    let both = each.map(|list| {
        let path = warp::path!("v3" / Segment / ..).and(warp::path(list.name())).boxed();
        let end = warp::path::end();
        let item = path.clone().and(warp::path::param::<Segment>()).and(end);
        let all = of_domain(app, path.and(end).boxed());
        [
            route(all.then(move |domain, call, app| whole(list, domain, call, app))),
            route(
                item.and(call(app))
                    .and(with(app))
                    .then(move |domain, address, call, app| one(list, domain, address, call, app)),
            ),
        ]
    });
    both.concat()
}

#[derive(Debug, Clone, Copy)]
enum List {
    Bounces,
    Complaints,
    Unsubscribes,
    Whitelists,
}

impl List {
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

async fn whole(list: List, domain: Segment, call: Call, app: App) -> Response {
    let answered = match call.method {
        Method::GET => page(list, &domain, &call, &app).await,
        _ => super::refused(&domain, NO_LISTS, &call, &app).await,
    };
    call.respond(answered)
}

/// One address; `import`, which is posted to, is a way to write all of them.
async fn one(list: List, domain: Segment, _address: Segment, call: Call, app: App) -> Response {
    let answered = match call.method {
        Method::GET | Method::DELETE => absent(list, &domain, &call, &app).await,
        Method::POST => super::refused(&domain, NO_LISTS, &call, &app).await,
        _ => other_method(&call, "GET, POST, DELETE"),
    };
    call.respond(answered)
}

/// An empty page, whose links are the client's to follow: absolute, and with the parameters that
/// clients read from them (recorded).
async fn page(list: List, domain: &str, call: &Call, app: &App) -> Answered {
    let domain = Caller::of(call, app).await?.domain(domain, app).await?;
    let form = Form::of(call).await?;
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

async fn absent(list: List, domain: &str, call: &Call, app: &App) -> Answered {
    Caller::of(call, app).await?.domain(domain, app).await?;
    Err(Refusal::not_found(list.without()))
}
