//! `/v1/dkim/keys`, `/v4/domains/{d}/keys` and `/v1/keys/public`: keys that sign mail, none of which
//! are here, and the one that validates addresses, which nobody asks for.

use serde::Serialize;
use warp::Filter;
use warp::http::Method;
use warp::reply::Response;

use super::{not_a_sender, of_domain};
use crate::http::App;
use crate::http::call::{Call, call};
use crate::http::mailgun::answer::{Answered, Refusal, ok, other_method};
use crate::http::mailgun::caller::Caller;
use crate::http::mailgun::form::Form;
use crate::http::route::{Route, Segment, one_of, route, with};

/// The length of a page unless asked otherwise, and at most.
const PAGE: u64 = 10;
const PAGE_MAX: u64 = 100;

const NO_KEYS: &str = "keeps no DKIM keys";

pub(super) fn routes(app: &App) -> Vec<Route> {
    let versions = || one_of(&["v4", "v3"]);
    let of_one = versions().and(warp::path!("domains" / Segment / "keys")).boxed();
    let switch = |verb: &'static str| {
        let path = versions().and(warp::path!("domains" / Segment / "keys" / Segment / ..));
        route(
            path.and(warp::path(verb))
                .and(warp::path::end())
                .and(call(app))
                .and(with(app))
                .then(switched),
        )
    };
    vec![
        route(warp::path!("v1" / "dkim" / "keys").and(call(app)).and(with(app)).then(all)),
        route(of_domain(app, of_one).then(of_a_domain)),
        switch("activate"),
        switch("deactivate"),
        route(warp::path!("v1" / "keys" / "public").and(call(app)).and(with(app)).then(public)),
    ]
}

async fn all(call: Call, app: App) -> Response {
    let answered = match call.method {
        Method::GET => list(&call, &app).await,
        Method::POST => create(&call, &app).await,
        Method::DELETE => remove(&call, &app).await,
        _ => other_method(&call, "GET, POST, DELETE"),
    };
    call.respond(answered)
}

async fn of_a_domain(domain: Segment, call: Call, app: App) -> Response {
    let answered = match call.method {
        Method::GET => list_of(&domain, &call, &app).await,
        _ => super::refused(&domain, NO_KEYS, &call, &app).await,
    };
    call.respond(answered)
}

async fn switched(domain: Segment, _selector: Segment, call: Call, app: App) -> Response {
    let answered = match call.method {
        Method::PUT => no_such_key(&domain, &call, &app).await,
        _ => other_method(&call, "PUT"),
    };
    call.respond(answered)
}

async fn public(call: Call, app: App) -> Response {
    let answered = match call.method {
        Method::POST => renew_public(&call, &app).await,
        _ => other_method(&call, "POST"),
    };
    call.respond(answered)
}

/// An empty page. Its links are absolute, since mailgun.js reads them as URLs, and there is always a
/// next one, without which Mailgun's Go client starts over.
async fn list(call: &Call, app: &App) -> Answered {
    let caller = Caller::of(call, app).await?;
    let form = Form::of(call).await?;
    if let Some(domain) = form.one("signing_domain") {
        caller.domain(domain, app).await?;
    }
    let limit = form.number("limit")?.unwrap_or(PAGE).clamp(1, PAGE_MAX).to_string();
    let page = |page: &str| {
        let filters = ["signing_domain", "selector"]
            .into_iter()
            .filter_map(|name| Some((name, form.one(name)?)));
        let query: Vec<_> =
            [("page", page), ("limit", &limit)].into_iter().chain(filters).collect();
        let query = serde_urlencoded::to_string(query).expect("pairs of text always encode");
        format!("{}/v1/dkim/keys?{query}", app.settings.public_url)
    };
    let [previous, first, next, last] = ["previous", "first", "next", "last"].map(page);
    ok(&Page { items: [], paging: Paging { previous, first, next, last } })
}

#[derive(Serialize)]
struct Page {
    items: [(); 0],
    paging: Paging,
}

#[derive(Serialize)]
struct Paging {
    previous: String,
    first: String,
    next: String,
    last: String,
}

async fn create(call: &Call, app: &App) -> Answered {
    signing_domain(call, app).await?;
    Err(not_a_sender(NO_KEYS))
}

async fn remove(call: &Call, app: &App) -> Answered {
    let form = signing_domain(call, app).await?;
    form.required("selector")?;
    Err(not_found())
}

/// The fields of a request for a domain that must be the caller's.
async fn signing_domain(call: &Call, app: &App) -> Result<Form, Refusal> {
    let caller = Caller::of(call, app).await?;
    let form = Form::of(call).await?;
    caller.domain(form.required("signing_domain")?, app).await?;
    Ok(form)
}

/// No paging here, unlike in the list of all.
async fn list_of(domain: &str, call: &Call, app: &App) -> Answered {
    Caller::of(call, app).await?.domain(domain, app).await?;
    ok(&List { items: [] })
}

#[derive(Serialize)]
struct List {
    items: [(); 0],
}

async fn no_such_key(domain: &str, call: &Call, app: &App) -> Answered {
    Caller::of(call, app).await?.domain(domain, app).await?;
    Err(not_found())
}

fn not_found() -> Refusal {
    Refusal::not_found("domain key not found")
}

/// Makes the key that Mailgun's address validation takes, and forgets it: nothing here can be
/// opened with it.
async fn renew_public(call: &Call, app: &App) -> Answered {
    Caller::of(call, app).await?.whole_account()?;
    let key = format!("pubkey-{}", app.clock.random_hex::<16>());
    let message = "The public API key has been successfully regenerated.";
    ok(&PublicKey { key, message })
}

#[derive(Serialize)]
struct PublicKey {
    key: String,
    message: &'static str,
}
