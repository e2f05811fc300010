//! `/v1/dmarc/records/{d}` and `/v2/x509/{d}`: what proves at other places who sends, and the
//! certificate of the host that opens and clicks are tracked through.

use serde::Serialize;
use warp::Filter;
use warp::http::Method;
use warp::reply::Response;

use super::{not_a_sender, of_domain};
use crate::http::App;
use crate::http::call::Call;
use crate::http::mailgun::answer::{Answered, Refusal, ok, other_method};
use crate::http::mailgun::caller::Caller;
use crate::http::route::{Route, Segment, route};

pub(super) fn routes(app: &App) -> Vec<Route> {
    let dmarc = warp::path!("v1" / "dmarc" / "records" / Segment).boxed();
    let certificate = warp::path!("v2" / "x509" / Segment).boxed();
    let status = warp::path!("v2" / "x509" / Segment / "status").boxed();
    vec![
        route(of_domain(app, dmarc).then(dmarc_record)),
        route(of_domain(app, certificate).then(certificate_of)),
        route(of_domain(app, status).then(certificate_status)),
    ]
}

async fn dmarc_record(domain: Segment, call: Call, app: App) -> Response {
    let answered = match call.method {
        Method::GET => no_dmarc(&domain, &call, &app).await,
        _ => super::refused(&domain, "publishes no DMARC records", &call, &app).await,
    };
    call.respond(answered)
}

async fn certificate_of(host: Segment, call: Call, app: App) -> Response {
    let answered = match call.method {
        Method::POST | Method::PUT | Method::DELETE => no_issuer(&host, &call, &app).await,
        _ => other_method(&call, "POST, PUT, DELETE"),
    };
    call.respond(answered)
}

async fn certificate_status(host: Segment, call: Call, app: App) -> Response {
    let answered = match call.method {
        Method::GET => no_certificate(&host, &call, &app).await,
        _ => other_method(&call, "GET"),
    };
    call.respond(answered)
}

async fn no_dmarc(domain: &str, call: &Call, app: &App) -> Answered {
    Caller::of(call, app).await?.domain(domain, app).await?;
    ok(&DmarcRecord { entry: "", current: "", configured: false })
}

#[derive(Serialize)]
struct DmarcRecord {
    /// Empty, which Terraform takes as "none".
    entry: &'static str,
    current: &'static str,
    configured: bool,
}

async fn no_certificate(host: &str, call: &Call, app: &App) -> Answered {
    owned(host, call, app).await?;
    // Mailgun's text, its placeholder included.
    Err(Refusal::not_found("Please initiate x509 key pair generation at POST /v2/x509/{domain}"))
}

async fn no_issuer(host: &str, call: &Call, app: &App) -> Answered {
    owned(host, call, app).await?;
    Err(not_a_sender("tracks no clicks and has no certificates issued"))
}

/// Sees to it that a tracking host, `email.mg.example.com`, is below a domain of the caller's. PHP's
/// client writes a stray brace behind it.
async fn owned(host: &str, call: &Call, app: &App) -> Result<(), Refusal> {
    /// More labels than a tracking host has before its domain.
    const PREFIX_LABELS_MAX: usize = 8;
    let caller = Caller::of(call, app).await?;
    let mut rest = host.strip_suffix('}').unwrap_or(host);
    for _ in 0..PREFIX_LABELS_MAX {
        match caller.domain(rest, app).await {
            Err(Refusal::Message(..)) => {}
            found => return found.map(|_| ()),
        }
        let Some((_, below)) = rest.split_once('.') else { break };
        rest = below;
    }
    Err(Refusal::not_found("Domain not found"))
}
