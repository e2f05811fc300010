//! `/v3/domains/{d}/credentials`: SMTP logins (`spec/mailgun-api.md` §3.2).
//!
//! Waypost takes no mail by SMTP. Logins are kept by name, so that set-up scripts and Terraform
//! find what they wrote; passwords are not kept at all.

use serde_json::{Map, Value, json};
use warp::Filter;
use warp::http::Method;
use warp::reply::Response;

use super::{below, change, settings};
use crate::http::App;
use crate::http::call::{Call, call};
use crate::http::mailgun::answer::{Answered, Refusal, ok, other_method};
use crate::http::mailgun::caller::Caller;
use crate::http::mailgun::form::Form;
use crate::http::route::{Route, Segment, one_of, route, with};
use crate::model::{DomainName, Timestamp};

/// How many logins are kept for a domain.
const LOGINS_MAX: usize = 1000;

/// The collection and its items.
pub(super) fn routes(app: &App) -> Vec<Route> {
    let item =
        one_of(&["v3", "v4", "v2"]).and(warp::path!("domains" / Segment / "credentials" / Segment));
    vec![
        route(below(app, warp::path!("credentials").boxed()).then(collection)),
        route(item.and(call(app)).and(with(app)).then(one)),
    ]
}

async fn collection(name: Segment, call: Call, app: App) -> Response {
    let answered = match call.method {
        Method::GET => list(&name, &call, &app).await,
        Method::POST => create(&name, &call, &app).await,
        _ => other_method(&call, "GET, POST"),
    };
    call.respond(answered)
}

async fn one(name: Segment, login: Segment, call: Call, app: App) -> Response {
    let answered = match call.method {
        Method::PUT => update(&name, &login, &call, &app).await,
        Method::DELETE => remove(&name, &login, &call, &app).await,
        _ => other_method(&call, "PUT, DELETE"),
    };
    call.respond(answered)
}

async fn list(name: &str, call: &Call, app: &App) -> Answered {
    let domain = Caller::of(call, app).await?.domain(name, app).await?;
    let items: Vec<Value> = logins(&domain.settings).map(|(login, at)| row(login, at)).collect();
    ok(&json!({ "total_count": items.len(), "items": items }))
}

async fn create(name: &str, call: &Call, app: &App) -> Answered {
    let caller = Caller::of(call, app).await?;
    let domain = caller.domain(name, app).await?;
    let form = Form::of(call).await?;
    let Some(login) = settings::text(&form, "login")? else {
        return Err(Refusal::missing("login"));
    };
    let login = full(login.as_str().unwrap_or_default(), &domain.name);
    let now = app.ambient.now();
    let add = |settings: &mut Map<String, Value>| {
        if logins(settings).count() >= LOGINS_MAX {
            return Err(Refusal::bad(format!("expected at most {LOGINS_MAX} credentials")));
        }
        let kept = settings.entry("credentials").or_insert_with(|| json!({}));
        kept[login.as_str()] = json!(now);
        Ok(())
    };
    change(&caller, name, app, add).await?;
    ok(&json!({ "message": "Created 1 credentials pair(s)" }))
}

async fn update(name: &str, login: &str, call: &Call, app: &App) -> Answered {
    let domain = Caller::of(call, app).await?.domain(name, app).await?;
    let login = full(login, &domain.name);
    if !logins(&domain.settings).any(|(known, _)| *known == login) {
        return Err(not_found());
    }
    ok(&json!({ "message": "Password changed" }))
}

async fn remove(name: &str, login: &str, call: &Call, app: &App) -> Answered {
    let caller = Caller::of(call, app).await?;
    let domain = caller.domain(name, app).await?;
    let login = full(login, &domain.name);
    let take = |settings: &mut Map<String, Value>| {
        let kept = settings.get_mut("credentials").and_then(Value::as_object_mut);
        let removed = kept.and_then(|kept| kept.shift_remove(&login));
        removed.map(|_| ()).ok_or_else(not_found)
    };
    change(&caller, name, app, take).await?;
    ok(&json!({ "message": "Credentials have been deleted", "spec": login }))
}

fn not_found() -> Refusal {
    Refusal::not_found("Credentials not found")
}

/// A login as Mailgun shows it: with its domain, whether or not it was given so.
fn full(login: &str, domain: &DomainName) -> String {
    if login.contains('@') { login.to_owned() } else { format!("{login}@{domain}") }
}

fn logins(settings: &Map<String, Value>) -> impl Iterator<Item = (&String, Timestamp)> {
    let kept = settings.get("credentials").and_then(Value::as_object);
    kept.into_iter()
        .flatten()
        .map(|(login, at)| (login, Timestamp::from_millis(at.as_i64().unwrap_or_default())))
}

fn row(login: &str, at: Timestamp) -> Value {
    json!({ "created_at": at.rfc1123(), "login": login, "mailbox": login, "size_bytes": null })
}
