//! `/v1/webhooks`: webhooks for all of an account's domains (`spec/mailgun-api.md` §1.6).

use serde::Serialize;
use waypost_compat::{Dialect, mailgun};

use super::answer::{Answer, Answered, MailgunError, excerpt, ok};
use super::form::Form;
use super::plan::{self, Clash, NewWebhooks, Unchanged};
use super::webhooks_v3::parsed;
use super::{MANAGE_ACCOUNT, READ_ACCOUNT, route};
use crate::http::App;
use crate::http::call::Call;
use crate::http::caller::{Principal, Required};
use crate::http::reply::no_such_route;
use crate::http::routes::Route;
use crate::model::{Webhook, WebhookScope, WebhookUrl, hex};

/// The collection and its items. Webhooks of the whole account are beyond a key that is bound to one
/// domain.
pub(super) fn routes() -> Vec<Route> {
    vec![
        route("GET /v1/webhooks", READ_ACCOUNT, list),
        route("POST /v1/webhooks", MANAGE_ACCOUNT, create),
        route("DELETE /v1/webhooks", MANAGE_ACCOUNT, remove_several),
        route("GET /v1/webhooks/{id}", READ_ACCOUNT, show),
        route("PUT /v1/webhooks/{id}", MANAGE_ACCOUNT, update),
        route("DELETE /v1/webhooks/{id}", MANAGE_ACCOUNT, remove),
        // Below an item there is nothing, upstream included.
        Route::open("ANY /v1/webhooks/{id}/{...}", Required::Nothing, |_, _| async {
            no_such_route()
        }),
    ]
}

fn scope(caller: &Principal) -> WebhookScope {
    WebhookScope { account: caller.account, domain: None, dialect: Dialect::Mailgun }
}

async fn list(caller: Principal, call: Call, app: App) -> Answered {
    let scope = scope(&caller);
    let ids = ids(&Form::of(&call, &app).await?)?;
    let all = app.directory.webhooks(&scope).await?;
    let webhooks = match ids {
        None => all.iter().map(ShownWebhook::of).collect(),
        Some(ids) => {
            let each = ids.iter().map(|id| found(&all, id).map(ShownWebhook::of));
            each.collect::<Result<_, _>>().map_err(|clash| Unchanged::Clash(clash).of_account())?
        }
    };
    ok(&List { webhooks })
}

async fn create(caller: Principal, call: Call, app: App) -> Answered {
    let scope = scope(&caller);
    let fields = AccountWebhook::of(&Form::of(&call, &app).await?)?;
    let new = NewWebhooks::new(&app, scope.clone(), 1);
    let id = plan::change(&app, &scope, |list| {
        plan::fits(list, &fields.url, &fields.names, new.limit)?;
        let webhook = fields.filled(new.webhook(0, &fields.url, &fields.names));
        let id = public_id(&webhook);
        list.push(webhook);
        Ok(id)
    });
    ok(&Created { webhook_id: id.await.map_err(Unchanged::of_account)? })
}

async fn show(caller: Principal, call: Call, app: App) -> Answered {
    let scope = scope(&caller);
    let all = app.directory.webhooks(&scope).await?;
    match found(&all, &call.parameter("id")) {
        Ok(webhook) => ok(&ShownWebhook::of(webhook)),
        Err(_) => Err(Unchanged::Clash(Clash::NotFound).of_account()),
    }
}

/// Replaces all of a webhook but its id and its age.
async fn update(caller: Principal, call: Call, app: App) -> Answered {
    let scope = scope(&caller);
    let fields = AccountWebhook::of(&Form::of(&call, &app).await?)?;
    let new = NewWebhooks::new(&app, scope.clone(), 1);
    let id = call.parameter("id");
    let plan = |list: &mut Vec<Webhook>| {
        let at = list.iter().position(|webhook| public_id(webhook) == id);
        let old = list.remove(at.ok_or(Clash::NotFound)?);
        plan::fits(list, &fields.url, &fields.names, new.limit)?;
        let new = fields.filled(new.webhook(0, &fields.url, &fields.names));
        let (id, created_at) = (old.id, old.created_at);
        list.insert(at.unwrap_or_default(), Webhook { id, created_at, ..new });
        Ok(())
    };
    plan::change(&app, &scope, plan).await.map_err(Unchanged::of_account)?;
    Ok(Answer::Nothing)
}

async fn remove(caller: Principal, call: Call, app: App) -> Answered {
    let scope = scope(&caller);
    let id = call.parameter("id");
    let plan = |list: &mut Vec<Webhook>| {
        let removed = plan::take(list, |webhook| public_id(webhook) == id);
        if removed.is_empty() { Err(Clash::NotFound) } else { Ok(()) }
    };
    plan::change(&app, &scope, plan).await.map_err(Unchanged::of_account)?;
    Ok(Answer::Nothing)
}

/// Removes those named in `webhook_ids`, all of which must be there; without it, `all=true` removes
/// every one.
async fn remove_several(caller: Principal, call: Call, app: App) -> Answered {
    let scope = scope(&caller);
    let form = Form::of(&call, &app).await?;
    let ids = ids(&form)?;
    if ids.is_none() && form.flag("all")? != Some(true) {
        return Err(MailgunError::missing("webhook_ids"));
    }
    let plan = |list: &mut Vec<Webhook>| match &ids {
        Some(ids) => {
            for id in ids {
                found(list, id)?;
            }
            list.retain(|webhook| !ids.contains(&public_id(webhook)));
            Ok(())
        }
        None if list.is_empty() => Err(Clash::Empty),
        None => {
            list.clear();
            Ok(())
        }
    };
    plan::change(&app, &scope, plan).await.map_err(Unchanged::of_account)?;
    Ok(Answer::Nothing)
}

/// The id as this API shows it: 24 hex digits.
fn public_id(webhook: &Webhook) -> String {
    hex(&webhook.id.as_bytes()[..12])
}

fn found<'l>(list: &'l [Webhook], id: &str) -> Result<&'l Webhook, Clash> {
    let mut matching = list.iter().filter(|webhook| public_id(webhook) == id);
    matching.next().ok_or_else(|| Clash::NoSuchId(excerpt(id)))
}

#[derive(Serialize)]
struct List<'a> {
    webhooks: Vec<ShownWebhook<'a>>,
}

#[derive(Serialize)]
struct Created {
    webhook_id: String,
}

#[derive(Serialize)]
struct ShownWebhook<'a> {
    webhook_id: String,
    description: &'a str,
    url: &'a WebhookUrl,
    event_types: &'a [String],
    created_at: String,
}

impl<'a> ShownWebhook<'a> {
    fn of(webhook: &'a Webhook) -> Self {
        Self {
            webhook_id: public_id(webhook),
            description: webhook.description.as_deref().unwrap_or_default(),
            url: &webhook.url,
            event_types: &webhook.events,
            created_at: webhook.created_at.rfc3339(),
        }
    }
}

/// The ids of a comma list, each once; `None` where the field is not there.
fn ids(form: &Form) -> Result<Option<Vec<String>>, MailgunError> {
    let texts: Vec<&str> = form.all("webhook_ids").collect();
    if texts.is_empty() {
        return Ok(None);
    }
    let mut ids: Vec<String> = Vec::new();
    for id in texts.join(",").split(',').map(str::trim) {
        if id.is_empty() {
            return Err(MailgunError::bad(
                "Invalid parameter: webhook_ids malformed webhook_ids parameter: \
                 empty values not allowed",
            ));
        }
        if ids.iter().all(|known| known != id) {
            ids.push(id.to_owned());
        }
    }
    Ok(Some(ids))
}

/// An account webhook as a client describes it.
struct AccountWebhook {
    url: WebhookUrl,
    names: Vec<&'static str>,
    description: Option<String>,
}

impl AccountWebhook {
    fn of(form: &Form) -> Result<Self, MailgunError> {
        let url = parsed(form.all("url").next().ok_or_else(|| MailgunError::missing("url"))?)?;
        let mut names = Vec::new();
        for text in form.all("event_types") {
            // An unknown name is a 404 here, oddly, as Mailgun documents it.
            let name = mailgun::canonical(text).ok_or_else(|| {
                MailgunError::not_found(format!("event_type '{}' is invalid", excerpt(text)))
            })?;
            if names.contains(&name) {
                return Err(MailgunError::bad(format!("duplicate event types: '{name}'")));
            }
            names.push(name);
        }
        if names.is_empty() {
            return Err(MailgunError::missing("event_types"));
        }
        Ok(Self { url, names, description: form.one("description").map(str::to_owned) })
    }

    fn filled(&self, webhook: Webhook) -> Webhook {
        Webhook { description: self.description.clone(), ..webhook }
    }
}
