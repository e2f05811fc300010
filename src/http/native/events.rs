//! Events: what came in, as it came, and what became of it.

use super::deliveries;
use super::query::{Query, listing};
use super::{MANAGER, route};
use crate::api;
use crate::http::App;
use crate::http::call::Call;
use crate::http::caller::Principal;
use crate::http::native_error::NativeError;
use crate::http::reply::{Response, answer};
use crate::http::routes::Route;
use crate::model::{Delivery, DeliveryId, EventId, StoredEvent};
use crate::store::{DeliveryFilter, EventFilter, Page};
use http::{HeaderValue, StatusCode, header};
use waypost_compat::Kind;

/// The word for events whose name is none that we know, where a kind is asked for.
const UNKNOWN: &str = "unknown";

/// The deliveries that are shown with an event; the list of deliveries has them all.
const DELIVERIES_MAX: usize = 200;

/// The pages of the store that are read for them: the work for one answer is bounded.
const PAGES_MAX: usize = 8;

pub(super) fn routes() -> Vec<Route> {
    vec![
        route("GET /waypost/v1/events", MANAGER, list),
        route("GET /waypost/v1/events/{id}", MANAGER, show),
        route("GET /waypost/v1/events/{id}/body", MANAGER, body),
    ]
}

async fn list(manager: Principal, call: Call, app: App) -> Result<Response, NativeError> {
    let query =
        Query::read(&call.query, &["domain", "kind", "recipient", "source", "limit", "cursor"])?;
    let unknown = query.text("kind") == Some(UNKNOWN);
    let filter = EventFilter {
        domain: manager.narrowed(query.parsed("domain")?)?,
        kind: if unknown { None } else { query.parsed::<Kind>("kind")? },
        unknown,
        recipient: query.text("recipient").map(str::to_owned),
        source: query.parsed("source")?,
    };
    let page = app.history.events(manager.account, &filter, &query.page()?).await?;
    Ok(answer(StatusCode::OK, &listing(&page, shown)))
}

async fn show(manager: Principal, call: Call, app: App) -> Result<Response, NativeError> {
    let event = app.event_at(&manager, &call.parameter("id")).await?;
    let deliveries = app.deliveries_of(&event).await?;
    let deliveries = deliveries.iter().map(deliveries::summary).collect();
    Ok(answer(StatusCode::OK, &api::EventDetail { listed: shown(&event), deliveries }))
}

/// The provider's original bytes.
async fn body(manager: Principal, call: Call, app: App) -> Result<Response, NativeError> {
    let event = app.event_at(&manager, &call.parameter("id")).await?;
    let mut response = Response::new(event.body.into());
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    // Somebody else wrote these bytes: no browser shall take them for a page.
    let literal = HeaderValue::from_static("nosniff");
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, literal);
    Ok(response)
}

impl App {
    async fn event_at(&self, manager: &Principal, id: &str) -> Result<StoredEvent, NativeError> {
        let missing = || NativeError::missing("event", id);
        let id: EventId = id.parse().map_err(|_| missing())?;
        let event = self.history.event(manager.account, id).await?;
        event.filter(|found| manager.covers_part(found.domain.as_ref())).ok_or_else(missing)
    }

    async fn deliveries_of(&self, event: &StoredEvent) -> Result<Vec<Delivery>, NativeError> {
        let filter = DeliveryFilter { event: Some(event.id), ..DeliveryFilter::default() };
        let mut found = Vec::new();
        let mut after: Option<DeliveryId> = None;
        for _ in 0..PAGES_MAX {
            let page = Page { after, limit: DELIVERIES_MAX - found.len() };
            let listing = self.history.deliveries(event.account, &filter, &page).await?;
            found.extend(listing.items);
            after = listing.next;
            if after.is_none() || found.len() >= DELIVERIES_MAX {
                break;
            }
        }
        Ok(found)
    }
}

/// An event as it is answered, less its bytes.
fn shown(event: &StoredEvent) -> api::Event {
    api::Event {
        id: event.id,
        domain: event.domain.clone(),
        source: event.source,
        also_by: event.also_by.clone(),
        dialect: event.provider.into(),
        kind: event.kind.map(Into::into),
        name: event.name.clone(),
        provider_id: event.provider_id.clone(),
        recipient: event.recipient.clone(),
        message_id: event.message_id.clone(),
        occurred_at: event.occurred_at.map(Into::into),
        received_at: event.received_at.into(),
        duplicates: event.duplicates,
        body_bytes: event.body.len(),
    }
}
