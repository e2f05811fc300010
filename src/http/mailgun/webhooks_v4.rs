//! `/v4/domains/{d}/webhooks`: the same webhooks by URL (`spec/mailgun-api.md` §1.5).
//!
//! Every success answers with the whole map. There is no `GET`.

use waypost_compat::mailgun;

use super::answer::{Answered, MailgunError, ok};
use super::form::Form;
use super::plan::{self, Clash, NewWebhooks, Unchanged};
use super::webhooks_v3::{AllWebhooks, parsed};
use super::{MANAGE, route};
use crate::http::App;
use crate::http::call::Call;
use crate::http::caller::Principal;
use crate::http::routes::Route;
use crate::model::{Webhook, WebhookScope, WebhookUrl};

/// The one path.
pub(super) fn routes() -> Vec<Route> {
    vec![
        route("POST /v4/domains/{domain}/webhooks", MANAGE, create),
        route("PUT /v4/domains/{domain}/webhooks", MANAGE, update),
        route("DELETE /v4/domains/{domain}/webhooks", MANAGE, remove),
    ]
}

async fn create(caller: Principal, call: Call, app: App) -> Answered {
    let scope = caller.scope(&call, &app).await?;
    add(&scope, &Form::of(&call, &app).await?, &app).await
}

/// Gives a URL to event names, beside the URLs they have.
pub(super) async fn add(scope: &WebhookScope, form: &Form, app: &App) -> Answered {
    let (url, names) = fields(form)?;
    let new = NewWebhooks::new(app, scope.clone(), names.len());
    changed(app, scope, |list| plan::add_url(list, &new, &url, &names)).await
}

/// Leaves a URL on exactly the event names given.
pub(super) async fn update(caller: Principal, call: Call, app: App) -> Answered {
    let scope = caller.scope(&call, &app).await?;
    let (url, names) = fields(&Form::of(&call, &app).await?)?;
    let new = NewWebhooks::new(&app, scope.clone(), names.len());
    changed(&app, &scope, |list| plan::move_url(list, &new, &url, &names)).await
}

/// Takes URLs from every event name.
pub(super) async fn remove(caller: Principal, call: Call, app: App) -> Answered {
    let scope = caller.scope(&call, &app).await?;
    let form = Form::of(&call, &app).await?;
    let texts: Vec<&str> = form.all("url").collect();
    if texts.is_empty() {
        return Err(MailgunError::missing("url"));
    }
    let text = texts.join(",");
    changed(&app, &scope, |list| plan::remove_urls(list, &text)).await
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
fn fields(form: &Form) -> Result<(WebhookUrl, Vec<&'static str>), MailgunError> {
    let mut urls = form.all("url");
    let url = parsed(urls.next().ok_or_else(|| MailgunError::missing("url"))?)?;
    if urls.next().is_some() {
        return Err(MailgunError::bad("Invalid parameter: url expected one, found several"));
    }
    let mut names = Vec::new();
    for text in form.all("event_types") {
        let name =
            mailgun::canonical(text).ok_or_else(|| MailgunError::invalid("event_types", text))?;
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() { Err(MailgunError::missing("event_types")) } else { Ok((url, names)) }
}
