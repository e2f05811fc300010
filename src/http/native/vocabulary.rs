//! The mapping, without anything stored: what each kind is called, and one payload as another.

use serde_json::value::RawValue;
use warp::Filter;
use warp::http::StatusCode;
use warp::reply::Response;
use waypost_compat::translate::{Context, TranslateError};
use waypost_compat::{Dialect, Kind, Provider, translate};

use super::auth::domain_name;
use super::error::ApiError;
use super::json::answer;
use crate::api;
use crate::http::auth::credentials;
use crate::http::body::body;
use crate::http::route::{route, with};
use crate::http::{App, Body, BodyError, Credentials, Route};
use crate::model::{AccountId, EventId, hex};

pub(super) fn routes(app: &App) -> Vec<Route> {
    let names = warp::path!("vocabulary").and(warp::get());
    let one = warp::path!("translate").and(warp::post()).and(body(app));
    vec![
        route(names.and(credentials()).and(with(app)).then(vocabulary)),
        route(one.and(credentials()).and(with(app)).then(translated)),
    ]
}

/// What each kind is called in each dialect: the name to subscribe to, `null` where there is none.
async fn vocabulary(credentials: Credentials, app: App) -> Result<Response, ApiError> {
    app.manager(&credentials).await?;
    let names = Kind::ALL.into_iter().map(api::KindNames::of);
    Ok(answer(StatusCode::OK, &names.collect::<api::Items<_>>()))
}

async fn translated(
    body: Result<Body, BodyError>,
    credentials: Credentials,
    app: App,
) -> Result<Response, ApiError> {
    let manager = app.manager(&credentials).await?;
    let bytes = body?.bytes;
    let request: api::Translate<'_> = serde_json::from_slice(&bytes).map_err(|error| {
        ApiError::malformed(format!("expected `from`, `to` and `payload`: {error}"))
    })?;
    let (from, to) = (request.from.parse::<Provider>()?, request.to.parse::<Dialect>()?);
    let domain = request.domain.as_deref().map(domain_name).transpose()?;
    let now = app.clock.now();
    let context = Context {
        domain: domain.map_or_else(String::new, |domain| domain.to_string()),
        account: account_digits(manager.account()),
        event_id: EventId::timed(now, app.clock.random()).to_string(),
        received_at_ms: now.millis(),
    };
    let payload = request.payload.get().as_bytes();
    let rendered = translate(from, payload, to, &context)?;
    let text = std::str::from_utf8(&rendered.body).ok();
    let body = text.and_then(|text| serde_json::from_str::<&RawValue>(text).ok());
    let lost = rendered.lost.iter().map(Into::into).collect();
    let translation = api::Translation { name: (&*rendered.name).into(), body, lost };
    Ok(answer(StatusCode::OK, &translation))
}

/// Mailgun's `account.id`: the first 24 hex digits of ours.
fn account_digits(account: AccountId) -> String {
    hex(&account.as_bytes()[..12])
}

impl From<TranslateError> for ApiError {
    fn from(error: TranslateError) -> Self {
        let (code, field) = match &error {
            TranslateError::Parse(error) => ("not_an_event", format!("payload.{}", error.field)),
            TranslateError::Impossible { .. } => ("impossible", "to".to_owned()),
        };
        let message = error.to_string();
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, message).about(field)
    }
}
