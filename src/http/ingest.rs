//! `POST /ingest/{source_id}`: where providers send their events.

use tracing::{debug, info, warn};
use warp::Filter;
use warp::http::{HeaderMap, StatusCode};
use warp::reply::Response;

use super::body::body;
use super::native::error::ApiError;
use super::native::intake::receipt;
use super::native::json::answer;
use super::route::{Segment, route, with};
use super::{App, Body, BodyError, Route};
use crate::ingest::{Ingest, Refusal};
use crate::model::SourceId;

/// The ingest URL. Some providers try a new URL with another method first, so that too is answered
/// in words.
pub(super) fn routes(app: &App) -> Vec<Route> {
    let url = warp::path!("ingest" / Segment);
    let headers = warp::header::headers_cloned();
    vec![
        route(url.and(warp::post()).and(headers).and(body(app)).and(with(app)).then(take)),
        route(url.map(|_| explain())),
    ]
}

async fn take(
    id: Segment,
    headers: HeaderMap,
    body: Result<Body, BodyError>,
    app: App,
) -> Result<Response, ApiError> {
    let source: SourceId = id.parse().map_err(|_| Refusal::NoSuchSource)?;
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let taken = app.ingest().take(source, header, body?.bytes).await;
    let taken = taken.map_err(|refusal| told(source, refusal))?;
    if !taken.known {
        info!(
            source.id = %source,
            event.id = %taken.id(),
            "kept a {} event whose name is none that we know; nobody is told of it",
            taken.provider
        );
    }
    Ok(answer(StatusCode::OK, &receipt(&taken)))
}

/// Whoever knows a source's URL is its provider or close to it, so what is refused there is worth
/// a line: a wrong secret is what goes wrong most. Strangers' guesses are not.
fn told(source: SourceId, refusal: Refusal) -> ApiError {
    match &refusal {
        Refusal::NoSuchSource => debug!(source.id = %source, "somebody tried an unknown source"),
        // Told with its cause where it is turned into an answer.
        Refusal::Unavailable(_) => {}
        Refusal::Disabled
        | Refusal::NoSecret
        | Refusal::Signature(_)
        | Refusal::NotAnEvent { .. } => {
            warn!(source.id = %source, "refused what was posted to a source: {refusal}");
        }
    }
    ApiError::from(refusal)
}

fn explain() -> ApiError {
    ApiError::method("POST", "this is an ingest URL: the provider sends its events here, by POST")
}

impl App {
    /// What takes events in.
    pub(super) fn ingest(&self) -> Ingest {
        Ingest {
            intake: self.intake.clone(),
            clock: self.clock.clone(),
            settings: self.settings.clone(),
            stats: self.stats.clone(),
            renderings: self.renderings.clone(),
        }
    }
}
