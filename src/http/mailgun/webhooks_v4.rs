//! `/v4/domains/{d}/webhooks`: the same webhooks by URL (`spec/mailgun-api.md` §1.5).
//!
//! Every success answers with the whole map. There is no `GET`.

use warp::Filter;
use warp::http::Method;
use warp::reply::Response;
use waypost_compat::mailgun;

use super::answer::{Answered, Refusal, ok, other_method};
use super::caller::Caller;
use super::form::Form;
use super::plan::{self, Clash, Mint, Unchanged};
use super::webhooks_v3::{AllWebhooks, parsed};
use crate::http::App;
use crate::http::call::{Call, call};
use crate::http::route::{Route, Segment, route, with};
use crate::model::{Webhook, WebhookScope, WebhookUrl};

/// The one path.
pub(super) fn routes(app: &App) -> Vec<Route> {
    let webhooks = warp::path!("v4" / "domains" / Segment / "webhooks");
    vec![route(webhooks.and(call(app)).and(with(app)).then(collection))]
}

async fn collection(domain: Segment, call: Call, app: App) -> Response {
    let answered = match call.method {
        Method::POST => create(&domain, &call, &app).await,
        Method::PUT => update(&domain, &call, &app).await,
        Method::DELETE => remove(&domain, &call, &app).await,
        _ => other_method(&call, "POST, PUT, DELETE"),
    };
    call.respond(answered)
}

async fn create(domain: &str, call: &Call, app: &App) -> Answered {
    let scope = Caller::of(call, app).await?.scope(domain, app).await?;
    add(&scope, &Form::of(call).await?, app).await
}

/// Gives a URL to event names, beside the URLs they have.
pub(super) async fn add(scope: &WebhookScope, form: &Form, app: &App) -> Answered {
    let (url, names) = fields(form)?;
    let mint = Mint::new(app, scope.clone(), names.len());
    changed(app, scope, |list| plan::add_url(list, &mint, &url, &names)).await
}

/// Leaves a URL on exactly the event names given.
pub(super) async fn update(domain: &str, call: &Call, app: &App) -> Answered {
    let scope = Caller::of(call, app).await?.scope(domain, app).await?;
    let (url, names) = fields(&Form::of(call).await?)?;
    let mint = Mint::new(app, scope.clone(), names.len());
    changed(app, &scope, |list| plan::move_url(list, &mint, &url, &names)).await
}

/// Takes URLs from every event name.
pub(super) async fn remove(domain: &str, call: &Call, app: &App) -> Answered {
    let scope = Caller::of(call, app).await?.scope(domain, app).await?;
    let form = Form::of(call).await?;
    let texts: Vec<&str> = form.all("url").collect();
    if texts.is_empty() {
        return Err(Refusal::missing("url"));
    }
    let text = texts.join(",");
    changed(app, &scope, |list| plan::remove_urls(list, &text)).await
}

async fn changed(
    app: &App,
    scope: &WebhookScope,
    plan: impl Fn(&mut Vec<Webhook>) -> Result<(), Clash> + Send + Sync,
) -> Answered {
    let planned = |list: &mut Vec<Webhook>| plan(list).map(|()| AllWebhooks::of(list));
    let all = plan::change(app, scope, planned).await.map_err(Unchanged::of_domain)?;
    ok(&all)
}

/// `url`, one, and `event_types`, each once.
fn fields(form: &Form) -> Result<(WebhookUrl, Vec<&'static str>), Refusal> {
    let mut urls = form.all("url");
    let url = parsed(urls.next().ok_or_else(|| Refusal::missing("url"))?)?;
    if urls.next().is_some() {
        return Err(Refusal::bad("Invalid parameter: url expected one, found several"));
    }
    let mut names = Vec::new();
    for text in form.all("event_types") {
        let name = mailgun::canonical(text).ok_or_else(|| Refusal::invalid("event_types", text))?;
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() { Err(Refusal::missing("event_types")) } else { Ok((url, names)) }
}
