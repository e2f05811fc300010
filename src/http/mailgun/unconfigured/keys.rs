//! `/v1/dkim/keys`, `/v4/domains/{d}/keys` and `/v1/keys/public`: keys that sign mail, none of which
//! are here, and the one that validates addresses, which nobody asks for.

use serde::Serialize;

use super::{not_a_sender, refused};
use crate::http::App;
use crate::http::call::Call;
use crate::http::caller::Principal;
use crate::http::mailgun::answer::{Answered, MailgunError, ok};
use crate::http::mailgun::form::Form;
use crate::http::mailgun::{MANAGE, MANAGE_ACCOUNT, READ, route};
use crate::http::routes::Route;

/// The length of a page unless asked otherwise, and at most.
const PAGE: u64 = 10;
const PAGE_MAX: u64 = 100;

const NO_KEYS: &str = "keeps no DKIM keys";

pub(super) fn routes() -> Vec<Route> {
    vec![
        route("GET /v1/dkim/keys", READ, list),
        route("POST /v1/dkim/keys", MANAGE, create),
        route("DELETE /v1/dkim/keys", MANAGE, remove),
        route("GET /{v4|v3}/domains/{domain}/keys", READ, list_of),
        route("ANY /{v4|v3}/domains/{domain}/keys", MANAGE, |caller, call, app| {
            refused(NO_KEYS, caller, call, app)
        }),
        route(
            "PUT /{v4|v3}/domains/{domain}/keys/{selector}/{activate|deactivate}",
            MANAGE,
            no_such_key,
        ),
        route("POST /v1/keys/public", MANAGE_ACCOUNT, renew_public),
    ]
}

/// An empty page. Its links are absolute, since mailgun.js reads them as URLs, and there is always a
/// next one, without which Mailgun's Go client starts over.
async fn list(caller: Principal, call: Call, app: App) -> Answered {
    let form = Form::of(&call, &app).await?;
    if let Some(domain) = form.one("signing_domain") {
        caller.domain_named(domain, &app).await?;
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

async fn create(caller: Principal, call: Call, app: App) -> Answered {
    signing_domain(&caller, &call, &app).await?;
    Err(not_a_sender(NO_KEYS))
}

async fn remove(caller: Principal, call: Call, app: App) -> Answered {
    let form = signing_domain(&caller, &call, &app).await?;
    form.required("selector")?;
    Err(not_found())
}

/// The fields of a request for a domain that must be the caller's.
async fn signing_domain(caller: &Principal, call: &Call, app: &App) -> Result<Form, MailgunError> {
    let form = Form::of(call, app).await?;
    caller.domain_named(form.required("signing_domain")?, app).await?;
    Ok(form)
}

/// No paging here, unlike in the list of all.
async fn list_of(caller: Principal, call: Call, app: App) -> Answered {
    caller.domain_at(&call, &app).await?;
    ok(&List { items: [] })
}

#[derive(Serialize)]
struct List {
    items: [(); 0],
}

async fn no_such_key(caller: Principal, call: Call, app: App) -> Answered {
    caller.domain_at(&call, &app).await?;
    Err(not_found())
}

fn not_found() -> MailgunError {
    MailgunError::not_found("domain key not found")
}

/// Makes the key that Mailgun's address validation takes, and forgets it: nothing here can be
/// opened with it.
async fn renew_public(_: Principal, _: Call, app: App) -> Answered {
    let key = format!("pubkey-{}", app.clock.random_hex::<16>());
    let message = "The public API key has been successfully regenerated.";
    ok(&PublicKey { key, message })
}

#[derive(Serialize)]
struct PublicKey {
    key: String,
    message: &'static str,
}
