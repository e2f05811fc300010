//! Registering webhooks of any dialect in any scope, and removing them: for those who bring a whole
//! configuration along. What a dialect's own API would refuse is refused here too.

use http::StatusCode;
use waypost_compat::{Dialect, mailgun};

use super::json::JsonObject;
use super::webhooks::{scheme_named, shown};
use super::{MANAGER, route};
use crate::api;
use crate::behaviour::{Behaviour, Webhooks};
use crate::http::App;
use crate::http::call::Call;
use crate::http::caller::Principal;
use crate::http::mailgun::{Clash, NewWebhooks, fits};
use crate::http::native_error::{NativeError, quoted};
use crate::http::reply::{Response, answer, no_content};
use crate::http::routes::Route;
use crate::http::row_webhooks::{self, Draft, Problem, Rows, WEBHOOKS_MAX};
use crate::model::{InvalidId, InvalidUrl, Webhook, WebhookScope, WebhookState, WebhookUrl};
use crate::store::Decision;

/// The fields that a webhook may be given.
const FIELDS: [&str; 9] =
    ["dialect", "domain", "url", "events", "secret", "state", "description", "signature", "id"];

pub(super) fn routes() -> Vec<Route> {
    vec![
        route("POST /waypost/v1/webhooks", MANAGER, create),
        route("DELETE /waypost/v1/webhooks/{id}", MANAGER, remove),
    ]
}

async fn create(manager: Principal, call: Call, app: App) -> Result<Response, NativeError> {
    let fields = JsonObject::read(&call.body(app.settings.body_bytes_max).await?, &FIELDS)?;
    let scope = app.scope(&manager, &fields).await?;
    let draft = Draft {
        url: fields.required("url", "a URL")?,
        events: events(&fields)?,
        description: fields.label("description")?,
        secret: fields.secret("secret")?,
        enabled: true,
    };
    let given = draft.secret.is_some();
    let mut webhook = drafted(&app, scope, draft)?;
    if let Some(name) = fields.optional::<String>("signature", "the name of a signature")? {
        webhook.scheme = Some(scheme_named(webhook.scope.dialect, &name)?);
    }
    if let Some(id) = fields.optional::<String>("id", "the id of a webhook")? {
        webhook.id =
            id.parse().map_err(|error: InvalidId| NativeError::invalid("id", error.to_string()))?;
    }
    webhook.state = state(&fields)?;
    app.register(&webhook).await?;
    let generated = webhook.secret.as_ref().filter(|_| !given);
    let secret = generated.map(|secret| secret.expose().to_owned());
    Ok(answer(StatusCode::CREATED, &api::CreatedWebhook { listed: shown(&webhook), secret }))
}

async fn remove(manager: Principal, call: Call, app: App) -> Result<Response, NativeError> {
    let id = call.parameter("id");
    let webhook = app.webhook_of(&manager, &id).await?;
    let change = |list: &mut Vec<Webhook>| {
        let before = list.len();
        list.retain(|there| there.id != webhook.id);
        if list.len() < before { Decision::Keep } else { Decision::Discard }
    };
    match app.directory.change_webhooks(&webhook.scope, Box::new(change)).await? {
        Decision::Keep => Ok(no_content()),
        Decision::Discard => Err(NativeError::missing("webhook", &id)),
    }
}

impl App {
    /// The scope that a new webhook is asked for.
    async fn scope(
        &self,
        manager: &Principal,
        fields: &JsonObject,
    ) -> Result<WebhookScope, NativeError> {
        let domain = match fields.optional::<String>("domain", "the name of a domain")? {
            Some(name) => Some(self.domain_of(manager, &name).await?.name),
            None => manager.whole_account().map(|()| None)?,
        };
        Ok(WebhookScope { account: manager.account, domain, dialect: fields.dialect()? })
    }

    /// Puts a webhook behind those of its scope, if it fits there and nothing has its id.
    async fn register(&self, webhook: &Webhook) -> Result<(), NativeError> {
        let limit = self.settings.urls_per_event_max;
        let mut refused = None;
        let change = |list: &mut Vec<Webhook>| {
            refused = unfit(list, webhook, limit).err();
            if refused.is_some() {
                return Decision::Discard;
            }
            list.push(webhook.clone());
            Decision::Keep
        };
        match self.directory.change_webhooks(&webhook.scope, Box::new(change)).await {
            Err(error) if error.is_taken() => Err(id_taken()),
            Err(error) => Err(error.into()),
            Ok(_) => refused.map_or(Ok(()), Err),
        }
    }
}

/// Sees to it that a webhook can stand beside those of its scope.
pub(super) fn unfit(list: &[Webhook], webhook: &Webhook, limit: usize) -> Result<(), NativeError> {
    let behaviour = Behaviour::of(webhook.scope.dialect);
    // The dialect's API knows the account's webhooks by these bytes alone.
    let bytes = behaviour.id_bytes;
    if list.iter().any(|there| there.id.as_bytes()[..bytes] == webhook.id.as_bytes()[..bytes]) {
        return Err(id_taken());
    }
    match behaviour.webhooks {
        Webhooks::Lists => {
            let names: Vec<&str> = webhook.events.iter().map(String::as_str).collect();
            fits(list, &webhook.url, &names, limit).map_err(|clash| conflict(&clash))
        }
        Webhooks::Rows => {
            if list.len() < WEBHOOKS_MAX {
                return Ok(());
            }
            Err(Problem::TooMany { limit: WEBHOOKS_MAX }.into())
        }
    }
}

/// The same whoever has it: what is another tenant's is nobody's business.
fn id_taken() -> NativeError {
    let message = "expected an id that is free, found one that is in use";
    NativeError::new(StatusCode::CONFLICT, "taken", message).about("id")
}

fn conflict(clash: &Clash) -> NativeError {
    let code = match clash {
        Clash::TooMany { .. } => "limit_reached",
        Clash::Duplicate { .. }
        | Clash::Exists
        | Clash::NotFound
        | Clash::NoSuchId(_)
        | Clash::Empty => "taken",
    };
    NativeError::new(StatusCode::CONFLICT, code, clash.to_string()).about("events")
}

/// A webhook as its dialect's API makes it, not yet in the list of its scope.
pub(super) fn drafted(
    app: &App,
    scope: WebhookScope,
    draft: Draft,
) -> Result<Webhook, NativeError> {
    match row_webhooks::api(scope.dialect) {
        Some(api) => Ok(Rows { app, scope, api }.drafted(draft)?),
        None => mailgun(app, scope, draft),
    }
}

/// A webhook of Mailgun's. For a domain there is one for each event name and URL; the account's key
/// signs them all.
fn mailgun(app: &App, scope: WebhookScope, draft: Draft) -> Result<Webhook, NativeError> {
    if draft.secret.is_some() {
        let message = "expected none: the account's signing key signs Mailgun's webhooks";
        return Err(NativeError::invalid("secret", message));
    }
    let url: WebhookUrl = draft.url.parse().map_err(|error: InvalidUrl| {
        NativeError::invalid("url", format!("{} is not a valid url: {error}", quoted(&draft.url)))
    })?;
    let mut names = Vec::new();
    for text in draft.events {
        let name = mailgun::canonical(&text).ok_or_else(|| {
            let expected = Dialect::Mailgun.names().join("`, `");
            let message = format!("expected names among `{expected}`, found {}", quoted(&text));
            NativeError::invalid("events", message)
        })?;
        if names.contains(&name) {
            return Err(NativeError::invalid("events", format!("`{name}` is there twice")));
        }
        names.push(name);
    }
    if scope.domain.is_some() && names.len() > 1 {
        let message = "expected one name: a domain has a webhook for each name and URL";
        return Err(NativeError::invalid("events", message));
    }
    let description = draft.description;
    Ok(Webhook { description, ..NewWebhooks::new(app, scope, 1).webhook(0, &url, &names) })
}

/// Event names as written, at least one.
pub(super) fn events(fields: &JsonObject) -> Result<Vec<String>, NativeError> {
    let names: Vec<String> = fields.required("events", "an array of event names")?;
    match names.is_empty() {
        false => Ok(names),
        true => Err(NativeError::invalid("events", "expected at least one event name, found none")),
    }
}

fn state(fields: &JsonObject) -> Result<WebhookState, NativeError> {
    let expected = "`active` or `paused`";
    match fields.optional::<String>("state", expected)?.as_deref() {
        None | Some("active") => Ok(WebhookState::Active),
        Some("paused") => Ok(WebhookState::Paused),
        Some(found) => {
            let message = format!("expected {expected}, found {}", quoted(found));
            Err(NativeError::invalid("state", message))
        }
    }
}

impl From<Problem> for NativeError {
    fn from(problem: Problem) -> Self {
        let message = problem.to_string();
        match problem {
            Problem::Unavailable => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message)
            }
            Problem::TooMany { .. } => Self::new(StatusCode::CONFLICT, "limit_reached", message),
            // Each dialect has a name of its own for the field.
            Problem::UnknownEvent { .. } | Problem::NoEvents { .. } => {
                Self::invalid("events", message)
            }
            other => match other.field() {
                Some(field) => Self::invalid(field, message),
                None => Self::malformed(message),
            },
        }
    }
}
