//! Endpoints: the receivers behind webhooks, and what their owner may set for them.

use std::num::NonZeroU32;

use http::StatusCode;

use super::json::JsonObject;
use super::query::{Query, listing};
use super::{MANAGER, route};
use crate::api::{self, BreakerState, EndpointState};
use crate::http::call::Call;
use crate::http::caller::Principal;
use crate::http::native_error::NativeError;
use crate::http::reply::{Response, answer};
use crate::http::routes::Route;
use crate::http::{App, Body};
use crate::model::{
    Backlog, Endpoint, EndpointHealth, EndpointId, EndpointLimits, LastFailure, Outcome, Rate,
    Timestamp,
};
use crate::store::{Decision, Listing};

/// The most attempts in flight that an owner may allow.
const CONCURRENCY_MAX: u32 = 10_000;

pub(super) fn routes() -> Vec<Route> {
    vec![
        route("GET /waypost/v1/endpoints", MANAGER, list),
        route("GET /waypost/v1/endpoints/{id}", MANAGER, show),
        route("PATCH /waypost/v1/endpoints/{id}", MANAGER, update),
    ]
}

async fn list(manager: Principal, call: Call, app: App) -> Result<Response, NativeError> {
    let query = Query::read(&call.query, &["domain", "limit", "cursor"])?;
    let domain = manager.narrowed(query.parsed("domain")?)?;
    let page = query.page()?;
    let Listing { items, next } =
        app.directory.endpoints(manager.account, domain.as_ref(), &page).await?;
    let mut counted = Vec::with_capacity(items.len());
    for endpoint in items {
        let backlog = app.history.backlog(manager.account, endpoint.id).await?;
        counted.push((endpoint, backlog));
    }
    let page = Listing { items: counted, next };
    let shown = |(endpoint, backlog): &(Endpoint, Backlog)| shown(&app, endpoint, backlog);
    Ok(answer(StatusCode::OK, &listing(&page, shown)))
}

async fn show(manager: Principal, call: Call, app: App) -> Result<Response, NativeError> {
    let endpoint = app.endpoint_at(&manager, &call.parameter("id")).await?;
    let backlog = app.history.backlog(manager.account, endpoint.id).await?;
    Ok(answer(StatusCode::OK, &shown(&app, &endpoint, &backlog)))
}

/// Sets limits. Once this is answered no delivery is taken up beyond them.
async fn update(manager: Principal, call: Call, app: App) -> Result<Response, NativeError> {
    let endpoint = app.endpoint_at(&manager, &call.parameter("id")).await?;
    let given = Given::read(&call.body(app.settings.body_bytes_max).await?)?;
    let set = |limits: &mut EndpointLimits| {
        given.apply(limits);
        Decision::Keep
    };
    let changed = app.directory.change_endpoint(manager.account, endpoint.id, Box::new(set));
    let endpoint = changed.await?.ok_or_else(|| missing(&endpoint.id.to_string()))?;
    let backlog = app.history.backlog(manager.account, endpoint.id).await?;
    Ok(answer(StatusCode::OK, &shown(&app, &endpoint, &backlog)))
}

/// The limits that a body sets; what it does not name stays as it is.
struct Given {
    rate: Option<Option<Rate>>,
    concurrency: Option<Option<NonZeroU32>>,
    paused: Option<bool>,
}

impl Given {
    fn read(body: &Body) -> Result<Self, NativeError> {
        let known = ["rate", "concurrency", "paused"];
        let fields = JsonObject::read(body, &known)?;
        let rate = match fields.optional::<f64>("rate", "a number of attempts per second")? {
            Some(rate) => Some(Rate::per_second(rate).ok_or_else(|| {
                let (least, most) = (Rate::RANGE.start(), Rate::RANGE.end());
                let expected = format!("expected {least} to {most} attempts per second or null");
                NativeError::invalid("rate", format!("{expected}, found {rate}"))
            })?),
            None => None,
        };
        let in_words = "a number of attempts in flight";
        let concurrency = match fields.optional::<u32>("concurrency", in_words)? {
            Some(number @ 1..=CONCURRENCY_MAX) => NonZeroU32::new(number),
            Some(number) => {
                let expected = format!("expected 1 to {CONCURRENCY_MAX} attempts in flight");
                let message = format!("{expected} or null, found {number}");
                return Err(NativeError::invalid("concurrency", message));
            }
            None => None,
        };
        let paused = fields.optional("paused", "`true` or `false`")?;
        if !known.iter().any(|name| fields.has(name)) {
            let message = "expected `rate`, `concurrency` or `paused`, found none of them";
            return Err(NativeError::malformed(message));
        }
        Ok(Self {
            rate: fields.has("rate").then_some(rate),
            concurrency: fields.has("concurrency").then_some(concurrency),
            paused,
        })
    }

    fn apply(&self, limits: &mut EndpointLimits) {
        limits.rate = self.rate.unwrap_or(limits.rate);
        limits.concurrency = self.concurrency.unwrap_or(limits.concurrency);
        limits.paused = self.paused.unwrap_or(limits.paused);
    }
}

impl App {
    async fn endpoint_at(&self, manager: &Principal, id: &str) -> Result<Endpoint, NativeError> {
        let parsed: EndpointId = id.parse().map_err(|_| missing(id))?;
        let endpoint = self.directory.endpoint(manager.account, parsed).await?;
        let seen = |found: &Endpoint| manager.covers_part(found.scope.domain.as_ref());
        endpoint.filter(seen).ok_or_else(|| missing(id))
    }
}

fn missing(id: &str) -> NativeError {
    NativeError::missing("endpoint", id)
}

fn shown(app: &App, endpoint: &Endpoint, backlog: &Backlog) -> api::Endpoint {
    let Endpoint { id, scope, url, webhooks, limits, health } = endpoint;
    let rate = limits.rate.or(app.settings.endpoint_rate);
    let own_concurrency = limits.concurrency.map(NonZeroU32::get);
    api::Endpoint {
        id: *id,
        url: url.clone(),
        domain: scope.domain.clone(),
        dialect: scope.dialect.into(),
        webhooks: webhooks.clone(),
        state: state(endpoint).into(),
        rate: limits.rate.map(Rate::as_per_second),
        concurrency: own_concurrency,
        paused: limits.paused,
        limits: api::Limits {
            rate: rate.map(Rate::as_per_second),
            concurrency: own_concurrency.unwrap_or(app.settings.endpoint_concurrency),
        },
        health: health_at(health, app.clock.now()),
        waiting: backlog.waiting,
        waiting_more: backlog.more,
        oldest_waiting_at: backlog.oldest.map(Into::into),
    }
}

const fn state(endpoint: &Endpoint) -> EndpointState {
    match (endpoint.limits.paused, &endpoint.health.breaker) {
        (true, _) => EndpointState::Paused,
        (false, Some(_)) => EndpointState::Resting,
        (false, None) => EndpointState::Active,
    }
}

fn health_at(health: &EndpointHealth, now: Timestamp) -> api::EndpointHealth {
    let breaker = match health.breaker {
        Some(open) if open.probe_at <= now => BreakerState::HalfOpen,
        Some(_) => BreakerState::Open,
        None => BreakerState::Closed,
    };
    api::EndpointHealth {
        failures: health.failures,
        first_failure_at: health.first_failure_at.map(Into::into),
        last_failure: health.last_failure.as_ref().map(last_failure),
        breaker: breaker.into(),
        open_since: health.breaker.map(|open| open.since.into()),
        next_probe_at: health.breaker.map(|open| open.probe_at.into()),
    }
}

fn last_failure(failure: &LastFailure) -> api::LastFailure {
    let (status, error) = match &failure.outcome {
        Outcome::Answered { status, .. } => (Some(*status), None),
        Outcome::Failed(failure) => (None, Some((*failure).into())),
    };
    api::LastFailure {
        at: failure.at.into(),
        delivery_id: failure.delivery,
        status,
        error,
        excerpt: failure.excerpt.clone(),
    }
}
