//! A test event through a gateway: signed as the provider signs, posted to the URL that the provider
//! now has, and followed to the receivers.

use http::{HeaderName, HeaderValue, Method};
use serde::Deserialize;
use serde_json::Value;
use waypost_compat::sample::{Facts, body};
use waypost_compat::signature::{Stamp, sign};
use waypost_compat::{Dialect, Kind, Secret};

use super::apply::Sides;
use super::error::Error;
use super::journal::{Journal, step_name};
use super::plan::{INGEST, Plan, Step};
use super::progress::Progress;
use super::verify::Findings;
use crate::api::Receipt;
use crate::client::api::{Api, Payload};
use crate::clock::Clock;
use crate::model::DeliveryState;

/// The source that a test event is sent to.
struct ProbedSource<'a> {
    dialect: Dialect,
    domain: &'a str,
    name: &'a str,
    ingest_url: &'a str,
    secret: &'a Secret,
}

/// Sends a test event to each source that the migration made, and says which receivers took it.
pub async fn send_through(
    journal: &Journal,
    sides: &Sides,
    clock: &Clock,
    progress: &mut dyn Progress,
) -> Result<Findings, Error> {
    let mut findings = Findings::default();
    let plan = journal.plan();
    for (index, step) in plan.steps.iter().enumerate() {
        let Step::AddSource { key, dialect, domain, secret_of, .. } = step else { continue };
        let made = journal.made(&step_name(false, index));
        let Some(ingest_url) = made.and_then(|made| made.ingest_url.as_deref()) else { continue };
        let secret = match secret_of {
            Some(row) => sides.secrets.get(row),
            None => sides.signing_key.as_ref(),
        };
        let (Some(secret), Some(name)) = (secret, first_event(plan, key)) else { continue };
        let domain = domain.as_deref().or_else(|| any_domain(plan)).unwrap_or("example.com");
        let source = ProbedSource { dialect: *dialect, domain, name, ingest_url, secret };
        match post(&source, clock).await {
            Err(told) => findings.bad.push(format!("{ingest_url}: {told}")),
            Ok(event) => {
                for delivery in sides.gateway()?.deliveries_of(&event, progress).await? {
                    let (url, state) = (&delivery.url, &delivery.state);
                    let is_good = *state == DeliveryState::Delivered;
                    let list = if is_good { &mut findings.good } else { &mut findings.bad };
                    list.push(format!("{url}: test event of {name} is {state}"));
                }
            }
        }
    }
    Ok(findings)
}

/// The first event name that is led to a source.
fn first_event<'p>(plan: &'p Plan, key: &str) -> Option<&'p str> {
    let wanted = format!("{INGEST}{key}");
    plan.steps.iter().find_map(|step| match step {
        Step::SetList { event, becomes, .. } if becomes.contains(&wanted) => Some(&**event),
        Step::ChangeRow { was, becomes, .. } if becomes.url == wanted => Some(was.events.first()?),
        _ => None,
    })
}

fn any_domain(plan: &Plan) -> Option<&str> {
    plan.before.from.lists.first().map(|list| &*list.domain)
}

/// Posts the event as the provider would; the gateway's id of it, or why it was not taken.
async fn post(source: &ProbedSource<'_>, clock: &Clock) -> Result<String, String> {
    let now = clock.now();
    let event_id = clock.random_hex::<11>();
    let facts = Facts {
        domain: source.domain,
        event_id: &event_id,
        occurred_at_ms: now.millis(),
        subject: "A test event of waypost migrate verify",
        ..Facts::default()
    };
    let happened = source.dialect.kind_of(source.name).unwrap_or(Kind::Delivered);
    let payload = body(source.dialect, happened, &facts).ok_or("there is no sample of it")?;
    let token = clock.random_hex::<25>();
    let stamp = Stamp {
        timestamp: now.seconds(),
        token: &token,
        event_id: &event_id,
        event_name: source.name,
    };
    let signed = sign(source.dialect.scheme(), &[source.secret], &payload, &stamp);
    let headers = signed.headers.iter().filter_map(|(name, value)| {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        Some((name, HeaderValue::from_str(value).ok()?))
    });
    let headers: Vec<_> = headers.collect();
    let (base, path) = split(source.ingest_url).ok_or("its ingest URL is none")?;
    let api = Api::new(base, &[]).map_err(|error| error.to_string())?;
    let sent = api.send(Method::POST, path, &headers, Payload::Raw(signed.body.into())).await;
    let (status, answer) = sent.map_err(|error| error.to_string())?;
    let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
    match Receipt::deserialize(&answer) {
        Ok(receipt) if status.is_success() => Ok(receipt.id.to_string()),
        _ => Err(format!("answered a test event with {status}: {answer}")),
    }
}

/// The server and the path of a URL.
fn split(url: &str) -> Option<(&str, &str)> {
    url.find("/ingest/").map(|at| url.split_at(at))
}
