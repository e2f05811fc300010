//! The single settings of a domain that have a path of their own: connection, DKIM selector and
//! authority, web prefix (`spec/mailgun-api.md` §3.2). Kept as written.

use serde::Serialize;
use serde_json::{Map, Value};
use warp::Filter;
use warp::http::Method;
use warp::reply::Response;

use super::{below, change, settings};
use crate::http::App;
use crate::http::call::Call;
use crate::http::mailgun::answer::{Answered, Message, Refusal, ok, other_method};
use crate::http::mailgun::caller::Caller;
use crate::http::mailgun::form::Form;
use crate::http::route::{Route, Segment, route};
use crate::model::{DnsUse, Domain};

/// The four paths.
pub(super) fn routes(app: &App) -> Vec<Route> {
    vec![
        route(below(app, warp::path!("connection").boxed()).then(connection)),
        route(below(app, warp::path!("dkim_selector").boxed()).then(dkim_selector)),
        route(below(app, warp::path!("dkim_authority").boxed()).then(dkim_authority)),
        route(below(app, warp::path!("web_prefix").boxed()).then(web_prefix)),
    ]
}

async fn connection(name: Segment, call: Call, app: App) -> Response {
    let answered = match call.method {
        Method::GET => show_connection(&name, &call, &app).await,
        Method::PUT => set_connection(&name, &call, &app).await,
        _ => other_method(&call, "GET, PUT"),
    };
    call.respond(answered)
}

async fn dkim_selector(name: Segment, call: Call, app: App) -> Response {
    let answered = match call.method {
        Method::PUT => {
            let set = set_text(&name, "dkim_selector", &call, &app).await;
            set.and_then(|()| ok(&Message { message: "DKIM selector changed" }))
        }
        _ => other_method(&call, "PUT"),
    };
    call.respond(answered)
}

async fn dkim_authority(name: Segment, call: Call, app: App) -> Response {
    let answered = match call.method {
        Method::PUT => set_dkim_authority(&name, &call, &app).await,
        _ => other_method(&call, "PUT"),
    };
    call.respond(answered)
}

async fn web_prefix(name: Segment, call: Call, app: App) -> Response {
    let answered = match call.method {
        Method::PUT => {
            let set = set_text(&name, "web_prefix", &call, &app).await;
            set.and_then(|()| ok(&Message { message: "Domain web prefix updated" }))
        }
        _ => other_method(&call, "PUT"),
    };
    call.respond(answered)
}

async fn show_connection(name: &str, call: &Call, app: &App) -> Answered {
    let domain = Caller::of(call, app).await?.domain(name, app).await?;
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

async fn set_connection(name: &str, call: &Call, app: &App) -> Answered {
    let caller = Caller::of(call, app).await?;
    caller.domain(name, app).await?;
    let form = Form::of(call).await?;
    let mut given = Vec::new();
    for flag in ["require_tls", "skip_verification"] {
        given.extend(form.flag(flag)?.map(|value| (flag, value)));
    }
    let domain = change(&caller, name, app, |settings| {
        for (flag, value) in &given {
            settings.insert((*flag).to_owned(), Value::Bool(*value));
        }
        Ok(())
    });
    let message =
        "Domain connection settings have been updated, may take 10 minutes to fully propagate";
    ok(&WithConnection::of(Some(message), &domain.await?))
}

/// Sets the one text that a path is for, under the same name.
async fn set_text(
    name: &str,
    setting: &'static str,
    call: &Call,
    app: &App,
) -> Result<(), Refusal> {
    let caller = Caller::of(call, app).await?;
    caller.domain(name, app).await?;
    let form = Form::of(call).await?;
    let value = settings::text(&form, setting)?.ok_or_else(|| Refusal::missing(setting))?;
    let set = |settings: &mut Map<String, Value>| {
        settings.insert(setting.to_owned(), value.clone());
        Ok(())
    };
    change(&caller, name, app, set).await?;
    Ok(())
}

async fn set_dkim_authority(name: &str, call: &Call, app: &App) -> Answered {
    let caller = Caller::of(call, app).await?;
    let before = settings::of(&caller.domain(name, app).await?, "dkim_authority");
    let own = Form::of(call).await?.flag("self")?.ok_or_else(|| Refusal::missing("self"))?;
    let set = |settings: &mut Map<String, Value>| {
        settings.insert("dkim_authority".to_owned(), Value::Bool(own));
        Ok(())
    };
    let domain = change(&caller, name, app, set).await?;
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
