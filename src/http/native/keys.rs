//! Keys: what opens each dialect's API. A key is shown once, by the answer that makes it.

use super::json::JsonObject;
use super::{MANAGER, route};
use crate::api;
use crate::behaviour::Behaviour;
use crate::http::App;
use crate::http::call::Call;
use crate::http::caller::Principal;
use crate::http::generate;
use crate::http::native_error::NativeError;
use crate::http::reply::{Response, answer, no_content};
use crate::http::routes::Route;
use crate::model::{AccountId, DomainName, Key, KeyHash, KeyId, Scope};
use crate::store::Added;
use http::StatusCode;
use waypost_compat::Dialect;

pub(super) fn routes() -> Vec<Route> {
    vec![
        route("POST /waypost/v1/keys", MANAGER, create),
        route("GET /waypost/v1/keys", MANAGER, list),
        route("DELETE /waypost/v1/keys/{id}", MANAGER, remove),
    ]
}

async fn create(manager: Principal, call: Call, app: App) -> Result<Response, NativeError> {
    let fields = JsonObject::read(
        &call.body(app.settings.body_bytes_max).await?,
        &["dialect", "domain", "scope", "description"],
    )?;
    let dialect = fields.dialect()?;
    let domain = match fields.optional::<String>("domain", "the name of a domain")? {
        Some(name) => Some(app.domain_of(&manager, &name).await?.name),
        None => unbound(&manager)?,
    };
    let scope = fields.optional("scope", "`manage`, `read` or `send`")?.unwrap_or(Scope::Manage);
    let fresh = Fresh { account: manager.account, dialect, domain, scope };
    let (key, text) = app.issue(fresh, fields.label("description")?).await?;
    Ok(answer(StatusCode::CREATED, &issued(&key, text)))
}

/// Somebody who manages one domain makes no keys for all of them.
fn unbound(manager: &Principal) -> Result<Option<DomainName>, NativeError> {
    match manager.domain.as_ref() {
        None => Ok(None),
        Some(own) => Err(NativeError::forbidden(format!(
            "this key manages {own} only, so it can make keys for it only: add `\"domain\":\"{own}\"`"
        ))),
    }
}

async fn list(manager: Principal, _: Call, app: App) -> Result<Response, NativeError> {
    let keys = app.directory.keys(manager.account).await?;
    let seen = keys.iter().filter(|key| within(&manager, key));
    Ok(answer(StatusCode::OK, &seen.map(shown).collect::<api::Items<_>>()))
}

async fn remove(manager: Principal, call: Call, app: App) -> Result<Response, NativeError> {
    let written = call.parameter("id");
    let missing = || NativeError::missing("key", &written);
    let id: KeyId = written.parse().map_err(|_| missing())?;
    let keys = app.directory.keys(manager.account).await?;
    if !keys.iter().any(|key| key.id == id && within(&manager, key)) {
        return Err(missing());
    }
    if id == manager.key {
        let message = "this is the key that you are using; remove it with another one";
        return Err(NativeError::new(StatusCode::CONFLICT, "key_in_use", message));
    }
    match app.directory.remove_key(manager.account, id).await? {
        true => Ok(no_content()),
        false => Err(missing()),
    }
}

/// Says whether a key opens nothing that the manager's own does not.
fn within(manager: &Principal, key: &Key) -> bool {
    match (manager.domain.as_ref(), &key.domain) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(_), Some(domain)) => manager.covers(domain),
    }
}

/// The reach of a new key.
pub(super) struct Fresh {
    /// The account.
    pub(super) account: AccountId,
    /// The API.
    pub(super) dialect: Dialect,
    /// One domain, or all of the account's.
    pub(super) domain: Option<DomainName>,
    /// The things that it may do there.
    pub(super) scope: Scope,
}

impl App {
    /// Makes a key and stores its hash; the text beside it is the only copy of the key itself.
    async fn issue(
        &self,
        fresh: Fresh,
        description: Option<String>,
    ) -> Result<(Key, String), NativeError> {
        let (key, text) = self.generate_key(fresh, description);
        match self.directory.add_key(key.clone()).await? {
            Added::Added => Ok((key, text)),
            Added::Taken => {
                let message = "another key came out the same; try again";
                Err(NativeError::new(StatusCode::CONFLICT, "taken", message))
            }
        }
    }

    /// Makes a key, and its text.
    pub(super) fn generate_key(&self, fresh: Fresh, description: Option<String>) -> (Key, String) {
        let text = generate::api_key(fresh.dialect, &self.clock);
        let now = self.clock.now();
        let key = Key {
            id: KeyId::timed(now, self.clock.random()),
            hash: KeyHash::of(&text),
            account: fresh.account,
            dialect: fresh.dialect,
            domain: fresh.domain,
            scope: fresh.scope,
            description,
            mailgun_role: None,
            created_at: now,
            expires_at: None,
        };
        (key, text)
    }
}

/// A key as it is listed: everything but the key.
fn shown(key: &Key) -> api::Key {
    let names_org = Behaviour::of(key.dialect).names_org;
    api::Key {
        id: key.id,
        dialect: key.dialect.into(),
        domain: key.domain.clone(),
        scope: key.scope.into(),
        description: key.description.clone(),
        created_at: key.created_at.into(),
        expires_at: key.expires_at.map(Into::into),
        org: names_org.then(|| generate::org(key.account, key.domain.as_ref())),
    }
}

/// A key in the answer that makes it, with its text.
pub(super) fn issued(key: &Key, text: String) -> api::IssuedKey {
    api::IssuedKey { listed: shown(key), key: text }
}
