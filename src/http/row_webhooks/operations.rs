//! The story of a request: parse, ask the store, tell.

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::log::{self, Log};
use super::rows::Rows;
use super::{APIS, Api, Done, Problem, RowFields, shorten};
use crate::http::App;
use crate::http::call::Call;
use crate::http::caller::{Demand, Denied, Principal};
use crate::http::reply::{Response, text};
use crate::http::routes::tree::{decoded, segments};
use crate::http::routes::{Rejected, Route, Section, Surface};
use crate::model::WebhookScope;

/// One of the things that can be asked of a dialect's webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Operation {
    /// Show every webhook.
    List,
    /// Make a new one.
    Create,
    /// Show one.
    Show,
    /// Change one.
    Update,
    /// Remove one.
    Remove,
    /// Call its receiver now.
    Test,
    /// Give it a new secret.
    RotateSecret,
    /// Show what was sent to it lately.
    Deliveries,
    /// Send a delivery again.
    Replay,
}

/// The media type of every answer that succeeds.
pub(super) const JSON: &str = "application/json; charset=utf-8";

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The APIs, each with its rows.
pub(in crate::http) fn sections() -> impl Iterator<Item = Section> {
    APIS.into_iter().map(section)
}

/// A dialect's rows. A key is demanded before it is told which paths there are.
fn section(api: &'static dyn Api) -> Section {
    let demand = Demand::manage(api.dialect());
    let route = |(asked, operation): &(&'static str, Operation)| {
        let operation = *operation;
        Route::keyed(asked, demand, move |principal, call, app| async move {
            let request_id = request_id(&app);
            let performed = perform(api, operation, principal, &call, &app).await;
            respond(api, performed, &request_id)
        })
    };
    let routes = api.operations().iter().map(route).collect();
    let rejected = move |rejected, call: &Call, app: &App| {
        respond(api, Err(problem(api, rejected, call)), &request_id(app))
    };
    let surface = Surface::Dialect(api.dialect());
    Section { unseen: Some(demand), ..Section::new(surface, routes, rejected) }
}

fn problem(api: &dyn Api, rejected: Rejected, call: &Call) -> Problem {
    // From the collection on: what stands before it is the same for everybody.
    let below = || {
        let parts: Vec<_> = segments(&call.path).map(decoded).collect();
        let begin = parts.iter().position(|part| part == "webhooks").unwrap_or_default();
        (shorten(call.method.as_str()), shorten(&parts[begin..].join("/")))
    };
    match rejected {
        Rejected::Credential(denied) => denial(api, denied),
        Rejected::Path => {
            let (method, path) = below();
            Problem::NoSuchRoute { method, path }
        }
        Rejected::Method { allow } => {
            let (method, path) = below();
            Problem::MethodNotAllowed { allow, method, path }
        }
    }
}

fn denial(api: &dyn Api, denied: Denied) -> Problem {
    match denied {
        Denied::Missing | Denied::User => Problem::NoCredential { expected: api.credential() },
        Denied::Form { prefix } => Problem::CredentialForm { prefix },
        Denied::NoOrganization => Problem::NoOrganization,
        Denied::Unknown | Denied::Dialect(_) => Problem::WrongCredential,
        Denied::WrongOrganization => Problem::WrongOrganization,
        Denied::Scope(_) | Denied::Bound(_) | Denied::NotOperator => Problem::Forbidden,
        Denied::Store(error) => error.into(),
    }
}

fn request_id(app: &App) -> String {
    format!("req_{}", app.clock.random_hex::<12>())
}

/// The whole response to a request that came to this.
fn respond(
    api: &dyn Api,
    performed: Result<(u16, Option<String>), Problem>,
    request_id: &str,
) -> Response {
    let mut response = match performed {
        Ok((status, body)) => rendered(status, body, JSON),
        Err(problem) => {
            let (status, body) = api.error_body(&problem, request_id);
            let mut response = rendered(status, Some(body), api.refusal_type());
            explain(response.headers_mut(), status, &problem);
            response
        }
    };
    let headers = response.headers_mut();
    // Answers show secrets and belong to one key.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REQUEST_ID, text(request_id));
    response
}

/// The standard reason phrase of a status.
pub(in crate::http) fn reason(status: u16) -> &'static str {
    let status = StatusCode::from_u16(status).ok();
    status.and_then(|status| status.canonical_reason()).unwrap_or("Error")
}

fn rendered(status: u16, body: Option<String>, media_type: &'static str) -> Response {
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

async fn perform(
    api: &dyn Api,
    operation: Operation,
    principal: Principal,
    call: &Call,
    app: &App,
) -> Result<(u16, Option<String>), Problem> {
    let scope = WebhookScope {
        account: principal.account,
        domain: principal.domain,
        dialect: api.dialect(),
    };
    let body_max = app.settings.body_bytes_max;
    let rows = Rows { app, scope, api };
    let id = &*call.optional_parameter("id").unwrap_or_default();
    Ok(match operation {
        Operation::List => api.success_body(&Done::Listed(&rows.list().await?)),
        Operation::Create => {
            let draft = api.draft(&RowFields::read(&call.body(body_max).await?)?)?;
            api.success_body(&Done::Created(&rows.create(draft).await?))
        }
        Operation::Show => {
            let webhook = rows.find(id).await?;
            api.success_body(&Done::Shown(&webhook, &rows.stats(&webhook).await?))
        }
        Operation::Update => {
            let found = rows.find(id).await?;
            let patch = api.patch(&RowFields::read(&call.body(body_max).await?)?)?;
            let webhook = rows.update(&found, patch).await?;
            api.success_body(&Done::Updated(&webhook, &rows.stats(&webhook).await?))
        }
        Operation::Remove => {
            rows.remove(id).await?;
            api.success_body(&Done::Removed)
        }
        Operation::Test => {
            let webhook = rows.find(id).await?;
            let tester = app.tester.as_ref().ok_or(Problem::NoTester)?;
            api.success_body(&Done::Tested(&tester.test(&webhook).await))
        }
        Operation::RotateSecret => {
            let found = rows.find(id).await?;
            api.success_body(&Done::Rotated(&rows.rotate_secret(&found).await?))
        }
        Operation::Deliveries => {
            let webhook = rows.find(id).await?;
            let limit = log::limit(&call.query)?;
            api.success_body(&Done::Deliveries(&Log(&rows).of(&webhook, limit).await?))
        }
        Operation::Replay => {
            Log(&rows).replay(id).await?;
            api.success_body(&Done::Replayed)
        }
    })
}
