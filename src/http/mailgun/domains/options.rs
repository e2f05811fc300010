//! The single settings of a domain that have a path of their own: connection, DKIM selector and
//! authority, web prefix (`spec/mailgun-api.md` §3.2). Kept as written.

use serde::Serialize;
use serde_json::{Map, Value};

use super::{change, settings};
use crate::http::App;
use crate::http::call::Call;
use crate::http::caller::Principal;
use crate::http::mailgun::answer::{Answered, MailgunError, Message, ok};
use crate::http::mailgun::form::Form;
use crate::http::mailgun::{MANAGE, READ, route};
use crate::http::routes::Route;
use crate::model::{DnsUse, Domain};

/// The four paths.
pub(super) fn routes() -> Vec<Route> {
    vec![
        route("GET /{v3|v4|v2}/domains/{domain}/connection", READ, show_connection),
        route("PUT /{v3|v4|v2}/domains/{domain}/connection", MANAGE, set_connection),
        route("PUT /{v3|v4|v2}/domains/{domain}/dkim_selector", MANAGE, set_dkim_selector),
        route("PUT /{v3|v4|v2}/domains/{domain}/dkim_authority", MANAGE, set_dkim_authority),
        route("PUT /{v3|v4|v2}/domains/{domain}/web_prefix", MANAGE, set_web_prefix),
    ]
}

async fn show_connection(caller: Principal, call: Call, app: App) -> Answered {
    let domain = caller.domain_at(&call, &app).await?;
    ok(&WithConnection::of(None, &domain))
}

/// The flags nested for the Go, PHP and Java clients, and flat as Mailgun answers today
/// (`spec/mailgun-pull.md` §7.2).
#[derive(Serialize)]
struct WithConnection {
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
    connection: Connection,
    #[serde(flatten)]
    flat: Connection,
}

#[derive(Clone, Serialize)]
struct Connection {
    require_tls: Value,
    skip_verification: Value,
}

impl WithConnection {
    fn of(message: Option<&'static str>, domain: &Domain) -> Self {
        let connection = Connection {
            require_tls: settings::of(domain, "require_tls"),
            skip_verification: settings::of(domain, "skip_verification"),
        };
        Self { message, connection: connection.clone(), flat: connection }
    }
}

async fn set_connection(caller: Principal, call: Call, app: App) -> Answered {
    let domain = caller.domain_at(&call, &app).await?;
    let form = Form::of(&call, &app).await?;
    let mut given = Vec::new();
    for flag in ["require_tls", "skip_verification"] {
        given.extend(form.flag(flag)?.map(|value| (flag, value)));
    }
    let domain = change(&caller, &domain.name, &app, |settings| {
        for (flag, value) in &given {
            settings.insert((*flag).to_owned(), Value::Bool(*value));
        }
        Ok(())
    });
    let message =
        "Domain connection settings have been updated, may take 10 minutes to fully propagate";
    ok(&WithConnection::of(Some(message), &domain.await?))
}

async fn set_dkim_selector(caller: Principal, call: Call, app: App) -> Answered {
    set_text("dkim_selector", &caller, &call, &app).await?;
    ok(&Message { message: "DKIM selector changed" })
}

async fn set_web_prefix(caller: Principal, call: Call, app: App) -> Answered {
    set_text("web_prefix", &caller, &call, &app).await?;
    ok(&Message { message: "Domain web prefix updated" })
}

/// Sets the one text that a path is for, under the same name.
async fn set_text(
    setting: &'static str,
    caller: &Principal,
    call: &Call,
    app: &App,
) -> Result<(), MailgunError> {
    let domain = caller.domain_at(call, app).await?;
    let form = Form::of(call, app).await?;
    let value = settings::text(&form, setting)?.ok_or_else(|| MailgunError::missing(setting))?;
    let set = |settings: &mut Map<String, Value>| {
        settings.insert(setting.to_owned(), value.clone());
        Ok(())
    };
    change(caller, &domain.name, app, set).await?;
    Ok(())
}

async fn set_dkim_authority(caller: Principal, call: Call, app: App) -> Answered {
    let domain = caller.domain_at(&call, &app).await?;
    let before = settings::of(&domain, "dkim_authority");
    let own =
        Form::of(&call, &app).await?.flag("self")?.ok_or_else(|| MailgunError::missing("self"))?;
    let set = |settings: &mut Map<String, Value>| {
        settings.insert("dkim_authority".to_owned(), Value::Bool(own));
        Ok(())
    };
    let domain = change(&caller, &domain.name, &app, set).await?;
    let changed = before != Value::Bool(own);
    let message = match changed {
        true => "Domain DKIM authority has been changed",
        false => "Domain DKIM authority has not been changed",
    };
    let sending_dns_records = domain.dns_records(DnsUse::Sending);
    ok(&DkimAuthority { message, sending_dns_records, changed })
}

#[derive(Serialize)]
struct DkimAuthority {
    message: &'static str,
    sending_dns_records: Value,
    changed: bool,
}
