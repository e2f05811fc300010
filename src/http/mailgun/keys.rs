//! `/v1/keys`: the account's Mailgun keys (`spec/mailgun-api.md` §3.3).

use std::time::Duration;

use super::answer::{Answered, MailgunError, Message, ok};
use super::form::Form;
use super::{MANAGE_ACCOUNT, READ_ACCOUNT, route};
use crate::http::App;
use crate::http::call::Call;
use crate::http::caller::Principal;
use crate::http::generate;
use crate::http::routes::Route;
use crate::model::{DomainName, Key, KeyHash, KeyId, Scope, Timestamp};
use crate::store::Added;
use serde::Serialize;
use waypost_compat::Dialect;

/// The collection and its items.
pub(super) fn routes() -> Vec<Route> {
    vec![
        route("GET /v1/keys", READ_ACCOUNT, list),
        route("POST /v1/keys", MANAGE_ACCOUNT, create),
        route("DELETE /v1/keys/{id}", MANAGE_ACCOUNT, remove),
    ]
}

async fn list(caller: Principal, call: Call, app: App) -> Answered {
    let form = Form::of(&call, &app).await?;
    let (domain, kind) = (form.one("domain_name"), form.one("kind"));
    let wanted = |key: &Key| {
        let own = key.domain.as_ref().map(DomainName::as_str);
        key.dialect == Dialect::Mailgun
            && domain.is_none_or(|domain| own.is_some_and(|own| own.eq_ignore_ascii_case(domain)))
            && kind.is_none_or(|kind| kind_and_role(key).0 == kind)
    };
    let keys = app.directory.keys(caller.account).await?;
    let items: Vec<_> = keys.iter().filter(|key| wanted(key)).map(ShownKey::of).collect();
    ok(&List { total_count: items.len(), items })
}

/// Makes a key of the new style; this answer is the only one that shows it.
async fn create(caller: Principal, call: Call, app: App) -> Answered {
    let form = Form::of(&call, &app).await?;
    let (kind, role) = asked(&form)?;
    let domain = match form.one("domain_name") {
        Some(name) => Some(caller.domain_named(name, &app).await?.name),
        None if kind == "domain" => return Err(MailgunError::missing("domain_name")),
        None => None,
    };
    let now = app.clock.now();
    let expires_at = match form.number("expiration")? {
        None | Some(0) => None,
        Some(seconds) => Some(now.plus(Duration::from_secs(seconds))),
    };
    let secret = generate::api_key(Dialect::Mailgun, &app.clock);
    let key = Key {
        id: KeyId::timed(now, app.clock.random()),
        hash: KeyHash::of(&secret),
        account: caller.account,
        dialect: Dialect::Mailgun,
        domain,
        scope: scope(role),
        description: form.one("description").map(str::to_owned),
        mailgun_role: Some((kind.to_owned(), role.to_owned())),
        created_at: now,
        expires_at,
    };
    let shown = ShownKey { secret: Some(&secret), ..ShownKey::of(&key) };
    let created = ok(&Created { message: "great success", key: shown });
    match app.directory.add_key(key).await? {
        Added::Added => created,
        Added::Taken => Err(MailgunError::conflict("another key has this secret; try again")),
    }
}

async fn remove(caller: Principal, call: Call, app: App) -> Answered {
    let unknown = || MailgunError::not_found("no key matching id");
    let id: KeyId = call.parameter("id").parse().map_err(|_| unknown())?;
    // Only this dialect's keys are to be seen here, so only they can be removed.
    let keys = app.directory.keys(caller.account).await?;
    let ours = keys.iter().any(|key| key.id == id && key.dialect == Dialect::Mailgun);
    if !ours || !app.directory.remove_key(caller.account, id).await? {
        return Err(unknown());
    }
    ok(&Message { message: "key deleted" })
}

const KINDS: [&str; 3] = ["domain", "user", "web"];
const ROLES: [&str; 6] = ["admin", "basic", "sending", "developer", "support", "analyst"];

fn asked(form: &Form) -> Result<(&'static str, &'static str), MailgunError> {
    let of = |name: &str, text: &str, words: &[&'static str]| {
        let known = words.iter().find(|word| **word == text).copied();
        known.ok_or_else(|| MailgunError::invalid(name, text))
    };
    let role = of("role", form.required("role")?, &ROLES)?;
    let kind = of("kind", form.one("kind").unwrap_or("user"), &KINDS)?;
    Ok((kind, role))
}

/// The rights of a role here (§4): `sending` keys may only send mail, `support` and `analyst` read.
fn scope(role: &str) -> Scope {
    match role {
        "sending" => Scope::Send,
        "support" | "analyst" => Scope::Read,
        _ => Scope::Manage,
    }
}

/// Keys that were not made through this API have neither kind nor role; their scope stands in.
fn kind_and_role(key: &Key) -> (&str, &str) {
    if let Some((kind, role)) = &key.mailgun_role {
        return (kind, role);
    }
    let kind = if key.domain.is_some() { "domain" } else { "user" };
    let role = match key.scope {
        Scope::Manage => "admin",
        Scope::Read => "support",
        Scope::Send => "sending",
    };
    (kind, role)
}

#[derive(Serialize)]
struct List<'a> {
    total_count: usize,
    items: Vec<ShownKey<'a>>,
}

#[derive(Serialize)]
struct Created<'a> {
    message: &'static str,
    key: ShownKey<'a>,
}

/// A key. Absent times are empty texts: Mailgun's Go SDK fails on `null`.
#[derive(Serialize)]
struct ShownKey<'a> {
    id: KeyId,
    description: &'a str,
    kind: &'a str,
    role: &'a str,
    created_at: String,
    updated_at: String,
    expires_at: String,
    domain_name: &'a str,
    is_disabled: bool,
    requestor: &'static str,
    user_name: &'static str,
    /// The key itself, only in the answer to its making.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'a str>,
}

impl<'a> ShownKey<'a> {
    fn of(key: &'a Key) -> Self {
        let (kind, role) = kind_and_role(key);
        Self {
            id: key.id,
            description: key.description.as_deref().unwrap_or_default(),
            kind,
            role,
            created_at: zoneless(key.created_at),
            updated_at: zoneless(key.created_at),
            expires_at: key.expires_at.map(zoneless).unwrap_or_default(),
            domain_name: key.domain.as_ref().map(DomainName::as_str).unwrap_or_default(),
            is_disabled: false,
            requestor: "",
            user_name: "",
            secret: None,
        }
    }
}

/// `2026-01-15T10:00:00`: this API alone writes times without a zone.
fn zoneless(at: Timestamp) -> String {
    let seconds = Timestamp::from_millis(at.seconds().saturating_mul(1000));
    seconds.rfc3339().trim_end_matches('Z').to_owned()
}
