//! Domains: what Waypost keeps of one beside what Mailgun's API can set.

use serde_json::Value;
use warp::Filter;
use warp::http::StatusCode;
use warp::reply::Response;

use super::error::ApiError;
use super::json::{Fields, answer};
use crate::api;
use crate::http::auth::credentials;
use crate::http::body::body;
use crate::http::route::{Segment, route, with};
use crate::http::{App, Body, BodyError, Credentials, Route};
use crate::model::{DnsRecord, DnsUse, Domain, InvalidRecord};
use crate::store::Decision;

pub(super) fn routes(app: &App) -> Vec<Route> {
    let one = warp::path!("domains" / Segment);
    vec![
        route(one.and(warp::get()).and(credentials()).and(with(app)).then(show)),
        route(one.and(warp::patch()).and(body(app)).and(credentials()).and(with(app)).then(update)),
    ]
}

async fn show(name: Segment, credentials: Credentials, app: App) -> Result<Response, ApiError> {
    let manager = app.manager(&credentials).await?;
    Ok(answer(StatusCode::OK, &shown(&app.domain_of(&manager, &name).await?)))
}

/// Sets the DNS records to report. A list that is not given stays as it was.
async fn update(
    name: Segment,
    body: Result<Body, BodyError>,
    credentials: Credentials,
    app: App,
) -> Result<Response, ApiError> {
    let manager = app.manager(&credentials).await?;
    let domain = app.domain_of(&manager, &name).await?;
    let given = given(body)?;
    let set = |domain: &mut Domain| {
        for (of, records) in &given {
            domain.set_dns_records(*of, records);
        }
        Decision::Keep
    };
    let changed = app.directory.change_domain(manager.account(), &domain.name, Box::new(set));
    match changed.await? {
        Some(domain) => Ok(answer(StatusCode::OK, &shown(&domain))),
        None => Err(ApiError::missing_domain(&domain.name)),
    }
}

/// The lists of a body.
///
/// What `GET /v4/domains/{d}` of Mailgun's API answers is taken as it is, and so is our own answer;
/// the `message` and the `domain` in it change nothing.
fn given(body: Result<Body, BodyError>) -> Result<Vec<(DnsUse, Vec<DnsRecord>)>, ApiError> {
    let [receiving, sending] = DnsUse::ALL.map(DnsUse::field);
    let fields = Fields::read(body, &[receiving, sending, "domain", "message"])?;
    let mut given = Vec::new();
    for of in DnsUse::ALL {
        let records: Option<Vec<Value>> = fields.optional(of.field(), "a list of DNS records")?;
        if let Some(records) = records {
            given.push((of, DnsRecord::list(of, &records)?));
        }
    }
    if given.is_empty() {
        let message = format!("expected `{receiving}` or `{sending}`, found neither");
        return Err(ApiError::malformed(message));
    }
    Ok(given)
}

/// A domain in the shape of Mailgun's own answer.
fn shown(domain: &Domain) -> api::Domain<Value> {
    api::Domain {
        domain: api::DomainHead {
            name: domain.name.clone(),
            id: domain.mailgun_id.clone(),
            created_at: domain.created_at.into(),
        },
        receiving_dns_records: domain.dns_records(DnsUse::Receiving),
        sending_dns_records: domain.dns_records(DnsUse::Sending),
    }
}

impl From<InvalidRecord> for ApiError {
    fn from(error: InvalidRecord) -> Self {
        Self::invalid(&error.place, error.reason)
    }
}
