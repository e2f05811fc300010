//! The calls that Waypost does not answer itself: passed to the upstream (`--mailgun-upstream`) where there is
//! one, and refused with a word on what to do where there is none.
//!
//! An SDK's base URL is also where it sends mail. Paths below `/v1` to `/v5` that no other route
//! takes come here, with a Mailgun key of the server's first account; webhooks never, whatever is
//! named below them. A request is judged in Waypost's usual order and then sent once.

mod headers;
mod outcome;
mod path;
mod permit;
mod upload;

use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Method, Request};

use self::path::Path;
use self::upload::Failed;
use super::ANY;
use super::answer::{KEY_ID, MailgunError, key_id, respond};
use crate::http::App;
use crate::http::body::BodyError;
use crate::http::call::Call;
use crate::http::caller::{Denied, Principal, Required};
use crate::http::reply::{Response, no_such_route};
use crate::http::routes::Route;
use crate::http::upstream::{Attached, Upload};

/// The route for all that no other row takes. With an upstream, [`pass`] comes before it.
pub(super) fn routes() -> Vec<Route> {
    let rest = Route::open("ANY /{v1|v2|v3|v4|v5}/{...}", Required::Key(ANY), refuse);
    vec![rest.giving_way()]
}

/// Passes a request to the upstream, if it is one of the account that goes there; any other, and
/// whatever may be wrong with it, is handed back.
pub(super) async fn pass(call: Call, app: App) -> Result<Response, Call> {
    let Some(attached) = app.upstream.clone() else { return Err(call) };
    if Path::of(&call.path).is_ok_and(|path| path.is_keys()) {
        return Err(call);
    }
    match caller(&call, &app).await {
        Ok(principal) if principal.account == attached.account => {
            Ok(passed(&principal, &attached, call, &app).await)
        }
        Ok(_) | Err(_) => Err(call),
    }
}

/// The key behind a request, whatever it may do.
async fn caller(call: &Call, app: &App) -> Result<Principal, Denied> {
    let credentials = call.credentials();
    let key = credentials.basic.as_ref().map(|(_, password)| password.as_str());
    app.judge(ANY, key, credentials).await
}

async fn passed(principal: &Principal, attached: &Attached, call: Call, app: &App) -> Response {
    let key = key_id(&call);
    let path = match Path::of(&call.path) {
        Ok(path) if path.is_elsewhere() => path,
        Ok(_) => return no_such_route(),
        Err(refusal) => return respond(key, Err(refusal)),
    };
    let answered = match request(principal, &path, &call, app) {
        Ok((request, failed)) => outcome::of(attached, request, &failed, app).await,
        Err(refusal) => Err(refusal),
    };
    match answered {
        Ok(mut response) => {
            response.headers_mut().extend(key.map(|id| (KEY_ID, id)));
            response
        }
        Err(refusal) => respond(key, Err(refusal)),
    }
}

/// Begins to read the body of a request. Dropped unused, it is read all the same, and thrown away.
fn upload(call: &Call, app: &App) -> Result<(Upload, Failed), BodyError> {
    let stall_max = app.settings.serving.body_timeout;
    match call.pieces().filter(|_| headers::announce_body(&call.headers)) {
        Some(pieces) => upload::begin(pieces, headers::length(&call.headers), stall_max),
        None => Ok(upload::none()),
    }
}

/// The request as it goes out, if it may.
fn request(
    principal: &Principal,
    path: &Path,
    call: &Call,
    app: &App,
) -> Result<(Request<Upload>, Failed), MailgunError> {
    let judged = permit::may_pass(principal, &call.method, path, &call.headers);
    let sent = path.sent(&call.query);
    let (method, mut headers) = (call.method.clone(), headers::sent(&call.headers));
    let takes_body = matches!(method, Method::POST | Method::PUT | Method::PATCH);
    if takes_body && !headers::announce_body(&call.headers) {
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    let upload = upload(call, app);
    judged?;
    let (upload, failed) = upload?;
    let mut request = Request::new(upload);
    *request.method_mut() = method;
    *request.uri_mut() = sent?.into();
    *request.headers_mut() = headers;
    Ok((request, failed))
}

async fn refuse(call: Call, app: App) -> Response {
    let key = key_id(&call);
    let refusal = match caller(&call, &app).await {
        // Other APIs have paths below these versions too: a request has to say that it means
        // Mailgun's.
        Err(Denied::Missing) => return no_such_route(),
        Err(denied) => denied.into(),
        Ok(principal) => match Path::of(&call.path) {
            Ok(path) if path.is_elsewhere() => nobody(&principal, &path, &call, &app),
            Ok(_) => return no_such_route(),
            Err(refusal) => refusal,
        },
    };
    respond(key, Err(refusal))
}

/// The answer to a path that is not served: what to do about it.
fn nobody(principal: &Principal, path: &Path, call: &Call, app: &App) -> MailgunError {
    let refusal = match permit::may_call(principal, &call.method, path) {
        Ok(()) => outcome::not_served(&call.method, &call.path),
        Err(refusal) => refusal,
    };
    // For the answer's sake the body is read: an SDK that is still sending its message would see a
    // broken connection.
    drop(upload(call, app));
    refusal
}
