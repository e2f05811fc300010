//! The story of a request: judge its key, parse, ask the store, answer.

use warp::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use warp::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use warp::reply::Response;

use super::endpoint::{self, Verb};
use super::log::{self, Log};
use super::rows::Rows;
use super::{Api, Done, Fields, Problem};
use crate::http::App;
use crate::http::auth::{Presented, Principal};
use crate::http::call::Call;
use crate::http::route::Segment;
use crate::model::{Scope, WebhookScope};

/// The media type of every answer that succeeds.
pub(super) const JSON: &str = "application/json; charset=utf-8";

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Answers a request in a dialect, whatever becomes of it. `below` is the path below the
/// collection, `presented` the one credential that may authenticate.
pub(in crate::http) async fn answer(
    api: &dyn Api,
    below: &[Segment],
    call: Call,
    presented: Option<Presented>,
    app: App,
) -> Response {
    let request_id = format!("req_{}", app.clock.random_hex::<12>());
    let mut response = match perform(api, below, call, presented, &app).await {
        Ok((status, body)) => respond(status, body, JSON),
        Err(problem) => {
            let (status, body) = api.error_body(&problem, &request_id);
            let mut response = respond(status, Some(body), api.refusal_type());
            explain(response.headers_mut(), status, &problem);
            response
        }
    };
    let headers = response.headers_mut();
    // Answers show secrets and belong to one key.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REQUEST_ID, text(&request_id));
    response
}

/// The standard reason phrase of a status.
pub(in crate::http) fn reason(status: u16) -> &'static str {
    let status = StatusCode::from_u16(status).ok();
    status.and_then(|status| status.canonical_reason()).unwrap_or("Error")
}

fn respond(status: u16, body: Option<String>, media_type: &'static str) -> Response {
    let mut response = Response::default();
    if let Some(body) = body {
        response = Response::new(body.into());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    }
    *response.status_mut() =
        StatusCode::from_u16(status).expect("dialects name statuses that exist");
    response
}

/// The headers that HTTP itself asks for beside an error.
fn explain(headers: &mut HeaderMap, status: u16, problem: &Problem) {
    match (status, problem) {
        (401, _) => {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        (405, Problem::MethodNotAllowed { allow, .. }) => {
            headers.insert(ALLOW, text(allow));
        }
        (503, _) => {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        _ => {}
    }
}

fn text(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).expect("our own words are ASCII")
}

async fn perform(
    api: &dyn Api,
    below: &[Segment],
    call: Call,
    presented: Option<Presented>,
    app: &App,
) -> Result<(u16, Option<String>), Problem> {
    let principal = judge_key(api, &call, presented, app).await?;
    let below: Vec<&str> = below.iter().map(|part| &**part).collect();
    let (verb, id) = endpoint::find(api, &call.method, &below)?;
    let scope = WebhookScope {
        account: principal.account,
        domain: principal.domain,
        dialect: api.dialect(),
    };
    let rows = Rows { app, scope, api };
    Ok(match verb {
        Verb::List => api.success_body(&Done::Listed(&rows.list().await?)),
        Verb::Create => {
            let draft = api.draft(&Fields::read(call.body)?)?;
            api.success_body(&Done::Created(&rows.create(draft).await?))
        }
        Verb::Show => {
            let webhook = rows.find(id).await?;
            api.success_body(&Done::Shown(&webhook, &rows.stats(&webhook).await?))
        }
        Verb::Update => {
            let found = rows.find(id).await?;
            let patch = api.patch(&Fields::read(call.body)?)?;
            let webhook = rows.update(&found, patch).await?;
            api.success_body(&Done::Updated(&webhook, &rows.stats(&webhook).await?))
        }
        Verb::Remove => {
            rows.remove(id).await?;
            api.success_body(&Done::Removed)
        }
        Verb::Test => {
            let webhook = rows.find(id).await?;
            let tester = app.tester.as_ref().ok_or(Problem::NoTester)?;
            api.success_body(&Done::Tested(&tester.test(&webhook).await))
        }
        Verb::RotateSecret => {
            let found = rows.find(id).await?;
            api.success_body(&Done::Rotated(&rows.rotate_secret(&found).await?))
        }
        Verb::Deliveries => {
            let webhook = rows.find(id).await?;
            let limit = log::limit(&call.query)?;
            api.success_body(&Done::Deliveries(&Log(&rows).of(&webhook, limit).await?))
        }
        Verb::Replay => {
            Log(&rows).replay(id).await?;
            api.success_body(&Done::Replayed)
        }
    })
}

/// Who asks, if it is somebody who may: with a key of this dialect that manages, whose domain is
/// still there.
async fn judge_key(
    api: &dyn Api,
    call: &Call,
    presented: Option<Presented>,
    app: &App,
) -> Result<Principal, Problem> {
    let none = || Problem::NoCredential { expected: api.credential() };
    let Presented { key, principal } =
        presented.filter(|presented| !presented.key.is_empty()).ok_or_else(none)?;
    api.check_key(&key, &call.credentials)?;
    let principal = principal?.ok_or(Problem::WrongCredential)?;
    if principal.dialect != api.dialect() {
        return Err(Problem::WrongCredential);
    }
    if let Some(domain) = &principal.domain
        && app.directory.domain(principal.account, domain).await?.is_none()
    {
        return Err(Problem::WrongCredential);
    }
    api.authorize(&principal, &call.credentials)?;
    match principal.scope {
        Scope::Manage => Ok(principal),
        Scope::Read | Scope::Send => Err(Problem::Forbidden),
    }
}
