//! Accounts: the tenants of this server, for whoever runs it.

use http::StatusCode;
use waypost_compat::{Dialect, Secret};

use super::json::JsonObject;
use super::keys::{self, Fresh};
use super::{OPERATOR, route};
use crate::api;
use crate::http::App;
use crate::http::call::Call;
use crate::http::caller::Principal;
use crate::http::native_error::NativeError;
use crate::http::reply::{Response, answer};
use crate::http::routes::Route;
use crate::model::{Account, AccountId, Scope};

pub(super) fn routes() -> Vec<Route> {
    vec![
        route("POST /waypost/v1/accounts", OPERATOR, create),
        route("GET /waypost/v1/accounts", OPERATOR, list),
    ]
}

/// A new account, and the first key to it. Its signing key is drawn here and read, as Mailgun's
/// is, by `GET /v5/accounts/http_signing_key`.
async fn create(_: Principal, call: Call, app: App) -> Result<Response, NativeError> {
    let fields = JsonObject::read(&call.body(app.settings.body_bytes_max).await?, &["name"])?;
    let name = fields.label("name")?.filter(|name| !name.trim().is_empty());
    let name = name.ok_or_else(|| NativeError::invalid("name", "expected a name, found none"))?;
    let now = app.clock.now();
    let account = Account {
        id: AccountId::timed(now, app.clock.random()),
        name,
        signing_key: Secret::new(format!("key-{}", app.clock.random_hex::<16>())),
        created_at: now,
    };
    let scope = Scope::Manage;
    let fresh = Fresh { account: account.id, dialect: Dialect::Mailgun, domain: None, scope };
    let (key, text) = app.generate_key(fresh, Some("first key".to_owned()));
    app.directory.create_account(account.clone(), Some(key.clone())).await?;
    let key = keys::issued(&key, text);
    Ok(answer(StatusCode::CREATED, &api::CreatedAccount { account: shown(&account), key }))
}

async fn list(_: Principal, _: Call, app: App) -> Result<Response, NativeError> {
    let accounts = app.directory.accounts().await?;
    Ok(answer(StatusCode::OK, &accounts.iter().map(shown).collect::<api::Items<_>>()))
}

fn shown(account: &Account) -> api::Account {
    api::Account {
        id: account.id,
        name: account.name.clone(),
        created_at: account.created_at.into(),
    }
}
