//! Sources: who may post events for a domain.

use serde_json::{Value, json};
use warp::Filter;
use warp::http::StatusCode;
use warp::reply::Response;
use waypost_compat::{Dialect, Secret};

use super::auth::domain_name;
use super::error::ApiError;
use super::json::{Fields, answer, no_content};
use crate::http::auth::credentials;
use crate::http::body::body;
use crate::http::route::{Segment, route, with};
use crate::http::{App, Body, BodyError, Credentials, Route};
use crate::model::{Source, SourceId};

/// The longest secret taken, in bytes. The longest that a provider is known to issue has 54.
const SECRET_BYTES_MAX: usize = 512;

/// How many secrets a source holds: a few for a rotation, and for Mailgun's parent accounts.
const SECRETS_MAX: usize = 4;

pub(super) fn routes(app: &App) -> Vec<Route> {
    let all = warp::path!("domains" / Segment / "sources");
    let below = warp::path!("domains" / Segment / "sources" / Segment)
        .map(|domain, id| Place { domain: Some(domain), id });
    let plain = warp::path!("sources" / Segment).map(|id| Place { domain: None, id });
    let one = below.or(plain).unify();
    let (who, app_) = (credentials, with(app));
    vec![
        route(all.and(warp::post()).and(body(app)).and(who()).and(app_.clone()).then(create)),
        route(all.and(warp::get()).and(who()).and(app_.clone()).then(list)),
        route(one.and(warp::get()).and(who()).and(app_.clone()).then(show)),
        route(one.and(warp::patch()).and(body(app)).and(who()).and(app_.clone()).then(update)),
        route(one.and(warp::delete()).and(who()).and(app_).then(remove)),
    ]
}

/// The place of one source: below its domain, or by its id alone.
#[derive(Debug)]
struct Place {
    domain: Option<Segment>,
    id: Segment,
}

async fn create(
    domain: Segment,
    body: Result<Body, BodyError>,
    credentials: Credentials,
    app: App,
) -> Result<Response, ApiError> {
    let manager = app.manager(&credentials).await?;
    let domain = app.domain_of(&manager, &domain).await?;
    let fields = Fields::read(body, &["dialect", "secret", "enabled"])?;
    let now = app.ambient.now();
    let source = Source {
        id: SourceId::timed(now, app.ambient.random()),
        account: manager.account(),
        domain: domain.name,
        dialect: dialect(&fields)?,
        secrets: secret(&fields)?.into_iter().collect(),
        enabled: enabled(&fields)?.unwrap_or(true),
        created_at: now,
    };
    app.store.put_source(source.clone()).await?;
    Ok(answer(StatusCode::CREATED, &shown(&app, &source)))
}

async fn list(domain: Segment, credentials: Credentials, app: App) -> Result<Response, ApiError> {
    let manager = app.manager(&credentials).await?;
    let domain = app.domain_of(&manager, &domain).await?;
    let sources = app.store.sources(manager.account(), &domain.name).await?;
    let items: Vec<Value> = sources.iter().map(|source| shown(&app, source)).collect();
    Ok(answer(StatusCode::OK, &json!({ "items": items })))
}

async fn show(place: Place, credentials: Credentials, app: App) -> Result<Response, ApiError> {
    let source = app.source_at(&place, &credentials).await?;
    Ok(answer(StatusCode::OK, &shown(&app, &source)))
}

async fn update(
    place: Place,
    body: Result<Body, BodyError>,
    credentials: Credentials,
    app: App,
) -> Result<Response, ApiError> {
    let _alone = app.sources.lock().await;
    let mut source = app.source_at(&place, &credentials).await?;
    let fields = Fields::read(body, &["secret", "keep_previous", "enabled"])?;
    let keep: Option<bool> = fields.optional("keep_previous", "`true` or `false`")?;
    if fields.has("secret") {
        let previous = if keep == Some(true) { source.secrets } else { Vec::new() };
        source.secrets = rotated(secret(&fields)?, previous);
    } else if keep.is_some() {
        let message = "expected a new `secret` beside it, found none";
        return Err(ApiError::invalid("keep_previous", message));
    }
    source.enabled = enabled(&fields)?.unwrap_or(source.enabled);
    app.store.put_source(source.clone()).await?;
    Ok(answer(StatusCode::OK, &shown(&app, &source)))
}

async fn remove(place: Place, credentials: Credentials, app: App) -> Result<Response, ApiError> {
    let _alone = app.sources.lock().await;
    let source = app.source_at(&place, &credentials).await?;
    if app.store.remove_source(source.account, source.id).await? {
        Ok(no_content())
    } else {
        Err(ApiError::missing("source", &place.id))
    }
}

impl App {
    async fn source_at(
        &self,
        place: &Place,
        credentials: &Credentials,
    ) -> Result<Source, ApiError> {
        let manager = self.manager(credentials).await?;
        let domain = place.domain.as_deref().map(domain_name).transpose()?;
        let missing = || ApiError::missing("source", &place.id);
        let id: SourceId = place.id.parse().map_err(|_| missing())?;
        self.store
            .source(id)
            .await?
            .filter(|source| source.account == manager.account() && manager.sees(&source.domain))
            .filter(|source| domain.is_none_or(|domain| domain == source.domain))
            .ok_or_else(missing)
    }
}

/// The newest secret first. Without a new one there are none left, and every event is refused.
fn rotated(new: Option<Secret>, previous: Vec<Secret>) -> Vec<Secret> {
    new.into_iter().chain(previous).take(SECRETS_MAX).collect()
}

/// A source as it is answered. Its secrets never are: they are the provider's to show.
fn shown(app: &App, source: &Source) -> Value {
    json!({
        "id": source.id,
        "domain": source.domain,
        "dialect": source.dialect,
        "ingest_url": format!("{}/ingest/{}", app.settings.public_url, source.id),
        "enabled": source.enabled,
        "has_secret": !source.secrets.is_empty(),
        "secret_count": source.secrets.len(),
        "created_at": source.created_at.rfc3339(),
    })
}

fn dialect(fields: &Fields) -> Result<Dialect, ApiError> {
    let text: String = fields.required("dialect", "the name of a dialect")?;
    Ok(text.parse::<Dialect>()?)
}

fn enabled(fields: &Fields) -> Result<Option<bool>, ApiError> {
    fields.optional("enabled", "`true` or `false`")
}

/// The secret as the provider shows it, byte for byte.
fn secret(fields: &Fields) -> Result<Option<Secret>, ApiError> {
    let text: Option<String> = fields.optional("secret", "the provider's secret as a text")?;
    match text {
        Some(text) if text.is_empty() || text.len() > SECRET_BYTES_MAX => Err(ApiError::invalid(
            "secret",
            format!("expected 1 to {SECRET_BYTES_MAX} bytes, found {}", text.len()),
        )),
        text => Ok(text.map(Secret::new)),
    }
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
