//! Domains: what Waypost keeps of one beside what Mailgun's API can set.

use super::json::JsonObject;
use super::{MANAGER, route};
use crate::api;
use crate::http::call::Call;
use crate::http::caller::Principal;
use crate::http::native_error::NativeError;
use crate::http::reply::{Response, answer};
use crate::http::routes::Route;
use crate::http::{App, Body};
use crate::model::{DnsRecord, DnsUse, Domain, InvalidRecord};
use crate::store::Decision;
use http::StatusCode;
use serde_json::Value;

pub(super) fn routes() -> Vec<Route> {
    vec![
        route("GET /waypost/v1/domains/{domain}", MANAGER, show),
        route("PATCH /waypost/v1/domains/{domain}", MANAGER, update),
    ]
}

async fn show(manager: Principal, call: Call, app: App) -> Result<Response, NativeError> {
    Ok(answer(StatusCode::OK, &shown(&app.domain_of(&manager, &call.parameter("domain")).await?)))
}

/// Sets the DNS records to report. A list that is not given stays as it was.
async fn update(manager: Principal, call: Call, app: App) -> Result<Response, NativeError> {
    let domain = app.domain_of(&manager, &call.parameter("domain")).await?;
    let given = given(&call.body(app.settings.body_bytes_max).await?)?;
    let set = |domain: &mut Domain| {
        for (of, records) in &given {
            domain.set_dns_records(*of, records);
        }
        Decision::Keep
    };
    let changed = app.directory.change_domain(manager.account, &domain.name, Box::new(set));
    match changed.await? {
        Some(domain) => Ok(answer(StatusCode::OK, &shown(&domain))),
        None => Err(NativeError::missing_domain(&domain.name)),
    }
}

/// The lists of a body.
///
/// The answer of Mailgun's `GET /v4/domains/{d}` is taken as it is, and so is our own answer;
/// the `message` and the `domain` in it change nothing.
fn given(body: &Body) -> Result<Vec<(DnsUse, Vec<DnsRecord>)>, NativeError> {
    let [receiving, sending] = DnsUse::ALL.map(DnsUse::field);
    let fields = JsonObject::read(body, &[receiving, sending, "domain", "message"])?;
    let mut given = Vec::new();
    for of in DnsUse::ALL {
        let records: Option<Vec<Value>> = fields.optional(of.field(), "a list of DNS records")?;
        if let Some(records) = records {
            given.push((of, DnsRecord::list(of, &records)?));
        }
    }
    if given.is_empty() {
        let message = format!("expected `{receiving}` or `{sending}`, found neither");
        return Err(NativeError::malformed(message));
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

impl From<InvalidRecord> for NativeError {
    fn from(error: InvalidRecord) -> Self {
        Self::invalid(&error.place, error.reason)
    }
}
