//! `/v3/domains/{d}/tracking`: open, click and unsubscribe tracking (`spec/mailgun-api.md` §3.2).
//! Terraform reads it at every refresh. Kept as written; nothing is tracked here.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use super::{change, settings};
use crate::http::App;
use crate::http::call::Call;
use crate::http::caller::Principal;
use crate::http::mailgun::answer::{Answered, MailgunError, ok};
use crate::http::mailgun::form::Form;
use crate::http::mailgun::{MANAGE, READ, route};
use crate::http::routes::Route;
use crate::model::Domain;

/// All three at once, and each.
pub(super) fn routes() -> Vec<Route> {
    vec![
        route("GET /{v3|v4|v2}/domains/{domain}/tracking", READ, show),
        route("PUT /{v3|v4|v2}/domains/{domain}/tracking/open", MANAGE, |caller, call, app| {
            update(Part::Open, caller, call, app)
        }),
        route("PUT /{v3|v4|v2}/domains/{domain}/tracking/click", MANAGE, |caller, call, app| {
            update(Part::Click, caller, call, app)
        }),
        route(
            "PUT /{v3|v4|v2}/domains/{domain}/tracking/unsubscribe",
            MANAGE,
            |caller, call, app| update(Part::Unsubscribe, caller, call, app),
        ),
    ]
}

/// A thing that can be tracked.
#[derive(Debug, Clone, Copy)]
enum Part {
    Open,
    Click,
    Unsubscribe,
}

const HTML_FOOTER: &str = "\n<br>\n<p><a href=\"%unsubscribe_url%\">unsubscribe</a></p>\n";
const TEXT_FOOTER: &str = "\n\nTo unsubscribe click: <%unsubscribe_url%>\n\n";

impl Part {
    const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Click => "click",
            Self::Unsubscribe => "unsubscribe",
        }
    }

    /// Mailgun's defaults, texts included (recorded).
    fn default(self) -> Value {
        match self {
            Self::Open => Value::from_iter([("active", false), ("place_at_the_top", false)]),
            Self::Click => Value::from_iter([("active", false)]),
            Self::Unsubscribe => Value::from_iter([
                ("active", Value::from(false)),
                ("html_footer", Value::from(HTML_FOOTER)),
                ("text_footer", Value::from(TEXT_FOOTER)),
            ]),
        }
    }

    /// Reads it from a domain's settings, or Mailgun's default.
    fn of(self, settings: &Map<String, Value>) -> Value {
        let kept = settings.get("tracking").and_then(|tracking| tracking.get(self.name()));
        kept.cloned().unwrap_or_else(|| self.default())
    }

    /// Changes it as a form says.
    fn changed(self, mut part: Value, form: &Form) -> Result<Value, MailgunError> {
        match self {
            Self::Click if form.one("active") == Some("htmlonly") => {
                part["active"] = "htmlonly".into();
            }
            Self::Open | Self::Click | Self::Unsubscribe => {
                if let Some(active) = form.flag("active")? {
                    part["active"] = active.into();
                }
            }
        }
        if let (Self::Open, Some(top)) = (self, form.flag("place_at_the_top")?) {
            part["place_at_the_top"] = top.into();
        }
        if let Self::Unsubscribe = self {
            for footer in ["html_footer", "text_footer"] {
                if let Some(text) = settings::text(form, footer)? {
                    part[footer] = text;
                }
            }
        }
        Ok(part)
    }
}

async fn show(caller: Principal, call: Call, app: App) -> Answered {
    let domain: Domain = caller.domain_at(&call, &app).await?;
    ok(&WithTracking {
        tracking: Tracking {
            open: Part::Open.of(&domain.settings),
            click: Part::Click.of(&domain.settings),
            unsubscribe: Part::Unsubscribe.of(&domain.settings),
            web_scheme: settings::of(&domain, "web_scheme"),
        },
    })
}

async fn update(part: Part, caller: Principal, call: Call, app: App) -> Answered {
    let domain = caller.domain_at(&call, &app).await?;
    let form = Form::of(&call, &app).await?;
    let domain = change(&caller, &domain.name, &app, |settings| {
        let new = part.changed(part.of(settings), &form)?;
        let tracking = settings.entry("tracking").or_insert_with(|| Map::new().into());
        tracking[part.name()] = new;
        Ok(())
    });
    let domain = domain.await?;
    ok(&Updated {
        message: "Domain tracking settings have been updated",
        part: BTreeMap::from([(part.name(), part.of(&domain.settings))]),
    })
}

#[derive(Serialize)]
struct WithTracking {
    tracking: Tracking,
}

#[derive(Serialize)]
struct Tracking {
    open: Value,
    click: Value,
    unsubscribe: Value,
    web_scheme: Value,
}

#[derive(Serialize)]
struct Updated {
    message: &'static str,
    /// The one that was changed, under its name.
    #[serde(flatten)]
    part: BTreeMap<&'static str, Value>,
}
