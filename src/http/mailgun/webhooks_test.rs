//! `PUT /v3/domains/{d}/webhooks/{name}/test`: a test event, sent while the client waits
//! (`spec/mailgun-api.md` §1.8). Deprecated at Mailgun and undocumented there; its JavaScript SDK
//! still has it.

use serde::Serialize;
use waypost_compat::mailgun;

use super::answer::{Answered, MailgunError, ok};
use super::form::Form;
use super::plan::{self, NewWebhooks};
use super::webhooks_v3::parsed;
use super::{MANAGE, route};
use crate::http::call::Call;
use crate::http::caller::Principal;
use crate::http::routes::Route;
use crate::http::{App, TestAnswer};

/// The one path.
pub(super) fn routes() -> Vec<Route> {
    vec![route("PUT /{v3|v2}/domains/{domain}/webhooks/{name}/test", MANAGE, test)]
}

/// Calls the URL given, registered or not; without one, the first that the event name has.
async fn test(caller: Principal, call: Call, app: App) -> Answered {
    let scope = caller.scope(&call, &app).await?;
    let not_found = || MailgunError::not_found("Webhook not found");
    let name = mailgun::canonical(&call.parameter("name")).ok_or_else(not_found)?;
    let form = Form::of(&call, &app).await?;
    let url = match form.all("url").next() {
        Some(text) => parsed(text)?,
        None => {
            let urls = plan::urls(&app.directory.webhooks(&scope).await?, name);
            urls.into_iter().next().ok_or_else(not_found)?
        }
    };
    let webhook = NewWebhooks::new(&app, scope, 1).webhook(0, &url, &[name]);
    let answer = match &app.tester {
        Some(tester) => tester.test(&webhook).await,
        None => TestAnswer { status: 0, body: "this server sends no test events".to_owned() },
    };
    ok(&Tested { code: answer.status, message: &answer.body })
}

/// A receiver's answer to a test event.
#[derive(Serialize)]
struct Tested<'a> {
    code: u16,
    message: &'a str,
}
