//! `/v1/webhooks`: webhooks for all of an account's domains (`spec/mailgun-api.md` §1.6).

use serde::Serialize;
use warp::http::Method;
use warp::reply::Response;
use waypost_compat::{Dialect, mailgun};

use super::answer::{Answer, Answered, Refusal, excerpt, ok, other_method};
use super::caller::Caller;
use super::form::Form;
use super::plan::{self, Clash, Mint, Unchanged};
use super::webhooks_v3::parsed;
use crate::http::App;
use crate::http::call::Call;
use crate::http::error::no_such_route;
use crate::http::route::Segment;
use crate::model::{Webhook, WebhookScope, WebhookUrl, hex};

/// Answers a request on `/v1/webhooks` that turned out to be Mailgun's; `below` is the rest of its
/// path.
pub(in crate::http) async fn answer(below: &[Segment], call: Call, app: App) -> Response {
    let answered = match (below, &call.method) {
        ([], &Method::GET) => list(&call, &app).await,
        ([], &Method::POST) => create(&call, &app).await,
        ([], &Method::DELETE) => remove_several(&call, &app).await,
        ([], _) => other_method(&call, "GET, POST, DELETE"),
        ([id], &Method::GET) => show(id, &call, &app).await,
        ([id], &Method::PUT) => update(id, &call, &app).await,
        ([id], &Method::DELETE) => remove(id, &call, &app).await,
        ([_], _) => other_method(&call, "GET, PUT, DELETE"),
        _ => return no_such_route(),
    };
    call.respond(answered)
}

/// Judges the caller: webhooks of the whole account are beyond a key that is bound to one domain.
async fn scope(call: &Call, app: &App) -> Result<WebhookScope, Refusal> {
    let caller = Caller::of(call, app).await?;
    caller.whole_account()?;
    Ok(WebhookScope { account: caller.account(), domain: None, dialect: Dialect::Mailgun })
}

async fn list(call: &Call, app: &App) -> Answered {
    let scope = scope(call, app).await?;
    let ids = ids(&Form::of(call).await?)?;
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

async fn create(call: &Call, app: &App) -> Answered {
    let scope = scope(call, app).await?;
    let fields = Fields::of(&Form::of(call).await?)?;
    let mint = Mint::new(app, scope.clone(), 1);
    let id = plan::change(app, &scope, |list| {
        plan::fits(list, &fields.url, &fields.names, mint.limit)?;
        let webhook = fields.filled(mint.webhook(0, &fields.url, &fields.names));
        let id = public_id(&webhook);
        list.push(webhook);
        Ok(id)
    });
    ok(&Created { webhook_id: id.await.map_err(Unchanged::of_account)? })
}

async fn show(id: &str, call: &Call, app: &App) -> Answered {
    let scope = scope(call, app).await?;
    let all = app.directory.webhooks(&scope).await?;
    match found(&all, id) {
        Ok(webhook) => ok(&ShownWebhook::of(webhook)),
        Err(_) => Err(Unchanged::Clash(Clash::NotFound).of_account()),
    }
}

/// Replaces all of a webhook but its id and its age.
async fn update(id: &str, call: &Call, app: &App) -> Answered {
    let scope = scope(call, app).await?;
    let fields = Fields::of(&Form::of(call).await?)?;
    let mint = Mint::new(app, scope.clone(), 1);
    let plan = |list: &mut Vec<Webhook>| {
        let at = list.iter().position(|webhook| public_id(webhook) == id);
        let old = list.remove(at.ok_or(Clash::NotFound)?);
        plan::fits(list, &fields.url, &fields.names, mint.limit)?;
        let new = fields.filled(mint.webhook(0, &fields.url, &fields.names));
        let (id, created_at) = (old.id, old.created_at);
        list.insert(at.unwrap_or_default(), Webhook { id, created_at, ..new });
        Ok(())
    };
    plan::change(app, &scope, plan).await.map_err(Unchanged::of_account)?;
    Ok(Answer::Nothing)
}

async fn remove(id: &str, call: &Call, app: &App) -> Answered {
    let scope = scope(call, app).await?;
    let plan = |list: &mut Vec<Webhook>| {
        let removed = plan::take(list, |webhook| public_id(webhook) == id);
        if removed.is_empty() { Err(Clash::NotFound) } else { Ok(()) }
    };
    plan::change(app, &scope, plan).await.map_err(Unchanged::of_account)?;
    Ok(Answer::Nothing)
}

/// Removes those named in `webhook_ids`, all of which must be there; without it, `all=true` removes
/// every one.
async fn remove_several(call: &Call, app: &App) -> Answered {
    let scope = scope(call, app).await?;
    let form = Form::of(call).await?;
    let ids = ids(&form)?;
    if ids.is_none() && form.flag("all")? != Some(true) {
        return Err(Refusal::missing("webhook_ids"));
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
    plan::change(app, &scope, plan).await.map_err(Unchanged::of_account)?;
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
fn ids(form: &Form) -> Result<Option<Vec<String>>, Refusal> {
    let texts: Vec<&str> = form.all("webhook_ids").collect();
    if texts.is_empty() {
        return Ok(None);
    }
    let mut ids: Vec<String> = Vec::new();
    for id in texts.join(",").split(',').map(str::trim) {
        if id.is_empty() {
            return Err(Refusal::bad(
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
struct Fields {
    url: WebhookUrl,
    names: Vec<&'static str>,
    description: Option<String>,
}

impl Fields {
    fn of(form: &Form) -> Result<Self, Refusal> {
        let url = parsed(form.all("url").next().ok_or_else(|| Refusal::missing("url"))?)?;
        let mut names = Vec::new();
        for text in form.all("event_types") {
            // An unknown name is a 404 here, oddly, as Mailgun documents it.
            let name = mailgun::canonical(text).ok_or_else(|| {
                Refusal::not_found(format!("event_type '{}' is invalid", excerpt(text)))
            })?;
            if names.contains(&name) {
                return Err(Refusal::bad(format!("duplicate event types: '{name}'")));
            }
            names.push(name);
        }
        if names.is_empty() {
            return Err(Refusal::missing("event_types"));
        }
        Ok(Self { url, names, description: form.one("description").map(str::to_owned) })
    }

    fn filled(&self, webhook: Webhook) -> Webhook {
        Webhook { description: self.description.clone(), ..webhook }
    }
}
