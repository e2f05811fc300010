//! What Waypost does not answer itself: passed to the upstream (`--mailgun-upstream`) where there is
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

use warp::Filter;
use warp::filters::BoxedFilter;
use warp::filters::path::FullPath;
use warp::http::header::CONTENT_LENGTH;
use warp::http::{HeaderMap, HeaderValue, Method, Request};
use warp::reject::Rejection;
use warp::reply::Response;

use self::path::Path;
use self::upload::{Failed, Source};
use super::answer::{Refusal, respond, show_key_id};
use super::caller;
use crate::http::App;
use crate::http::auth::{Credentials, Principal, credentials};
use crate::http::body::BodyError;
use crate::http::error::no_such_route;
use crate::http::route::{Route, one_of, route, with};
use crate::http::upstream::{Attached, Upload};

/// Requests that go to the upstream, if there is one: those of its account. All others are for the
/// routes behind this one.
pub(super) fn passing(app: &App) -> Vec<Route> {
    if app.upstream.is_none() {
        return Vec::new();
    }
    let path = versions().and(warp::path::full());
    let owner = path.and(credentials()).and(with(app)).and_then(owner);
    vec![route(owner.and(asked()).and(with(app)).then(pass))]
}

/// Requests that nobody answers.
pub(super) fn unserved(app: &App) -> Vec<Route> {
    vec![route(versions().and(asked()).and(with(app)).then(refuse))]
}

/// A request, taken from the connection but for its body.
struct Asked {
    method: Method,
    path: FullPath,
    query: String,
    headers: HeaderMap,
    credentials: Credentials,
    body: Source,
}

impl Asked {
    /// Begins to read the body. Dropped unused, it is read all the same, and thrown away.
    fn upload(self, app: &App) -> Result<(Upload, Failed), BodyError> {
        let stall_max = app.settings.serving.body_timeout;
        match headers::announce_body(&self.headers) {
            true => upload::begin(self.body, headers::length(&self.headers), stall_max),
            false => Ok(upload::none()),
        }
    }
}

fn versions() -> BoxedFilter<()> {
    one_of(&["v1", "v2", "v3", "v4", "v5"])
}

fn asked() -> impl Filter<Extract = (Asked,), Error = Rejection> + Clone {
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    warp::method()
        .and(warp::path::full())
        .and(query)
        .and(warp::header::headers_cloned())
        .and(credentials())
        .and(warp::body::stream().map(upload::source))
        .map(|method, path, query, headers, credentials, body| Asked {
            method,
            path,
            query,
            headers,
            credentials,
            body,
        })
}

/// The key behind a request, and the upstream, where both are the same account's. Any other request,
/// and whatever may be wrong with it, is for the routes behind, hence the rejections.
async fn owner(
    path: FullPath,
    credentials: Credentials,
    app: App,
) -> Result<(Principal, Attached), Rejection> {
    let attached = app.upstream.as_ref().ok_or_else(warp::reject::not_found)?;
    if Path::of(path.as_str()).is_ok_and(|path| path.is_keys()) {
        return Err(warp::reject::not_found());
    }
    match caller::principal(&credentials, &app).await {
        Ok(principal) if principal.account == attached.account => Ok((principal, attached.clone())),
        Ok(_) | Err(_) => Err(warp::reject::not_found()),
    }
}

async fn pass((principal, attached): (Principal, Attached), asked: Asked, app: App) -> Response {
    let credentials = asked.credentials.clone();
    let path = match Path::of(asked.path.as_str()) {
        Ok(path) if path.is_elsewhere() => path,
        Ok(_) => return no_such_route(),
        Err(refusal) => return respond(&credentials, Err(refusal)),
    };
    let answered = match request(&principal, &path, asked, &app) {
        Ok((request, failed)) => outcome::of(&attached, request, &failed, &app).await,
        Err(refusal) => Err(refusal),
    };
    match answered {
        Ok(mut response) => {
            show_key_id(response.headers_mut(), &credentials);
            response
        }
        Err(refusal) => respond(&credentials, Err(refusal)),
    }
}

/// The request as it goes out, if it may.
fn request(
    principal: &Principal,
    path: &Path,
    asked: Asked,
    app: &App,
) -> Result<(Request<Upload>, Failed), Refusal> {
    let judged = permit::may_pass(principal, &asked.method, path, &asked.headers);
    let sent = path.sent(&asked.query);
    let (method, mut headers) = (asked.method.clone(), headers::sent(&asked.headers));
    let takes_body = matches!(method, Method::POST | Method::PUT | Method::PATCH);
    if takes_body && !headers::announce_body(&asked.headers) {
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    let upload = asked.upload(app);
    judged?;
    let (upload, failed) = upload?;
    let mut request = Request::new(upload);
    *request.method_mut() = method;
    *request.uri_mut() = sent?.into();
    *request.headers_mut() = headers;
    Ok((request, failed))
}

async fn refuse(asked: Asked, app: App) -> Response {
    // Other APIs have paths below these versions too: a request has to say that it means Mailgun's.
    if asked.credentials.basic.is_none() {
        return no_such_route();
    }
    let credentials = asked.credentials.clone();
    let refusal = match caller::principal(&credentials, &app).await {
        Ok(principal) => match Path::of(asked.path.as_str()) {
            Ok(path) if path.is_elsewhere() => nobody(&principal, &path, asked, &app),
            Ok(_) => return no_such_route(),
            Err(refusal) => refusal,
        },
        Err(refusal) => refusal,
    };
    respond(&credentials, Err(refusal))
}

/// What to do about a path that is not served.
fn nobody(principal: &Principal, path: &Path, asked: Asked, app: &App) -> Refusal {
    let refusal = match permit::may_call(principal, &asked.method, path) {
        Ok(()) => outcome::not_served(&asked.method, asked.path.as_str()),
        Err(refusal) => refusal,
    };
    // For the answer's sake the body is read: an SDK that is still sending its message would see a
    // broken connection.
    drop(asked.upload(app));
    refusal
}
