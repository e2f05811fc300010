//! The account that a key is of, and the key that signs its Mailgun deliveries.

use super::json::JsonObject;
use super::{OWNER, route};
use crate::api;
use crate::http::App;
use crate::http::call::Call;
use crate::http::caller::Principal;
use crate::http::native_error::NativeError;
use crate::http::reply::{Response, answer};
use crate::http::routes::Route;
use crate::model::{Account, AccountId};
use crate::store::Decision;
use http::StatusCode;
use waypost_compat::Secret;

/// The longest signing key taken, in bytes. Mailgun's own have 32 or 36.
const KEY_BYTES_MAX: usize = 512;

pub(super) fn routes() -> Vec<Route> {
    vec![
        route("GET /waypost/v1/account", OWNER, show),
        route("PATCH /waypost/v1/account", OWNER, update),
    ]
}

async fn show(manager: Principal, _: Call, app: App) -> Result<Response, NativeError> {
    let account = app.account(manager.account).await?;
    Ok(answer(StatusCode::OK, &shown(&app, &account)))
}

/// Replaces the signing key, so that receivers which know the one of another account, their
/// Mailgun account's for one, go on believing what they get.
async fn update(manager: Principal, call: Call, app: App) -> Result<Response, NativeError> {
    let fields =
        JsonObject::read(&call.body(app.settings.body_bytes_max).await?, &["signing_key"])?;
    let key: String = fields.required("signing_key", "the key as a text")?;
    let key = signing_key(key)?;
    let replace = |account: &mut Account| {
        account.signing_key = key.clone();
        Decision::Keep
    };
    let changed = app.directory.change_account(manager.account, Box::new(replace)).await?;
    let account = changed.ok_or_else(|| missing(manager.account))?;
    Ok(answer(StatusCode::OK, &shown(&app, &account)))
}

/// A text as a signing key, if it can be one.
pub(super) fn signing_key(text: String) -> Result<Secret, NativeError> {
    let printable = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if printable && (1..=KEY_BYTES_MAX).contains(&text.len()) {
        return Ok(Secret::new(text));
    }
    let expected = format!("expected 1 to {KEY_BYTES_MAX} printable ASCII characters");
    Err(NativeError::invalid("signing_key", format!("{expected}, found {} bytes", text.len())))
}

impl App {
    async fn account(&self, id: AccountId) -> Result<Account, NativeError> {
        let account = self.directory.account(id).await?;
        account.ok_or_else(|| missing(id))
    }
}

fn missing(id: AccountId) -> NativeError {
    NativeError::missing("account", &id.to_string())
}

/// An account as its owner sees it. Its signing key is read, as Mailgun's is, by
/// `GET /v5/accounts/http_signing_key`.
fn shown(app: &App, account: &Account) -> api::OwnAccount {
    api::OwnAccount {
        id: account.id,
        name: account.name.clone(),
        public_url: app.settings.public_url.clone(),
        created_at: account.created_at.into(),
    }
}
