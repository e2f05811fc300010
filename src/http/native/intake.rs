//! Direct ingest: the owner's own events, one or many at a time, a result for each.

use std::str::FromStr;

use futures_util::{StreamExt, stream};
use http::{HeaderValue, StatusCode, header};
use waypost_compat::Provider;
use waypost_compat::provider::UnknownProvider;

use super::query::Query;
use super::{MANAGER, route};
use crate::api::{BatchItem, IngestStatus, Items, Receipt, RefusedBatch};
use crate::http::call::Call;
use crate::http::caller::Principal;
use crate::http::native_error::NativeError;
use crate::http::reply::{Response, answer};
use crate::http::routes::Route;
use crate::http::{App, Body};
use crate::ingest::{EventBatch, Ingested, RawEvent, split};
use crate::model::{AccountId, DomainName};
use crate::store::Enqueued;

/// The events of one request that are on their way into the store at a time: enough to share a
/// commit, too few to fill its queue.
const IN_FLIGHT_MAX: usize = 64;

/// Content types that promise one event to a line.
const LINES: [&str; 4] =
    ["application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"];

pub(super) fn routes() -> Vec<Route> {
    vec![route("POST /waypost/v1/domains/{domain}/events", MANAGER, take)]
}

async fn take(manager: Principal, call: Call, app: App) -> Result<Response, NativeError> {
    let domain = app.domain_of(&manager, &call.parameter("domain")).await?.name;
    let query = Query::read(&call.query, &["dialect"])?;
    let provider = query.text("dialect").map_or(Ok(Provider::Mailgun), Provider::from_str)?;
    let body = call.body(app.settings.body_bytes_max).await?;
    match split(&body.bytes, provider, promises_lines(&body))? {
        EventBatch::One(item) => {
            let taken = app.take_one(manager.account, &domain, item).await?;
            Ok(answer(StatusCode::OK, &receipt(&taken)))
        }
        EventBatch::Many(items) => Ok(app.take_many(manager.account, &domain, items).await),
    }
}

fn promises_lines(body: &Body) -> bool {
    let essence = body.content_type.as_deref().and_then(|text| text.split(';').next());
    essence.is_some_and(|essence| LINES.iter().any(|one| essence.trim().eq_ignore_ascii_case(one)))
}

impl App {
    async fn take_one(
        &self,
        account: AccountId,
        domain: &DomainName,
        item: Result<RawEvent, UnknownProvider>,
    ) -> Result<Ingested, NativeError> {
        Ok(self.ingest().direct(account, domain.clone(), item?).await?)
    }

    /// Each event is durable or refused when this returns. If the store failed for any, the whole
    /// answer is 503: sending all of it again is safe, since those that were taken are then repeats.
    async fn take_many(
        &self,
        account: AccountId,
        domain: &DomainName,
        items: Vec<Result<RawEvent, UnknownProvider>>,
    ) -> Response {
        let results: Vec<Result<Ingested, NativeError>> = stream::iter(items)
            .map(|item| self.take_one(account, domain, item))
            .buffered(IN_FLIGHT_MAX)
            .collect()
            .await;
        let unavailable = |result: &Result<_, NativeError>| {
            result.as_ref().is_err_and(|e| e.status() == StatusCode::SERVICE_UNAVAILABLE)
        };
        let failed = results.iter().any(unavailable);
        let items: Vec<BatchItem> = results.iter().enumerate().map(numbered).collect();
        if !failed {
            return answer(StatusCode::OK, &Items { items });
        }
        let error = NativeError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "some events could not be stored; send all of them again, none is taken twice",
        );
        let body = RefusedBatch { error: error.body(), items };
        let mut response = answer(error.status(), &body);
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        response
    }
}

/// An event that was taken, as it is answered to whoever sent it.
pub(in crate::http) fn receipt(ingested: &Ingested) -> Receipt {
    Receipt { id: ingested.id(), status: status(ingested).into() }
}

const fn status(ingested: &Ingested) -> IngestStatus {
    match ingested.enqueued {
        Enqueued::Accepted(_) => IngestStatus::Accepted,
        Enqueued::Duplicate(_) => IngestStatus::Duplicate,
    }
}

fn numbered((index, result): (usize, &Result<Ingested, NativeError>)) -> BatchItem {
    let (id, status, error) = match result {
        Ok(ingested) => (Some(ingested.id()), status(ingested), None),
        Err(error) => (None, IngestStatus::Rejected, Some(error.body())),
    };
    BatchItem { index, id, status: status.into(), error }
}
