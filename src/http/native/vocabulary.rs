//! The mapping, without anything stored: what each kind is called, and one payload as another.

use http::StatusCode;
use serde_json::value::RawValue;

use waypost_compat::translate::{Context, TranslateError};
use waypost_compat::{Dialect, Kind, Provider, translate};

use super::reach::domain_name;
use super::{MANAGER, route};
use crate::api;
use crate::http::App;
use crate::http::call::Call;
use crate::http::caller::Principal;
use crate::http::native_error::NativeError;
use crate::http::reply::{Response, answer};
use crate::http::routes::Route;
use crate::model::{AccountId, EventId, hex};

pub(super) fn routes() -> Vec<Route> {
    vec![
        route("GET /waypost/v1/vocabulary", MANAGER, vocabulary),
        route("POST /waypost/v1/translate", MANAGER, translated),
    ]
}

/// The name of each kind in each dialect: the name to subscribe to, `null` where there is none.
async fn vocabulary(_: Principal, _: Call, _: App) -> Result<Response, NativeError> {
    let names = Kind::ALL.into_iter().map(api::KindNames::of);
    Ok(answer(StatusCode::OK, &names.collect::<api::Items<_>>()))
}

async fn translated(manager: Principal, call: Call, app: App) -> Result<Response, NativeError> {
    let bytes = call.body(app.settings.body_bytes_max).await?.bytes;
    let request: api::Translate<'_> = serde_json::from_slice(&bytes).map_err(|error| {
        NativeError::malformed(format!("expected `from`, `to` and `payload`: {error}"))
    })?;
    let (from, to) = (request.from.parse::<Provider>()?, request.to.parse::<Dialect>()?);
    let domain = request.domain.as_deref().map(domain_name).transpose()?;
    let now = app.clock.now();
    let context = Context {
        domain: domain.map_or_else(String::new, |domain| domain.to_string()),
        account: account_digits(manager.account),
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

impl From<TranslateError> for NativeError {
    fn from(error: TranslateError) -> Self {
        let (code, field) = match &error {
            TranslateError::Parse(error) => ("not_an_event", format!("payload.{}", error.field)),
            TranslateError::Impossible { .. } => ("impossible", "to".to_owned()),
        };
        let message = error.to_string();
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, message).about(field)
    }
}
