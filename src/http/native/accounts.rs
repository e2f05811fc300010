//! Accounts: the tenants of this server, for whoever runs it.

use serde_json::{Value, json};
use warp::Filter;
use warp::http::StatusCode;
use warp::reply::Response;
use waypost_compat::{Dialect, Secret};

use super::error::ApiError;
use super::json::{Fields, answer};
use super::keys::{self, Fresh};
use crate::http::auth::credentials;
use crate::http::body::body;
use crate::http::route::{route, with};
use crate::http::{App, Body, BodyError, Credentials, Route};
use crate::model::{Account, AccountId, Scope};

pub(super) fn routes(app: &App) -> Vec<Route> {
    let all = warp::path!("accounts");
    vec![
        route(all.and(warp::post()).and(body(app)).and(credentials()).and(with(app)).then(create)),
        route(all.and(warp::get()).and(credentials()).and(with(app)).then(list)),
    ]
}

/// A new account, and the first key to it. Its signing key is drawn here and read, as Mailgun's
/// is, by `GET /v5/accounts/http_signing_key`.
async fn create(
    body: Result<Body, BodyError>,
    credentials: Credentials,
    app: App,
) -> Result<Response, ApiError> {
    app.operator(&credentials).await?;
    let fields = Fields::read(body, &["name"])?;
    let name = fields.label("name")?.filter(|name| !name.trim().is_empty());
    let name = name.ok_or_else(|| ApiError::invalid("name", "expected a name, found none"))?;
    let now = app.clock.now();
    let account = Account {
        id: AccountId::timed(now, app.clock.random()),
        name,
        signing_key: Secret::new(format!("key-{}", app.clock.random_hex::<16>())),
        created_at: now,
    };
    let scope = Scope::Manage;
    let fresh = Fresh { account: account.id, dialect: Dialect::Mailgun, domain: None, scope };
    let (key, text) = app.forge(fresh, Some("first key".to_owned()));
    app.directory.create_account(account.clone(), Some(key.clone())).await?;
    let mut shown = shown(&account);
    shown["key"] = keys::shown(&key);
    shown["key"]["key"] = json!(text);
    Ok(answer(StatusCode::CREATED, &shown))
}

async fn list(credentials: Credentials, app: App) -> Result<Response, ApiError> {
    app.operator(&credentials).await?;
    let accounts = app.directory.accounts().await?;
    let items: Vec<Value> = accounts.iter().map(shown).collect();
    Ok(answer(StatusCode::OK, &json!({ "items": items })))
}

fn shown(account: &Account) -> Value {
    json!({
        "id": account.id,
        "name": account.name,
        "created_at": account.created_at.rfc3339(),
    })
}
