//! Sources: who may post events for a domain, or for all of the account's.

use super::json::JsonObject;
use super::reach::domain_name;
use super::{MANAGER, OWNER, route};
use crate::api;
use crate::http::App;
use crate::http::call::Call;
use crate::http::caller::Principal;
use crate::http::native_error::NativeError;
use crate::http::reply::{Response, answer, no_content};
use crate::http::routes::Route;
use crate::model::{DomainName, InvalidServes, Serves, Source, SourceId, Webhook};
use crate::store::Decision;
use http::StatusCode;
use waypost_compat::{Provider, Secret};

/// The secrets that a source holds: a few for a rotation, and for Mailgun's parent accounts.
pub(super) const SECRETS_MAX: usize = 4;

pub(super) fn routes() -> Vec<Route> {
    vec![
        route("POST /waypost/v1/sources", OWNER, create_wide),
        route("GET /waypost/v1/sources", MANAGER, list_all),
        route("POST /waypost/v1/domains/{domain}/sources", MANAGER, create),
        route("GET /waypost/v1/domains/{domain}/sources", MANAGER, list),
        route("GET /waypost/v1/sources/{id}", MANAGER, show),
        route("PATCH /waypost/v1/sources/{id}", MANAGER, update),
        route("DELETE /waypost/v1/sources/{id}", MANAGER, remove),
        route("GET /waypost/v1/domains/{domain}/sources/{id}", MANAGER, show),
        route("PATCH /waypost/v1/domains/{domain}/sources/{id}", MANAGER, update),
        route("DELETE /waypost/v1/domains/{domain}/sources/{id}", MANAGER, remove),
    ]
}

async fn create(manager: Principal, call: Call, app: App) -> Result<Response, NativeError> {
    let domain = app.domain_of(&manager, &call.parameter("domain")).await?;
    app.create_source(&manager, Some(domain.name), &call).await
}

/// A source for all the account's domains: each of its events says which it belongs to.
async fn create_wide(manager: Principal, call: Call, app: App) -> Result<Response, NativeError> {
    app.create_source(&manager, None, &call).await
}

/// Every source of the account; somebody who manages one domain sees that domain's.
async fn list_all(manager: Principal, _: Call, app: App) -> Result<Response, NativeError> {
    let sources = app.directory.sources(manager.account, manager.domain.as_ref()).await?;
    Ok(listed(&app, &sources))
}

async fn list(manager: Principal, call: Call, app: App) -> Result<Response, NativeError> {
    let domain = app.domain_of(&manager, &call.parameter("domain")).await?;
    let sources = app.directory.sources(manager.account, Some(&domain.name)).await?;
    Ok(listed(&app, &sources))
}

fn listed(app: &App, sources: &[Source]) -> Response {
    let shown = sources.iter().map(|source| shown(app, source));
    answer(StatusCode::OK, &shown.collect::<api::Items<_>>())
}

async fn show(manager: Principal, call: Call, app: App) -> Result<Response, NativeError> {
    let source = app.source_at(&call, &manager).await?;
    Ok(answer(StatusCode::OK, &shown(&app, &source)))
}

async fn update(manager: Principal, call: Call, app: App) -> Result<Response, NativeError> {
    let source = app.source_at(&call, &manager).await?;
    let fields = JsonObject::read(
        &call.body(app.settings.body_bytes_max).await?,
        &["secret", "keep_previous", "enabled", "serves"],
    )?;
    let keep: Option<bool> = fields.optional("keep_previous", "`true` or `false`")?;
    if keep.is_some() && !fields.has("secret") {
        let message = "expected a new `secret` beside it, found none";
        return Err(NativeError::invalid("keep_previous", message));
    }
    let secret = fields.secret("secret")?;
    let enabled = enabled(&fields)?;
    let serves = fields.has("serves").then_some(app.serves(&manager, &source, &fields).await?);
    let change = |source: &mut Source| {
        if fields.has("secret") {
            let previous = std::mem::take(&mut source.secrets);
            let kept = if keep == Some(true) { previous } else { Vec::new() };
            source.secrets = rotated(secret.clone(), kept);
        }
        source.enabled = enabled.unwrap_or(source.enabled);
        source.serves = serves.unwrap_or(source.serves);
        Decision::Keep
    };
    let changed = app.directory.change_source(source.account, source.id, Box::new(change)).await?;
    let source = changed.ok_or_else(|| NativeError::missing("source", &call.parameter("id")))?;
    Ok(answer(StatusCode::OK, &shown(&app, &source)))
}

async fn remove(manager: Principal, call: Call, app: App) -> Result<Response, NativeError> {
    let source = app.source_at(&call, &manager).await?;
    if app.directory.remove_source(source.account, source.id).await? {
        Ok(no_content())
    } else {
        Err(NativeError::missing("source", &call.parameter("id")))
    }
}

impl App {
    async fn create_source(
        &self,
        manager: &Principal,
        domain: Option<DomainName>,
        call: &Call,
    ) -> Result<Response, NativeError> {
        let fields = JsonObject::read(
            &call.body(self.settings.body_bytes_max).await?,
            &["dialect", "secret", "enabled", "serves"],
        )?;
        let now = self.clock.now();
        let mut source = Source {
            id: SourceId::timed(now, self.clock.random()),
            account: manager.account,
            domain,
            provider: fields.provider()?,
            serves: Serves::All,
            secrets: fields.secret("secret")?.into_iter().collect(),
            enabled: enabled(&fields)?.unwrap_or(true),
            created_at: now,
        };
        source.serves = self.serves(manager, &source, &fields).await?;
        self.directory.add_source(source.clone()).await?;
        Ok(answer(StatusCode::CREATED, &shown(self, &source)))
    }

    /// Reads what a source shall serve: as asked, if it can, or else as it does already.
    async fn serves(
        &self,
        manager: &Principal,
        source: &Source,
        fields: &JsonObject,
    ) -> Result<Serves, NativeError> {
        let expected = "`all`, `domain`, `account` or the id of a webhook";
        let Some(text) = fields.optional::<String>("serves", expected)? else {
            return Ok(source.serves);
        };
        let invalid = |message: String| NativeError::invalid("serves", message);
        let serves = text.parse().map_err(|error: InvalidServes| invalid(error.to_string()))?;
        match serves {
            Serves::All | Serves::Account => {}
            Serves::Domain if source.domain.is_some() => {}
            Serves::Domain => {
                let found = "found `domain` on a source for all the account's domains";
                return Err(invalid(format!(
                    "expected `all`, `account` or the id of a webhook, {found}"
                )));
            }
            Serves::Webhook(id) => {
                let webhook = self.webhook_of(manager, &id.to_string()).await;
                let webhook = webhook.map_err(|error| error.about("serves"))?;
                if !(Source { serves, ..source.clone() }).feeds(&webhook) {
                    return Err(invalid(unfit(source, &webhook)));
                }
            }
        }
        Ok(serves)
    }

    async fn source_at(&self, call: &Call, manager: &Principal) -> Result<Source, NativeError> {
        let domain =
            call.optional_parameter("domain").map(|name| domain_name(&name)).transpose()?;
        let id = call.parameter("id");
        let missing = || NativeError::missing("source", &id);
        let id: SourceId = id.parse().map_err(|_| missing())?;
        self.directory
            .source(manager.account, id)
            .await?
            .filter(|source| manager.covers_part(source.domain.as_ref()))
            .filter(|source| domain.is_none() || domain == source.domain)
            .ok_or_else(missing)
    }
}

/// A webhook that a source cannot serve, in words.
pub(super) fn unfit(source: &Source, webhook: &Webhook) -> String {
    let words = |provider: Provider, domain: Option<&DomainName>| match domain {
        Some(domain) => format!("a {provider} webhook for {domain}"),
        None => format!("a {provider} webhook"),
    };
    let expected = words(source.provider, source.domain.as_ref());
    let found = words(webhook.scope.dialect.provider(), webhook.scope.domain.as_ref());
    format!("expected {expected}, found {found}")
}

/// The newest secret first. Without a new one there are none left, and every event is refused.
fn rotated(new: Option<Secret>, previous: Vec<Secret>) -> Vec<Secret> {
    new.into_iter().chain(previous).take(SECRETS_MAX).collect()
}

/// A source as it is answered. Its secrets never are: they are the provider's to show.
fn shown(app: &App, source: &Source) -> api::Source {
    api::Source {
        id: source.id,
        domain: source.domain.clone(),
        dialect: source.provider.into(),
        serves: source.serves.into(),
        ingest_url: format!("{}/ingest/{}", app.settings.public_url, source.id),
        enabled: source.enabled,
        has_secret: !source.secrets.is_empty(),
        secret_count: source.secrets.len(),
        created_at: source.created_at.into(),
    }
}

fn enabled(fields: &JsonObject) -> Result<Option<bool>, NativeError> {
    fields.optional("enabled", "`true` or `false`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(texts: &[&str]) -> Vec<Secret> {
        texts.iter().copied().map(Secret::new).collect()
    }

    #[track_caller]
    fn check(new: Option<&str>, previous: &[&str], expected: &[&str]) {
        let rotated = rotated(new.map(Secret::new), secrets(previous));
        assert_eq!(rotated.iter().map(Secret::expose).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_rotation_puts_the_new_secret_first_and_keeps_a_few() {
        check(Some("b"), &[], &["b"]);
        check(Some("b"), &["a"], &["b", "a"]);
        check(Some("e"), &["d", "c", "b", "a"], &["e", "d", "c", "b"]);
        check(None, &[], &[]);
    }
}
