//! Accounts: the tenants of this server, for whoever runs it.

use warp::Filter;
use warp::http::StatusCode;
use warp::reply::Response;
use waypost_compat::{Dialect, Secret};

use super::error::ApiError;
use super::json::{Fields, answer};
use super::keys::{self, Fresh};
use crate::api;
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
    let key = keys::issued(&key, text);
    Ok(answer(StatusCode::CREATED, &api::CreatedAccount { account: shown(&account), key }))
}

async fn list(credentials: Credentials, app: App) -> Result<Response, ApiError> {
    app.operator(&credentials).await?;
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
