//! `PUT /v3/domains/{d}/webhooks/{name}/test`: a test event, sent while the client waits
//! (`spec/mailgun-api.md` §1.8). Deprecated at Mailgun and undocumented there; its JavaScript SDK
//! still has it.

use serde::Serialize;
use warp::Filter;
use warp::http::Method;
use warp::reply::Response;
use waypost_compat::mailgun;

use super::answer::{Answered, Refusal, ok, other_method};
use super::caller::Caller;
use super::form::Form;
use super::plan::{self, Mint};
use super::webhooks_v3::parsed;
use crate::http::call::{Call, call};
use crate::http::route::{Route, Segment, one_of, route, with};
use crate::http::{App, TestAnswer};

/// The one path.
pub(super) fn routes(app: &App) -> Vec<Route> {
    let test =
        one_of(&["v3", "v2"]).and(warp::path!("domains" / Segment / "webhooks" / Segment / "test"));
    vec![route(test.and(call(app)).and(with(app)).then(one))]
}

async fn one(domain: Segment, name: Segment, call: Call, app: App) -> Response {
    let answered = match call.method {
        Method::PUT => test(&domain, &name, &call, &app).await,
        _ => other_method(&call, "PUT"),
    };
    call.respond(answered)
}

/// Calls the URL given, registered or not; without one, the first that the event name has.
async fn test(domain: &str, name: &str, call: &Call, app: &App) -> Answered {
    let scope = Caller::of(call, app).await?.scope(domain, app).await?;
    let not_found = || Refusal::not_found("Webhook not found");
    let name = mailgun::canonical(name).ok_or_else(not_found)?;
    let form = Form::of(call).await?;
    let url = match form.all("url").next() {
        Some(text) => parsed(text)?,
        None => {
            let urls = plan::urls(&app.directory.webhooks(&scope).await?, name);
            urls.into_iter().next().ok_or_else(not_found)?
        }
    };
    let webhook = Mint::new(app, scope, 1).webhook(0, &url, &[name]);
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
