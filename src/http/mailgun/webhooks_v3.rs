//! `/v3/domains/{d}/webhooks`: webhooks by event name (`spec/mailgun-api.md` §1.2, §1.3).

use serde::{Serialize, Serializer};
use waypost_compat::{Dialect, mailgun};

use super::answer::{Answered, MailgunError, excerpt, ok};
use super::form::Form;
use super::plan::{self, Clash, NewWebhooks, Unchanged};
use super::webhooks_v4;
use super::{MANAGE, READ, route};
use crate::http::App;
use crate::http::call::Call;
use crate::http::caller::Principal;
use crate::http::routes::Route;
use crate::model::{InvalidUrl, Webhook, WebhookScope, WebhookUrl};

/// The collection and its items, under the paths of old SDKs and of a typo in old documentation too
/// (§1.1 rows 14 and 15). v4's calls are taken here as well: what Mailgun's Python SDK calls its v4
/// never leaves the v3 path (§1.1 row 7).
pub(super) fn routes() -> Vec<Route> {
    vec![
        route("GET /{v3|v2}/{domains|domain}/{domain}/webhooks", READ, list),
        route("POST /{v3|v2}/{domains|domain}/{domain}/webhooks", MANAGE, create),
        route("PUT /{v3|v2}/{domains|domain}/{domain}/webhooks", MANAGE, webhooks_v4::update),
        route("DELETE /{v3|v2}/{domains|domain}/{domain}/webhooks", MANAGE, webhooks_v4::remove),
        route("GET /{v3|v2}/{domains|domain}/{domain}/webhooks/{name}", READ, show),
        route("POST /{v3|v2}/{domains|domain}/{domain}/webhooks/{name}", MANAGE, create_named),
        route("PUT /{v3|v2}/{domains|domain}/{domain}/webhooks/{name}", MANAGE, update),
        route("DELETE /{v3|v2}/{domains|domain}/{domain}/webhooks/{name}", MANAGE, remove),
    ]
}

async fn list(caller: Principal, call: Call, app: App) -> Answered {
    let scope = caller.scope(&call, &app).await?;
    ok(&AllWebhooks::of(&app.directory.webhooks(&scope).await?))
}

async fn create(caller: Principal, call: Call, app: App) -> Answered {
    let scope = caller.scope(&call, &app).await?;
    let form = Form::of(&call, &app).await?;
    if form.one("id").is_none() && form.all("event_types").next().is_some() {
        return webhooks_v4::add(&scope, &form, &app).await;
    }
    let id = form.required("id")?;
    let name = mailgun::canonical(id).ok_or_else(|| MailgunError::invalid("id", id))?;
    add(&scope, name, &form, &app).await
}

/// The event name in the path: one client creates so (§1.1 row 11).
async fn create_named(caller: Principal, call: Call, app: App) -> Answered {
    let scope = caller.scope(&call, &app).await?;
    let name = known(&call.parameter("name"))?;
    add(&scope, name, &Form::of(&call, &app).await?, &app).await
}

async fn add(scope: &WebhookScope, name: &'static str, form: &Form, app: &App) -> Answered {
    let urls = urls(form, name, app)?;
    let new = NewWebhooks::new(app, scope.clone(), urls.len());
    plan::change(app, scope, |list| plan::create(list, &new, name, &urls))
        .await
        .map_err(Unchanged::of_domain)?;
    changed("Webhook has been created", urls)
}

async fn show(caller: Principal, call: Call, app: App) -> Answered {
    let scope = caller.scope(&call, &app).await?;
    let name = known(&call.parameter("name"))?;
    let urls = plan::urls(&app.directory.webhooks(&scope).await?, name);
    if urls.is_empty() {
        return Err(not_found());
    }
    ok(&ShownWebhook { message: None, webhook: Urls { urls } })
}

async fn update(caller: Principal, call: Call, app: App) -> Answered {
    let scope = caller.scope(&call, &app).await?;
    let name = known(&call.parameter("name"))?;
    let urls = urls(&Form::of(&call, &app).await?, name, &app)?;
    let new = NewWebhooks::new(&app, scope.clone(), urls.len());
    plan::change(&app, &scope, |list| plan::replace(list, &new, name, &urls))
        .await
        .map_err(Unchanged::of_domain)?;
    changed("Webhook has been updated", urls)
}

async fn remove(caller: Principal, call: Call, app: App) -> Answered {
    let scope = caller.scope(&call, &app).await?;
    let name = known(&call.parameter("name"))?;
    let removed = plan::change(&app, &scope, |list| plan::remove(list, name))
        .await
        .map_err(Unchanged::of_domain)?;
    changed("Webhook has been deleted", removed)
}

fn changed(message: &'static str, urls: Vec<WebhookUrl>) -> Answered {
    ok(&ShownWebhook { message: Some(message), webhook: Urls { urls } })
}

/// The URLs of one event name.
#[derive(Serialize)]
struct ShownWebhook {
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
    webhook: Urls,
}

#[derive(Serialize)]
struct Urls {
    urls: Vec<WebhookUrl>,
}

/// The URLs of each event name that has any.
#[derive(Serialize)]
pub(super) struct AllWebhooks {
    #[serde(serialize_with = "by_name")]
    webhooks: Vec<(&'static str, Urls)>,
}

fn by_name<S: Serializer>(webhooks: &[(&'static str, Urls)], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(webhooks.iter().map(|(name, urls)| (name, urls)))
}

impl AllWebhooks {
    pub(super) fn of(list: &[Webhook]) -> Self {
        let named = |name: &&'static str| {
            let urls = plan::urls(list, name);
            (!urls.is_empty()).then_some((*name, Urls { urls }))
        };
        Self { webhooks: Dialect::Mailgun.names().iter().filter_map(named).collect() }
    }
}

fn known(name: &str) -> Result<&'static str, MailgunError> {
    mailgun::canonical(name).ok_or_else(not_found)
}

fn not_found() -> MailgunError {
    MailgunError::not_found("Webhook not found")
}

/// The URLs of a form, each once, in order of first appearance.
fn urls(form: &Form, name: &str, app: &App) -> Result<Vec<WebhookUrl>, MailgunError> {
    let mut urls = Vec::new();
    for text in form.all("url") {
        let url = parsed(text)?;
        if !urls.contains(&url) {
            urls.push(url);
        }
    }
    let limit = app.settings.urls_per_event_max;
    if urls.is_empty() {
        Err(MailgunError::missing("url"))
    } else if urls.len() > limit {
        let clash = Clash::TooMany { name: name.to_owned(), limit };
        Err(Unchanged::Clash(clash).of_domain())
    } else {
        Ok(urls)
    }
}

/// A URL, or Mailgun's words for what is wrong with it (§1.5).
pub(super) fn parsed(text: &str) -> Result<WebhookUrl, MailgunError> {
    text.parse().map_err(|reason: InvalidUrl| {
        let url = excerpt(text);
        MailgunError::bad(format!("invalid parameters: {url} is not a valid url: {reason}"))
    })
}
